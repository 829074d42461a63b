use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header, response};
use lastbyte_core::{Ask, Attempts, BodyError, Deadline};
use tokio::time::Instant;

use crate::layer::Config;

/// How much of an error's body is read to see whether it can heal: providers' errors are below 4 KiB.
const MAX_ERROR_BODY: usize = 64 << 10;

/// How much may be held of a stream that shows no content. Role chunks and pings have some hundred bytes.
const MAX_HELD: usize = 256 << 10;

/// What does not change over the attempts.
pub(crate) struct Plan {
    pub(crate) ask: Ask,
    pub(crate) deadline: Deadline,
    /// No attempt begins later.
    pub(crate) last_start: Instant,
    /// When the head of a streamed answer leaves, whatever is known of it.
    pub(crate) release_at: Instant,
    pub(crate) attempts: Attempts,
    pub(crate) config: Arc<Config>,
}

/// What the attempts came to.
pub(crate) enum Came<E> {
    /// An answer to hand on, its body in the machine: its head, unless that has left already.
    Head(Option<response::Parts>),
    /// A 2xx answer that broke before its content, with nothing left to try.
    Broken(BodyError),
    /// No answer.
    Error(E),
}

/// Why retrying ended, for the headers of what is handed on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GivenUp {
    /// It was given up, and did not simply succeed.
    pub(crate) is: bool,
    /// When to come back, where that is known and did not fit.
    pub(crate) retry_after: Option<Duration>,
}

/// What of an answer is looked at before it is handed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Look {
    /// A stream, up to its first content.
    Stream,
    /// A whole answer, to its end.
    Whole,
    /// An error, for what it says.
    Error,
}

impl Look {
    /// How much of it is held at most, in bytes.
    pub(crate) fn room(self, config: &Config) -> usize {
        match self {
            Self::Stream => MAX_HELD,
            Self::Whole => config.max_answer,
            Self::Error => MAX_ERROR_BODY,
        }
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().ends_with(b"json")
}
