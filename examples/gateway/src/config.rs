//! What the gateway runs with: defaults, under a file, under the environment, under flags.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use lastbyte::redact::tower::Show;
use lastbyte::retry::splice::{Continuation, Strategy};
use lastbyte::retry::{Ambiguous, Hedge, MaxAttempts};

mod journal;
mod keys;
mod overload;
mod read;
mod redact;
mod value;

pub(crate) use journal::{Idempotency, Store, StoreUrl};
pub(crate) use overload::{Backpressure, Breaker, Quota};
pub(crate) use read::{Sources, load};
pub(crate) use redact::{Redact, STYLES, Style, rules};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) drain_timeout: Duration,
    /// The largest request body, in bytes.
    pub(crate) max_body: usize,
    pub(crate) upstream: Upstream,
    pub(crate) timeouts: Timeouts,
    /// Timeouts of single models, by their name in requests; what one leaves out is as for all.
    pub(crate) models: BTreeMap<String, ModelTimeouts>,
    pub(crate) stream: Stream,
    pub(crate) retry: Retry,
    pub(crate) breaker: Breaker,
    pub(crate) backpressure: Backpressure,
    pub(crate) quota: Quota,
    pub(crate) store: Store,
    pub(crate) idempotency: Idempotency,
    pub(crate) redact: Redact,
    pub(crate) log: Log,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    /// The base URL, without a slash at its end.
    pub(crate) url: Uri,
    /// The environment variable with the key; `None` where the reader's own key is always passed on.
    pub(crate) api_key_env: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) continuation: Continuation,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timeouts {
    pub(crate) first_event: Duration,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ModelTimeouts {
    pub(crate) first_event: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) total: Option<Duration>,
}

impl ModelTimeouts {
    /// These where they are set, else those of `all`.
    pub(crate) fn over(&self, all: Timeouts) -> Timeouts {
        Timeouts {
            first_event: self.first_event.unwrap_or(all.first_event),
            idle: self.idle.unwrap_or(all.idle),
            total: self.total.unwrap_or(all.total),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stream {
    pub(crate) hold_head: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) seal: bool,
    /// The largest event, in bytes.
    pub(crate) max_event: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Retry {
    pub(crate) max_attempts: MaxAttempts,
    pub(crate) initial: Duration,
    pub(crate) cap: Duration,
    pub(crate) within: Duration,
    pub(crate) max_wait: Duration,
    /// Retries for each first attempt.
    pub(crate) budget: f64,
    /// Retries a second that are always allowed.
    pub(crate) budget_floor: f64,
    pub(crate) pacing: bool,
    pub(crate) hedge: Hedge,
    pub(crate) ambiguous: Ambiguous,
    pub(crate) mid_stream: Strategy,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Log {
    /// A level or a filter of `tracing-subscriber`.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
    /// How much of questions and answers.
    pub(crate) questions: Show,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            admin_listen: ([127, 0, 0, 1], 8081).into(),
            drain_timeout: Duration::from_secs(30),
            max_body: 4 << 20,
            upstream: Upstream {
                url: Uri::from_static("https://api.openai.com/v1"),
                api_key_env: Some("OPENAI_API_KEY".into()),
                connect_timeout: Duration::from_secs(5),
                continuation: Continuation::None,
            },
            timeouts: Timeouts {
                first_event: Duration::from_secs(60),
                idle: Duration::from_secs(60),
                total: Duration::from_secs(600),
            },
            models: BTreeMap::new(),
            stream: Stream {
                hold_head: Duration::from_secs(10),
                heartbeat: Duration::from_secs(10),
                seal: true,
                max_event: 1 << 20,
            },
            retry: Retry {
                max_attempts: MaxAttempts::MOST,
                initial: Duration::from_secs(1),
                cap: Duration::from_secs(20),
                within: Duration::from_secs(70),
                max_wait: Duration::from_secs(60),
                budget: 0.2,
                budget_floor: 1.0,
                pacing: true,
                hedge: Hedge::Never,
                ambiguous: Ambiguous::Retry,
                mid_stream: Strategy::Auto,
            },
            breaker: Breaker::default(),
            backpressure: Backpressure::default(),
            quota: Quota::default(),
            store: Store::default(),
            idempotency: Idempotency::default(),
            redact: Redact::default(),
            log: Log { level: "info".into(), format: LogFormat::Text, questions: Show::Digest },
        }
    }
}

impl Config {
    /// The upstream's key, where the environment has it.
    pub(crate) fn api_key(&self) -> Option<String> {
        let name = self.upstream.api_key_env.as_ref()?;
        std::env::var(name).ok().filter(|key| !key.is_empty())
    }
}

/// A time as TOML.
fn time(time: Duration) -> String {
    format!("\"{}\"", humantime::format_duration(time))
}

/// As TOML that would be read back as the same, with a comment on the key.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { upstream, timeouts, stream, retry, log, .. } = self;
        writeln!(f, "listen = \"{}\"\nadmin_listen = \"{}\"", self.listen, self.admin_listen)?;
        writeln!(f, "drain_timeout = {}\nmax_body = {}", time(self.drain_timeout), self.max_body)?;
        writeln!(f, "\n[upstream]\nurl = \"{}\"", upstream.url)?;
        match (&upstream.api_key_env, self.api_key()) {
            (Some(name), Some(_)) => writeln!(f, "api_key_env = {name:?}  # set: ********")?,
            (Some(name), None) => {
                writeln!(f, "api_key_env = {name:?}  # not set: the reader's own key is passed on")?;
            }
            (None, _) => writeln!(f, "api_key_env = \"\"  # the reader's own key is passed on")?,
        }
        writeln!(f, "continuation = \"{}\"", upstream.continuation.as_str())?;
        writeln!(f, "connect_timeout = {}", time(upstream.connect_timeout))?;
        writeln!(f, "\n[timeouts]\nfirst_event = {}", time(timeouts.first_event))?;
        writeln!(f, "idle = {}\ntotal = {}", time(timeouts.idle), time(timeouts.total))?;
        for (model, own) in &self.models {
            writeln!(f, "\n[timeouts.models.{model:?}]")?;
            for (key, value) in [("first_event", own.first_event), ("idle", own.idle), ("total", own.total)] {
                if let Some(value) = value {
                    writeln!(f, "{key} = {}", time(value))?;
                }
            }
        }
        writeln!(f, "\n[stream]\nhold_head = {}", time(stream.hold_head))?;
        writeln!(f, "heartbeat = {}\nseal = {}", time(stream.heartbeat), stream.seal)?;
        writeln!(f, "max_event = {}", stream.max_event)?;
        write!(f, "{}{}", self.backpressure, self.quota)?;
        writeln!(f, "\n[retry]\nmax_attempts = {}", retry.max_attempts.as_u32())?;
        writeln!(f, "initial = {}\ncap = {}", time(retry.initial), time(retry.cap))?;
        writeln!(f, "within = {}\nmax_wait = {}", time(retry.within), time(retry.max_wait))?;
        writeln!(f, "budget = {}\nbudget_floor = {}", retry.budget, retry.budget_floor)?;
        let hedge = match retry.hedge {
            Hedge::Never => "never",
            Hedge::Unkeyed => "unkeyed",
            Hedge::Always => "always",
        };
        writeln!(f, "pacing = {}\nhedge = \"{hedge}\"", retry.pacing)?;
        let ambiguous = match retry.ambiguous {
            Ambiguous::Retry => "retry",
            Ambiguous::Fail => "fail",
        };
        writeln!(f, "ambiguous = \"{ambiguous}\"\nmid_stream = \"{}\"", retry.mid_stream.as_str())?;
        write!(f, "{}", self.breaker)?;
        write!(f, "{}{}{}", self.store, self.idempotency, self.redact)?;
        let format = match log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        writeln!(f, "\n[log]\nlevel = {:?}\nformat = \"{format}\"", log.level)?;
        writeln!(f, "questions = \"{}\"", log.questions)
    }
}
