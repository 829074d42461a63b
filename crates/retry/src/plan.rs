use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header, response};
use lastbyte_core::{
    Ask, Attempts, BodyError, Deadline, PaidOnce, Refusal, RefusedBy, Tenant, UpstreamKey, Watched, far,
    is_encoded,
};
use tokio::time::Instant;

use crate::kept::Kept;
use crate::layer::Config;
use crate::pace::{Arrived, Pass};
use crate::seam::Seam;
use crate::splice::{Settings, reads_restart};
use crate::upstream::Upstream;
use crate::{Ambiguous, Policy};

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
    pub(crate) upstream: Arc<Upstream>,
    /// Whether a second attempt may stand beside one that is late.
    pub(crate) hedge: bool,
    /// What failures before content mean for this call.
    pub(crate) policy: Policy,
    /// Whether it can go on where it breaks behind its content, and whether by a restart too.
    splice: Option<bool>,
    tenant: Tenant,
    /// The limit of the whole call, where it is known.
    deadline: Option<Deadline>,
    /// Whether the attempts behind the first have yet to be told of it.
    untold: bool,
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
        let upstream = config.upstream(UpstreamKey::name_of(request.uri(), extensions));
        let paid_once = extensions.get::<PaidOnce>().is_some();
        let (shared, deadline) = (extensions.get::<Attempts>().cloned(), extensions.get().copied());
        let mut plan = Self {
            ask,
            upstream,
            hedge: !paid_once && config.hedge.allows(&ask, request.headers()),
            policy: if paid_once {
                Policy { ambiguous: Ambiguous::Fail, ..config.policy }
            } else {
                config.policy
            },
            splice: splice(&ask, &config.splice, request.headers()),
            tenant: Tenant::default(),
            config,
            deadline,
            untold: false,
            came: None,
            attempts: 0,
            shared,
        };
        if let (None, Some(total)) = (deadline, plan.config.total) {
            let deadline = Deadline::of(request.headers(), plan.came(), total);
            request.extensions_mut().insert(deadline);
            plan.deadline = Some(deadline);
        }
        plan
    }

    /// What joins the attempts at a streamed answer, whose request had this body; `None` where it could not
    /// go on anyway.
    pub(crate) fn seam(&self, request: Option<Bytes>) -> Option<Box<Seam>> {
        let (restarts, dialect) = (self.splice?, self.ask.dialect?);
        Some(Box::new(Seam::new(self.config.splice, dialect, restarts, request?)))
    }

    /// Whether the request is of use behind content too.
    pub(crate) fn splices(&self) -> bool {
        self.splice.is_some()
    }

    /// The answer broke behind its content: its attempts have as much time again, within the call's limit.
    pub(crate) fn broke(&mut self, now: Instant) {
        self.came = Some(now);
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

    /// The first attempt comes to the pacer, where there is one. Only chat calls pass through it: what else
    /// an upstream answers has limits of its own.
    pub(crate) fn arrive_first<A>(&mut self, request: &Request<A>) -> Option<Arrived> {
        let pace = self.upstream.pace.as_ref().filter(|_| self.ask.dialect.is_some())?.clone();
        let now = self.came();
        self.tenant = Tenant::of(request.extensions());
        if self.deadline.is_none() {
            self.deadline = Some(Deadline::of(request.headers(), now, USUAL_TOTAL));
            self.untold = true;
        }
        Some(pace.arrive(now, self.tenant, self.last_moment()))
    }

    /// A further attempt comes to it.
    pub(crate) fn arrive<A>(&mut self, now: Instant, kept: Option<&mut Kept<A>>) -> Option<Arrived> {
        let pace = self.upstream.pace.as_ref().filter(|_| self.ask.dialect.is_some())?.clone();
        let last = kept.map_or(now, |kept| self.last_start(kept));
        Some(pace.arrive(now, self.tenant, last))
    }

    /// No attempt begins later. What the caller allows is read from the kept request, and told to the
    /// attempts that follow: the first has the header itself.
    pub(crate) fn last_start<A>(&mut self, kept: &mut Kept<A>) -> Instant {
        if self.deadline.is_none() {
            let headers = kept.headers().unwrap_or_default();
            self.deadline = Some(Deadline::of(&headers, self.came(), USUAL_TOTAL));
            self.untold = true;
        }
        if let Some(deadline) = self.deadline.filter(|_| self.untold) {
            kept.limit(deadline);
            self.untold = false;
        }
        self.last_moment()
    }

    fn last_moment(&mut self) -> Instant {
        let last = far(self.came(), self.config.within);
        self.deadline.map_or(last, |deadline| deadline.at.min(last))
    }

    /// What a caller gets whose turn would come too late.
    pub(crate) fn too_late(&self, come_back: Duration) -> Refusal {
        let message = "the chat API takes no more requests for now; this one's turn would come too late";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, RefusedBy::Retry, "rate_limit_exceeded", message)
            .retry_after(Some(come_back))
            .dialect(self.ask.dialect)
    }

    /// The limit of the whole call, where it is known.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// One more attempt begins.
    pub(crate) fn begin(&mut self) {
        self.attempts += 1;
        if self.attempts == 1 && self.upstream.has_budget() {
            let now = self.came();
            self.upstream.sent(now);
        }
        if let Some(shared) = &self.shared {
            shared.begin();
        }
    }

    /// The last attempt was refused by a layer further in, and never went out.
    pub(crate) fn take_back(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
        if let Some(shared) = &self.shared {
            shared.take_back();
        }
    }

    /// How many attempts were begun.
    pub(crate) fn attempts(&self) -> u32 {
        self.shared.as_ref().map_or(self.attempts, Attempts::count)
    }
}

/// Whether an answer to this can go on behind its content, and whether its reader understands a restart.
fn splice(ask: &Ask, settings: &Settings, headers: &HeaderMap) -> Option<bool> {
    if ask.dialect.is_none() || ask.stream == Some(false) || !settings.is_of_use(true) {
        return None;
    }
    let restarts = reads_restart(headers);
    settings.is_of_use(restarts).then_some(restarts)
}

/// What the attempts came to.
pub(crate) enum Came<E, B> {
    /// An answer that passes as it comes.
    Passing(response::Parts, Watched<B>, Option<Box<Pass>>),
    /// An answer that was looked at, its body in the machine: its head, unless that has left already.
    Head(Option<response::Parts>),
    /// There was no attempt, for want of a turn.
    Refused(Refusal),
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
    if is_encoded(headers) {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().ends_with(b"json")
}
