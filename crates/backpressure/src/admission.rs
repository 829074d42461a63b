use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use lastbyte_core::{
    Ask, BoxError, Class, Deadline, Listening, PerKey, Refusal, RefusedBy, Tenant, UpstreamKey, Watch, far,
};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::adaptive::Adaptive;
use crate::gate::{Entered, Gate, Turned};
use crate::held::{Held, Places};
use crate::limit::Limit;
use crate::queue::Caller;
use crate::sync::Arc;
use crate::{Charge, MemoryBudget};

mod future;

use future::Queued;
pub use future::ResponseFuture;

/// What one stream takes beside what is charged for it apart: the buffers of two connections, the state of
/// the call and of its layers. Measured with readers that never read, in the gateway.
const PER_STREAM: usize = 96 << 10;

/// How long the queue may be without a moment in which nobody waits before the newest go first: a burst
/// that drains is no overload.
const PATIENCE: Duration = Duration::from_secs(5);

/// When to come back where nothing is known of how fast places become free.
const COME_BACK: Duration = Duration::from_secs(1);

/// Limits how many streams there are at once, to the last byte of each, with a queue before them.
#[derive(Clone, Debug)]
pub struct AdmissionLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    places: PerKey<Places>,
}

#[derive(Clone, Debug)]
struct Config {
    limit: usize,
    by: RefusedBy,
    adaptive: bool,
    refusals: bool,
    seed: Option<u64>,
    max_queue: usize,
    queue_timeout: Duration,
    memory: Option<MemoryBudget>,
    watch: Watch,
}

/// What one gate holds at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// Streams that have a place.
    pub held: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// How many places there are.
    pub limit: usize,
}

impl AdmissionLayer {
    /// So many streams at once in all, one at least; for the readers' side. It refuses as `admission`.
    pub fn new(limit: usize) -> Self {
        Self::of(limit, RefusedBy::Admission)
    }

    /// So many streams at once to each upstream, one at least; for around an attempt. It refuses as
    /// `backpressure`. Upstreams are told apart by [`UpstreamKey`], or by host.
    pub fn per_upstream(limit: usize) -> Self {
        Self::of(limit, RefusedBy::Backpressure)
    }

    fn of(limit: usize, by: RefusedBy) -> Self {
        let config = Config {
            limit: limit.max(1),
            by,
            adaptive: false,
            refusals: true,
            seed: None,
            max_queue: 1000,
            queue_timeout: Duration::from_secs(5),
            memory: None,
            watch: Watch::default().strict(),
        };
        Self { shared: Arc::new(Shared { config, places: PerKey::default() }) }
    }

    fn with(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.config.clone();
        change(&mut config);
        Self { shared: Arc::new(Shared { config, places: PerKey::default() }) }
    }

    /// Finds out how many streams the upstream takes, below the limit. See [the crate](crate#adaptive).
    #[must_use]
    pub fn with_adaptive(self, adaptive: bool) -> Self {
        self.with(|config| config.adaptive = adaptive)
    }

    /// Whether an upstream that refuses (429, 529, and 503 with a time to come back) tells
    /// [`Self::with_adaptive`] that there are too many streams, as it does by default. Off where something
    /// further out paces the calls after a refusal already: two that slow down for the same reason starve it.
    #[must_use]
    pub fn with_refusals(self, tell: bool) -> Self {
        self.with(|config| config.refusals = tell)
    }

    /// Makes what it tries out to learn the limit the same in every run.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.with(|config| config.seed = Some(seed))
    }

    /// How many callers may wait for a place, 1000 by default; 0: none.
    #[must_use]
    pub fn with_max_queue(self, callers: usize) -> Self {
        self.with(|config| config.max_queue = callers)
    }

    /// How long a caller may wait for a place: 5 seconds by default, and never longer than its
    /// [`Deadline`].
    #[must_use]
    pub fn with_queue_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.queue_timeout = timeout)
    }

    /// A budget that each stream takes 96 KiB of, and what is known of its request's size. What does not fit
    /// is refused.
    #[must_use]
    pub fn with_memory(self, budget: MemoryBudget) -> Self {
        self.with(|config| config.memory = Some(budget))
    }

    /// How large one event may be, in bytes, where no layer further in has looked at the answer.
    #[must_use]
    pub fn with_max_event(self, bytes: usize) -> Self {
        self.with(|config| config.watch = config.watch.max_event(bytes))
    }

    /// Lets an event stream that breaks end as it comes, where it is held to its ending by default. For outside
    /// of a layer that tells of the break in an event, and ends the transport cleanly behind it.
    #[must_use]
    pub fn lenient(self) -> Self {
        self.with(|config| config.watch = config.watch.lenient())
    }

    /// What all its gates hold together, and the limit of one.
    pub fn total(&self) -> Occupancy {
        let mut total = Occupancy { held: 0, waiting: 0, limit: self.shared.config.limit };
        for (_, places) in self.shared.places.all() {
            let Occupancy { held, waiting, .. } = places.occupancy();
            total.held += held;
            total.waiting += waiting;
        }
        total
    }

    /// What its gates hold, by the names of their upstreams; one without a name where it has one for all.
    pub fn occupancy(&self) -> Vec<(Box<str>, Occupancy)> {
        let all = self.shared.places.all().into_iter();
        all.map(|(name, places)| (name, places.occupancy())).collect()
    }
}

impl Shared {
    fn places(&self, name: &str) -> std::sync::Arc<Places> {
        let Config { limit, adaptive, refusals, seed, max_queue, .. } = self.config;
        let make = || {
            let limit = if adaptive {
                Limit::Learned(Box::new(Adaptive::new(limit, seed.unwrap_or_else(|| fastrand::u64(..)))))
            } else {
                Limit::Fixed(limit)
            };
            Places::new(Gate::new(limit, max_queue, PATIENCE), adaptive, refusals)
        };
        self.places.of(name, make, |_| false)
    }

    fn charge(&self, body: u64) -> Result<Option<Charge>, Refusal> {
        let Some(budget) = &self.config.memory else { return Ok(None) };
        let bytes = usize::try_from(body).unwrap_or(usize::MAX).saturating_add(PER_STREAM);
        budget.charge(bytes).map(Some).ok_or_else(|| {
            let message = "there is no memory for another answer at the moment; try again in a moment";
            self.refuse("memory_budget", message, COME_BACK)
        })
    }

    fn turned(&self, turned: Turned, expected: Option<Duration>) -> Refusal {
        let (code, message) = match turned {
            Turned::Full | Turned::Displaced => {
                ("queue_full", "too many callers wait for an answer already; try again in a moment")
            }
            Turned::TooLong(_) => {
                ("queue_timeout", "it would not be this caller's turn in time; try again in a moment")
            }
        };
        let wait = match turned {
            Turned::TooLong(wait) => wait.max(expected.unwrap_or_default()),
            _ => expected.unwrap_or(COME_BACK),
        };
        self.refuse(code, message, wait.max(COME_BACK))
    }

    fn refuse(&self, code: &'static str, message: &str, after: Duration) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, self.config.by, code, message).retry_after(Some(after))
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { inner, shared: self.shared.clone() }
    }
}

/// The service of [`AdmissionLayer`].
#[derive(Clone, Debug)]
pub struct Admission<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: Clone> Admission<S> {
    #[cold]
    fn refuse<A>(&mut self, refusal: Refusal) -> ResponseFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        // What was made ready for this call goes back: a service that nobody calls holds nothing.
        self.inner = self.inner.clone();
        ResponseFuture::refused(refusal)
    }
}

/// The body of an answer that holds its place.
pub type ResponseBody<B> = Listening<B, Held>;

impl<S, A, B> Service<Request<A>> for Admission<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    S::Error: 'static,
    A: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let shared = &self.shared;
        let charge = match shared.charge(request.body().size_hint().lower()) {
            Ok(charge) => charge,
            Err(refusal) => return self.refuse(refusal.dialect(ask.dialect)),
        };
        let places = match shared.config.by {
            RefusedBy::Backpressure => {
                shared.places(UpstreamKey::name_of(request.uri(), request.extensions()))
            }
            _ => shared.places(""),
        };
        if let Some(permit) = places.gate.try_enter() {
            let held = Held::new(permit, charge, places);
            return ResponseFuture::calling(self.inner.call(request), ask, shared.config.watch, held);
        }
        let now = Instant::now();
        let own = far(now, shared.config.queue_timeout);
        let deadline = request.extensions().get::<Deadline>().map_or(own, |limit| limit.at.min(own));
        let class = request.extensions().get::<Class>().copied().unwrap_or_default();
        let caller = Caller { tenant: Tenant::of(request.extensions()), class };
        match places.gate.enter(caller, now, deadline) {
            Ok(Entered::At(permit)) => {
                let held = Held::new(permit, charge, places);
                ResponseFuture::calling(self.inner.call(request), ask, shared.config.watch, held)
            }
            Ok(Entered::Behind(place)) => {
                // What was made ready is what will be called.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let shared = shared.clone();
                ResponseFuture::queued(
                    Queued::new(service, request, shared, place, places, charge, caller, deadline),
                    ask,
                )
            }
            Err(turned) => {
                let expected = places.gate.expected(caller, now);
                let refusal = shared.turned(turned, expected);
                self.refuse(refusal.dialect(ask.dialect))
            }
        }
    }
}
