use std::fmt;

use http::StatusCode;

mod finish;

pub use finish::Finish;

/// How far an attempt or an answer has come.
///
/// Up to the end of [`Phase::FirstEvent`] nothing the reader could keep was forwarded, so a retry is
/// invisible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No head yet.
    Head,
    /// A head, and no content yet. Role chunks, pings and comments are not content.
    FirstEvent,
    /// Content was forwarded: text, reasoning, a tool call, a refusal or a finish reason.
    Stream,
}

/// What one ending is the ending of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One call upstream: what breakers, permits and guards listen to.
    Attempt,
    /// What the caller asked for, over all attempts.
    Answer,
    /// One reader's connection.
    Reading,
}

/// How an attempt, an answer or a reading ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ending {
    /// The protocol's own sign of completion was seen: a finish reason for every choice, a stop reason or
    /// a terminal `response.*` event. `[DONE]` alone is not one.
    Complete {
        /// The finish reason as the provider spelt it.
        finish: Finish,
        /// Tokens, where the provider told them.
        usage: Option<Usage>,
    },
    /// A head was seen, but the body ended before that sign.
    Truncated {
        /// What ended it.
        cause: Cause,
        /// Whether the limit that ended it was the caller's own, shorter than the configured one.
        by_caller: bool,
    },
    /// There was no head, an error event, or nothing readable.
    Failed {
        /// What went wrong.
        kind: FailureKind,
    },
    /// Somebody asked for it to stop.
    Cancelled,
    /// The reader went away.
    Abandoned,
    /// The reader stopped reading.
    Stalled,
    /// One of our own layers said no.
    Refused {
        /// Which one.
        by: RefusedBy,
    },
    /// A drain, a lost lease or a panic on our side.
    Interrupted,
    /// The body was no chat answer, or none that can be read.
    Opaque {
        /// Whether it ended as it was framed.
        ok: bool,
    },
}

/// Tokens an answer took, as the provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
}

/// What ended a body before its sign of completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A clean end of the transport.
    Eof,
    /// The transport broke.
    Reset,
    /// The end came in the middle of an event.
    HalfEvent,
    /// Fewer bytes came than the framing had promised (RFC 9112 section 8).
    LengthShort,
    /// No content within the first-event timeout.
    FirstEvent,
    /// Silence for longer than the idle timeout.
    Idle,
    /// The whole call took longer than the total timeout.
    Total,
    /// An event larger than the bound.
    TooLarge,
    /// The server itself gave up (`finish_reason: "abort"` of vLLM).
    Aborted,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection: nothing was sent.
    Connect,
    /// The connection broke before a head.
    Reset,
    /// No head in time.
    Timeout {
        /// Whether the limit was the caller's own, shorter than the configured one.
        by_caller: bool,
    },
    /// A status that is no answer.
    Status(StatusCode),
    /// An error inside a 2xx answer.
    Event {
        /// What kind of error.
        kind: ErrorKind,
        /// The provider's code or type, shortened to 64 bytes.
        code: Box<str>,
        /// The provider's message, shortened to 512 bytes; empty where there was none.
        message: Box<str>,
    },
    /// Not readable as what was asked for.
    Garbage,
}

/// What an error of the provider means for the upstream and for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The server's own trouble.
    Server,
    /// Too fast: a slower rate cures it.
    RateLimited,
    /// Money or a quota that does not come back in seconds.
    Billing,
    /// The request itself is at fault.
    Request,
}

impl ErrorKind {
    /// The kind of an error by its code and type, as the providers document them.
    ///
    /// Sources: OpenAI's error codes guide and help articles 5955604 and 6614457; Anthropic's errors page;
    /// google.rpc status names.
    pub fn of(code: &str, kind: &str) -> Self {
        const BILLING: &[&str] = &[
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
            "billing_error",
            "enforced_spend_limit_reached",
            "linked_organization_spend_limit_reached",
            "contract_spend_limit_reached",
            "billing_not_active",
        ];
        const RATE: &[&str] = &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "slow_down",
            "ramp_limit_exceeded",
            "rate_limited",
            "RESOURCE_EXHAUSTED",
            "429",
            "1300",
        ];
        const REQUEST: &[&str] = &[
            "invalid_request_error",
            "invalid_prompt",
            "context_length_exceeded",
            "content_policy_violation",
            "authentication_error",
            "permission_error",
            "not_found_error",
            "request_too_large",
            "model_not_found",
            "invalid_api_key",
            "INVALID_ARGUMENT",
            "400",
            "401",
            "403",
            "404",
            "413",
            "422",
        ];
        let is = |words: &[&str]| words.contains(&code) || words.contains(&kind);
        if is(BILLING) {
            Self::Billing
        } else if is(RATE) {
            Self::RateLimited
        } else if is(REQUEST) {
            Self::Request
        } else {
            Self::Server
        }
    }
}

/// Whose doing an ending was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Nobody's: it went well, or a limit of the caller's ended it.
    Nobody,
    /// The chat API's.
    Upstream,
    /// The request's: another one might have been answered.
    Request,
    /// The caller's, who asked for it to stop.
    Caller,
    /// The reader's, who left or stopped reading.
    Reader,
    /// Ours.
    Us,
}

/// What an ending counts as for the upstream's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The upstream did its work.
    Success,
    /// It did not.
    Failure,
    /// It says nothing about the upstream.
    Neutral,
}

/// The layer that refused a request, as the header `x-lastbyte-refused-by` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the layer of that name")]
pub enum RefusedBy {
    Auth,
    Limits,
    Admission,
    Quota,
    Breaker,
    Retry,
    Backpressure,
    Idempotency,
    Store,
    Deferred,
    Redact,
}

impl RefusedBy {
    /// The name in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Limits => "limits",
            Self::Admission => "admission",
            Self::Quota => "quota",
            Self::Breaker => "breaker",
            Self::Retry => "retry",
            Self::Backpressure => "backpressure",
            Self::Idempotency => "idempotency",
            Self::Store => "store",
            Self::Deferred => "deferred",
            Self::Redact => "redact",
        }
    }
}

impl Ending {
    /// Whose doing it was.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Complete { .. } | Self::Opaque { ok: true } => Blame::Nobody,
            Self::Truncated { by_caller: true, .. } => Blame::Nobody,
            Self::Truncated { .. } | Self::Opaque { ok: false } => Blame::Upstream,
            Self::Failed { kind } => match kind {
                FailureKind::Timeout { by_caller: true } => Blame::Nobody,
                FailureKind::Status(status) if status.is_client_error() => Blame::Request,
                FailureKind::Event { kind: ErrorKind::Request | ErrorKind::Billing, .. } => Blame::Request,
                _ => Blame::Upstream,
            },
            Self::Cancelled => Blame::Caller,
            Self::Abandoned | Self::Stalled => Blame::Reader,
            Self::Refused { .. } | Self::Interrupted => Blame::Us,
        }
    }

    /// What it counts as for the upstream's health.
    ///
    /// A 429 is neutral, as an event too: what it needs is a slower rate, not an outage.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Complete { .. } | Self::Opaque { ok: true } => Verdict::Success,
            Self::Failed { kind: FailureKind::Event { kind: ErrorKind::RateLimited, .. } } => {
                Verdict::Neutral
            }
            Self::Failed { kind: FailureKind::Status(status) } if status.as_u16() == 511 => Verdict::Neutral,
            _ if self.blame() == Blame::Upstream => Verdict::Failure,
            _ => Verdict::Neutral,
        }
    }

    /// Whether the body must not end as if all were well: the reader has to be told.
    pub fn is_broken(&self) -> bool {
        !matches!(
            self,
            Self::Complete { .. } | Self::Opaque { ok: true } | Self::Failed { kind: FailureKind::Status(_) }
        )
    }

    /// What kind it is, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::Truncated { .. } => "truncated",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
            Self::Stalled => "stalled",
            Self::Refused { .. } => "refused",
            Self::Interrupted => "interrupted",
            Self::Opaque { .. } => "opaque",
        }
    }

    /// The `code` of the error event that tells a reader of this ending. It is `interrupted` for all that ended on this
    /// side; [`name`](Self::name) tells those apart.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { cause, .. } => match cause {
                Cause::FirstEvent => "first_event_timeout",
                Cause::Idle => "idle_timeout",
                Cause::Total => "total_timeout",
                Cause::TooLarge => "answer_too_large",
                _ => "stream_truncated",
            },
            // A caller limits the whole call, and nothing else.
            Self::Failed { kind: FailureKind::Timeout { by_caller: true } } => "total_timeout",
            Self::Failed { kind: FailureKind::Timeout { by_caller: false } } => "first_event_timeout",
            Self::Failed { .. } => "upstream_error",
            Self::Cancelled => "cancelled",
            Self::Complete { .. } | Self::Opaque { ok: true } => "none",
            Self::Opaque { ok: false } => "stream_truncated",
            Self::Abandoned | Self::Stalled | Self::Refused { .. } | Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { finish, .. } => write!(f, "the answer is complete ({})", finish.as_str()),
            Self::Truncated { cause, .. } => f.write_str(match cause {
                Cause::Eof => "the answer ended before it was finished",
                Cause::Reset => "the connection to the chat API broke in the middle of the answer",
                Cause::HalfEvent => "the answer ended in the middle of an event",
                Cause::LengthShort => "the answer ended before its announced length",
                Cause::FirstEvent => "the chat API sent no content in time",
                Cause::Idle => "the chat API fell silent in the middle of the answer",
                Cause::Total => "the answer took longer than allowed",
                Cause::TooLarge => "an event of the answer was larger than allowed",
                Cause::Aborted => "the chat API gave the answer up",
            }),
            Self::Failed { kind } => match kind {
                FailureKind::Connect => f.write_str("the chat API could not be reached"),
                FailureKind::Reset => f.write_str("the connection to the chat API broke before an answer"),
                FailureKind::Timeout { .. } => f.write_str("the chat API did not answer in time"),
                FailureKind::Status(status) => write!(f, "the chat API answered {status}"),
                FailureKind::Event { code, message, .. } => {
                    write!(f, "the chat API reported an error ({code})")?;
                    if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
                }
                FailureKind::Garbage => f.write_str("the chat API sent something that is not an answer"),
            },
            Self::Cancelled => f.write_str("the answer was cancelled"),
            Self::Abandoned => f.write_str("the reader left"),
            Self::Stalled => f.write_str("the reader stopped reading"),
            Self::Refused { by } => write!(f, "refused by {}", by.as_str()),
            Self::Interrupted => f.write_str("the answer was interrupted"),
            Self::Opaque { ok: true } => f.write_str("the body ended as framed"),
            Self::Opaque { ok: false } => f.write_str("the body ended before its framing said"),
        }
    }
}
