use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use lastbyte_core::{Cause, Ending, ErrorKind, FailureKind, Sent, TransportFault};
use serde_json::Value;

use crate::hint;

/// What to do where a failure came after the request was sent and before any answer: it may have been
/// worked on, and paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambiguous {
    /// Try again: an answer is worth more than the risk of paying twice.
    #[default]
    Retry,
    /// Fail: only what surely was not worked on is tried again.
    Fail,
}

/// How an attempt failed, before any content was forwarded.
#[derive(Clone, Copy, Debug)]
pub enum Failed<'a> {
    /// With a status that is no answer.
    Status {
        /// The status.
        status: StatusCode,
        /// Its headers.
        headers: &'a HeaderMap,
        /// As much of its body as was read.
        body: &'a [u8],
    },
    /// Without a head.
    Fault(&'a TransportFault),
    /// In its body.
    Ended(&'a Ending),
}

/// Whether another attempt is worth its while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes: after exactly so long where the upstream has said it, or else after a backoff.
    Retry {
        /// What the upstream asks for.
        after: Option<Duration>,
    },
    /// No.
    Stop {
        /// Why.
        why: Stop,
        /// When the upstream says to come back.
        hint: Option<Duration>,
    },
}

/// Why there is no other attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This status or error does not heal by itself.
    Status,
    /// The upstream said so (`x-should-retry: false`).
    ShouldRetry,
    /// It asks for a longer wait than allowed.
    OverCap,
    /// Money, or a quota that does not come back in seconds.
    Billing,
    /// It may have been worked on, and [`Ambiguous::Fail`] was chosen.
    Ambiguous,
    /// The caller's own limit is over.
    Deadline,
}

/// Decides from how an attempt failed. A plain value: the clock is passed in.
///
/// Sources: RFC 9110 section 10.2.3 for `Retry-After`, the SDKs of OpenAI and Anthropic for the statuses
/// and `x-should-retry`, the providers' error pages for the codes.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The longest wait; what asks for more is handed on at once.
    pub max_wait: Duration,
    /// What to do where the request may have been worked on.
    pub ambiguous: Ambiguous,
}

impl Policy {
    /// The decision, and its reason.
    pub fn decide(&self, failed: Failed<'_>, now: SystemTime) -> Decision {
        match failed {
            Failed::Status { status, headers, body } => self.status(status, headers, body, now),
            Failed::Fault(fault) => {
                if fault.passing {
                    self.again(fault.sent == Sent::No, None)
                } else {
                    Decision::Stop { why: Stop::Status, hint: None }
                }
            }
            Failed::Ended(ending) => self.ended(ending),
        }
    }

    fn status(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Decision {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = error_of(&body);
        let asked = hint::directive(headers, error, now);
        let stop = |why| Decision::Stop { why, hint: asked };
        if asked.is_some_and(|wait| wait > self.max_wait) {
            return stop(Stop::OverCap);
        }
        match hint::should_retry(headers) {
            Some(true) => return Decision::Retry { after: asked },
            Some(false) => return stop(Stop::ShouldRetry),
            None => {}
        }
        if is_billing(error) {
            return stop(Stop::Billing);
        }
        if !is_passing(status) {
            return stop(Stop::Status);
        }
        let reset = || hint::reset(status, headers, now).filter(|wait| *wait <= self.max_wait);
        match self.again(is_untouched(status), asked.or_else(reset)) {
            Decision::Stop { why, .. } => stop(why),
            again => again,
        }
    }

    fn ended(&self, ending: &Ending) -> Decision {
        let stop = |why| Decision::Stop { why, hint: None };
        match ending {
            Ending::Truncated { by_caller: true, .. } => stop(Stop::Deadline),
            // It would be as large again.
            Ending::Truncated { cause: Cause::TooLarge, .. } => stop(Stop::Status),
            Ending::Truncated { .. } => self.again(false, None),
            Ending::Failed { kind } => match kind {
                FailureKind::Event { kind: ErrorKind::Billing, .. } => stop(Stop::Billing),
                FailureKind::Event { kind: ErrorKind::Request, .. } => stop(Stop::Status),
                FailureKind::Event { kind: ErrorKind::RateLimited, .. } => self.again(true, None),
                FailureKind::Timeout { by_caller: true } => stop(Stop::Deadline),
                FailureKind::Status(status) if !is_passing(*status) => stop(Stop::Status),
                FailureKind::Connect => self.again(true, None),
                _ => self.again(false, None),
            },
            _ => stop(Stop::Status),
        }
    }

    fn again(&self, untouched: bool, after: Option<Duration>) -> Decision {
        if untouched || self.ambiguous == Ambiguous::Retry {
            Decision::Retry { after }
        } else {
            Decision::Stop { why: Stop::Ambiguous, hint: after }
        }
    }
}

/// Statuses that may be another one at the next attempt.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 409 | 425 | 429 => true,
        // Not implemented, version not supported, network authentication required: these stay.
        501 | 505 | 511 => false,
        other => other >= 500,
    }
}

/// Statuses that say the request was not worked on.
fn is_untouched(status: StatusCode) -> bool {
    matches!(status.as_u16(), 409 | 425 | 429 | 503 | 521 | 522 | 529)
}

/// The error in an error's body. Google wraps it into a list.
pub(crate) fn error_of(body: &Value) -> &Value {
    body.get(0).unwrap_or(body).get("error").unwrap_or(body)
}

/// Whether an error is about money, or a quota that does not come back in seconds.
pub(crate) fn is_billing(error: &Value) -> bool {
    let word = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let code = match &error["details"]["error_code"] {
        Value::Null => word(&error["code"]),
        inner => word(inner),
    };
    // Google tells a quota of the day apart only by its id.
    let per_day = || {
        let details = error["details"].as_array().into_iter().flatten();
        let violations = details.filter_map(|detail| detail["violations"].as_array()).flatten();
        violations.filter_map(|it| it["quotaId"].as_str()).any(|id| id.contains("PerDay"))
    };
    ErrorKind::of(&code, &word(&error["type"])) == ErrorKind::Billing || per_day()
}
