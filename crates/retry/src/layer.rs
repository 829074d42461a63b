use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, PerKey, Watch};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::machine::Machine;
use crate::pace::{Arrived, Pace};
use crate::plan::Plan;
use crate::splice::Settings;
use crate::upstream::Upstream;
use crate::{Ambiguous, Backoff, Budget, Policy, ReplayBody, ResponseBody, ResponseFuture};

/// How often an answer may be asked for: once to five times, so that no setting can make a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAttempts(u32);

impl MaxAttempts {
    /// Five, the most there can be.
    pub const MOST: Self = Self(5);

    /// So many; `None` for zero and for more than five.
    pub const fn new(attempts: u32) -> Option<Self> {
        if attempts >= 1 && attempts <= 5 { Some(Self(attempts)) } else { None }
    }

    /// The number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// One retry for five first attempts: Finagle's default, and twice the tenth that Google's SRE book allows.
const BUDGET: f64 = 0.2;

/// So that a service with few calls can retry at all.
const BUDGET_FLOOR: f64 = 1.0;

/// Whether an answer that is late is asked for a second time, beside the first. The one that shows content
/// first goes on, the other is cancelled; both may have to be paid for.
///
/// Late is what takes longer to its first content than 95 of 100 of the answers before it (Dean and Barroso,
/// "The Tail at Scale", 2013), once forty are known. The second one is one of the attempts, and the budget
/// has to allow it as it does a retry. It never waits, neither for the service nor for the pacer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hedge {
    /// Never.
    #[default]
    Never,
    /// Where the request has no `Idempotency-Key`: under a key one answer is paid for once.
    Unkeyed,
    /// Always.
    Always,
}

impl Hedge {
    pub(crate) fn allows(self, ask: &Ask, headers: &HeaderMap) -> bool {
        match self {
            Self::Never => false,
            Self::Unkeyed => Self::Always.allows(ask, headers) && !headers.contains_key("idempotency-key"),
            Self::Always => ask.stream == Some(true) && ask.dialect.is_some(),
        }
    }
}

/// Asks again where an answer failed before any of its content was forwarded.
#[derive(Clone, Debug)]
pub struct RetryLayer(Arc<Config>);

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) max_attempts: MaxAttempts,
    pub(crate) backoff: Backoff,
    pub(crate) policy: Policy,
    pub(crate) within: Duration,
    /// `None`: the usual one, and then only for the attempts behind the first.
    pub(crate) total: Option<Duration>,
    pub(crate) hold_head: Duration,
    pub(crate) max_body: usize,
    pub(crate) max_answer: usize,
    pub(crate) watch: Watch,
    pub(crate) hedge: Hedge,
    pub(crate) splice: Settings,
    /// Ratio and floor.
    budget: Option<(f64, f64)>,
    pacing: bool,
    /// What has been learnt of each upstream.
    upstreams: Arc<PerKey<Upstream>>,
    random: Mutex<fastrand::Rng>,
}

impl Clone for Config {
    fn clone(&self) -> Self {
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { random: Mutex::new(random), upstreams: Arc::default(), ..*self }
    }
}

impl Config {
    /// What is known of the upstream of this name.
    pub(crate) fn upstream(&self, name: &str) -> Arc<Upstream> {
        let make = || {
            let now = Instant::now();
            let budget = self.budget.and_then(|(ratio, floor)| Budget::new(ratio, floor, now));
            let seed = self.random.lock().unwrap_or_else(PoisonError::into_inner).u64(..);
            Upstream::new(budget, self.pacing.then(|| Pace::new(now, seed)))
        };
        self.upstreams.of(name, make, |_| false)
    }

    /// A random number in `0.0..1.0`.
    pub(crate) fn random(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryLayer {
    /// Five attempts, backoff from 1 s up to 20 s with full jitter, none begun later than 70 s.
    pub fn new() -> Self {
        let max_answer = 4 << 20;
        Self(Arc::new(Config {
            max_attempts: MaxAttempts::MOST,
            backoff: Backoff::default(),
            policy: Policy { max_wait: Duration::from_secs(60), ambiguous: Ambiguous::Retry },
            within: Duration::from_secs(70),
            total: None,
            hold_head: Duration::from_secs(10),
            max_body: 4 << 20,
            max_answer,
            watch: Watch::default().strict().max_json(max_answer),
            hedge: Hedge::Never,
            splice: Settings::default(),
            budget: Some((BUDGET, BUDGET_FLOOR)),
            pacing: true,
            upstreams: Arc::default(),
            random: Mutex::new(fastrand::Rng::new()),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// How often an answer may be asked for, the first time included.
    #[must_use]
    pub fn with_max_attempts(self, attempts: MaxAttempts) -> Self {
        self.with(|config| config.max_attempts = attempts)
    }

    /// How attempts are spread out where the upstream names no time.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        self.with(|config| config.backoff = backoff)
    }

    /// The longest wait that an upstream may ask for; a longer one is handed to the caller at once.
    #[must_use]
    pub fn with_max_wait(self, wait: Duration) -> Self {
        self.with(|config| config.policy.max_wait = wait)
    }

    /// What to do where a request that failed may have been worked on.
    #[must_use]
    pub fn with_ambiguous(self, ambiguous: Ambiguous) -> Self {
        self.with(|config| config.policy.ambiguous = ambiguous)
    }

    /// How long after the request came an attempt may still be begun.
    #[must_use]
    pub fn with_within(self, within: Duration) -> Self {
        self.with(|config| config.within = within)
    }

    /// How long the whole call may take, where the request carries no [`Deadline`]: no wait goes beyond it,
    /// and every attempt is told of it. Without it that is 10 min, and the attempts behind the first are
    /// told; the first has the limits of the layers further in.
    ///
    /// [`Deadline`]: lastbyte_core::Deadline
    #[must_use]
    pub fn with_total(self, total: Duration) -> Self {
        self.with(|config| config.total = Some(total))
    }

    /// How long the head of a streamed answer may wait for its first content. After it the reader gets 200,
    /// and what still fails is told inside the stream.
    #[must_use]
    pub fn with_hold_head(self, hold: Duration) -> Self {
        self.with(|config| config.hold_head = hold)
    }

    /// How many bytes of a request body are kept to be sent again.
    #[must_use]
    pub fn with_max_body(self, bytes: usize) -> Self {
        self.with(|config| config.max_body = bytes)
    }

    /// How many bytes of a whole (JSON) answer are held to be judged before it is forwarded.
    #[must_use]
    pub fn with_max_answer(self, bytes: usize) -> Self {
        self.with(|config| {
            config.max_answer = bytes;
            config.watch = config.watch.max_json(bytes);
        })
    }

    /// How large one event may be, in bytes, where no layer further in watches the body already.
    #[must_use]
    pub fn with_max_event(self, bytes: usize) -> Self {
        self.with(|config| config.watch = config.watch.max_event(bytes))
    }

    /// How many retries failures may cause at one upstream: `ratio` for each first attempt (0 to 100), and
    /// `floor` a second (0 to a million) whatever is sent. What it does not allow fails at once with its last
    /// error. A 429 does not count. `None` where one of them is no such number. See [`Budget`].
    #[must_use]
    pub fn with_budget(self, ratio: f64, floor: f64) -> Option<Self> {
        Budget::new(ratio, floor, Instant::now())?;
        Some(self.with(|config| config.budget = Some((ratio, floor))))
    }

    /// Without any bound on what retries cost in all, but for the attempts of each call.
    #[must_use]
    pub fn without_budget(self) -> Self {
        self.with(|config| config.budget = None)
    }

    /// Whether all chat calls to one upstream share what it says of its limits, and take turns at the rate
    /// that it takes; they do unless told otherwise. Without it each call waits for itself. See
    /// [`Pacer`](crate::Pacer).
    #[must_use]
    pub fn with_pacing(self, pacing: bool) -> Self {
        self.with(|config| config.pacing = pacing)
    }

    /// Whether a streamed answer whose first content is late is asked for a second time, beside the first.
    #[must_use]
    pub fn with_hedge(self, hedge: Hedge) -> Self {
        self.with(|config| config.hedge = hedge)
    }

    /// How a streamed answer goes on that breaks behind its content, and what of it is kept for that. By
    /// default one goes on by a restart, for readers that understand that; for others it ends with its
    /// error, since nothing is known of the upstream. See [`splice`](crate::splice).
    ///
    /// Each request for the rest is one of the attempts, and the budget has to allow it as it does a retry.
    /// It may be begun as long after the break as [`with_within`](Self::with_within) allows after the
    /// request came, and within the call's own limit.
    #[must_use]
    pub fn with_splice(self, settings: Settings) -> Self {
        self.with(|config| config.splice = settings)
    }

    /// Makes the jitter the same in every run.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.with(|config| config.random = Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry { inner, config: self.0.clone() }
    }
}

/// The service of [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S, A, B> Service<Request<A>> for Retry<S>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>> + Clone,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<S, A, B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        // The service that was made ready is the one that is called; its clone has to become ready anew.
        let clone = self.inner.clone();
        let mut service = std::mem::replace(&mut self.inner, clone);

        let mut plan = Plan::new(&mut request, self.config.clone());
        let arrived = plan.arrive_first(&request);
        if let Some(Arrived::Wait(_) | Arrived::TooLate(_)) = arrived {
            // A turn may be long in coming: what the service has set aside for this call goes back.
            service = self.inner.clone();
        }
        let mut machine = Box::pin(Machine::new(service, plan));
        machine.as_mut().begin(request, arrived);
        ResponseFuture::new(machine)
    }
}
