use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, header, response};
use lastbyte_core::{Ask, Attempts, BodyError, Deadline, Watched, far};
use tokio::time::Instant;

use crate::kept::Kept;
use crate::layer::Config;

/// How long a call may take with its retries where nobody says otherwise: what OpenAI's SDKs wait.
const USUAL_TOTAL: Duration = Duration::from_secs(600);

/// How much of an error's body is read to see whether it can heal: providers' errors are below 4 KiB.
const MAX_ERROR_BODY: usize = 64 << 10;

/// How much may be held of a stream that shows no content. Role chunks and pings have some hundred bytes.
const MAX_HELD: usize = 256 << 10;

/// What one call is held to, over all its attempts.
pub(crate) struct Plan {
    pub(crate) ask: Ask,
    pub(crate) config: Arc<Config>,
    /// The limit of the whole call, where it was known before the first attempt.
    deadline: Option<Deadline>,
    /// When the call began; `None` while nobody had to know.
    came: Option<Instant>,
    attempts: u32,
    /// The count that others look at too, where there is one.
    shared: Option<Attempts>,
}

impl Plan {
    /// The plan of a call, to whose request a configured limit is added.
    pub(crate) fn new<A>(request: &mut Request<A>, config: Arc<Config>) -> Self {
        let extensions = request.extensions();
        let ask = Ask::of_request(request.method(), request.uri(), extensions);
        let (shared, deadline) = (extensions.get::<Attempts>().cloned(), extensions.get().copied());
        let mut plan = Self { ask, config, deadline, came: None, attempts: 0, shared };
        if let (None, Some(total)) = (deadline, plan.config.total) {
            let deadline = Deadline::of(request.headers(), plan.came(), total);
            request.extensions_mut().insert(deadline);
            plan.deadline = Some(deadline);
        }
        plan
    }

    /// When the call began, which is now unless it was asked for before.
    ///
    /// The clock is read at the first wait or failure, and not for an answer that is there at once.
    pub(crate) fn came(&mut self) -> Instant {
        *self.came.get_or_insert_with(Instant::now)
    }

    /// When the head of a streamed answer leaves, whatever is known of it.
    pub(crate) fn release_at(&mut self) -> Instant {
        let hold = self.config.hold_head;
        far(self.came(), hold)
    }

    /// No attempt begins later. What the caller allows is read from the kept request, and told to the
    /// attempts that follow: the first has the header itself.
    pub(crate) fn last_start<A>(&mut self, kept: &mut Kept<A>) -> Instant {
        let came = self.came();
        let deadline = self.deadline.unwrap_or_else(|| {
            let headers = kept.headers().unwrap_or_default();
            let deadline = Deadline::of(&headers, came, USUAL_TOTAL);
            kept.limit(deadline);
            deadline
        });
        self.deadline = Some(deadline);
        deadline.at.min(far(came, self.config.within))
    }

    /// The limit of the whole call, where it is known.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// One more attempt begins.
    pub(crate) fn begin(&mut self) {
        self.attempts += 1;
        if let Some(shared) = &self.shared {
            shared.begin();
        }
    }

    /// How many attempts were begun.
    pub(crate) fn attempts(&self) -> u32 {
        self.shared.as_ref().map_or(self.attempts, Attempts::count)
    }
}

/// What the attempts came to.
pub(crate) enum Came<E, B> {
    /// An answer that passes as it comes.
    Passing(response::Parts, Watched<B>),
    /// An answer that was looked at, its body in the machine: its head, unless that has left already.
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

/// JSON that can be read; a compressed one is nothing to wait for.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().ends_with(b"json")
}
