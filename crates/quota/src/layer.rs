use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Listening, PerKey, Refusal, RefusedBy, Watch};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::{Late, ResponseFuture};
use crate::headers::Go;
use crate::lengths::Lengths;
use crate::reserved::Call;
use crate::{Allowance, Cost, Denied, Key, Limited, Local, Quotas, Reserved, Standing, Taking, Wanted};

/// What an answer is taken to be before enough are known, in tokens: more than most chat answers are.
const EXPECTED: u64 = 1_024;

/// Requests and tokens a minute, for each key.
pub struct QuotaLayer<Q = Local> {
    shared: Arc<Shared<Q>>,
    config: Config,
}

/// What all services of a layer share.
pub(crate) struct Shared<Q> {
    pub(crate) quotas: Q,
    lengths: PerKey<Lengths>,
    pub(crate) totals: Counts,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    expected: u64,
    pub(crate) headers: bool,
    pub(crate) watch: Watch,
}

/// Tokens so far, of all keys together: how far apart the two are says how good the estimates were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Reserved for calls that were let through.
    pub reserved: u64,
    /// Used in the end, by those that have ended.
    pub used: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    reserved: AtomicU64,
    used: AtomicU64,
}

impl Counts {
    pub(crate) fn reserved(&self, tokens: u64) {
        self.reserved.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(crate) fn used(&self, tokens: u64) {
        self.used.fetch_add(tokens, Ordering::Relaxed);
    }
}

impl QuotaLayer {
    /// The same allowance for each key, kept in this process.
    pub fn new(allowance: Allowance) -> Self {
        Self::with_quotas(Local::new(allowance))
    }
}

impl<Q: Quotas> QuotaLayer<Q> {
    /// Allowances that are kept by `quotas`.
    pub fn with_quotas(quotas: Q) -> Self {
        let config = Config { expected: EXPECTED, headers: true, watch: Watch::default().strict() };
        let (lengths, totals) = Default::default();
        Self { shared: Arc::new(Shared { quotas, lengths, totals }), config }
    }

    /// What an answer is taken to be while too few of its model are known: 1,024 tokens by default.
    #[must_use]
    pub fn with_expected_answer(mut self, tokens: u64) -> Self {
        self.config.expected = tokens;
        self
    }

    /// Whether answers tell in `x-ratelimit-*` what is left, as they do by default.
    #[must_use]
    pub fn with_headers(mut self, tell: bool) -> Self {
        self.config.headers = tell;
        self
    }

    /// How large one event may be, in bytes, where no layer further in has looked at the answer.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.config.watch = self.config.watch.max_event(bytes);
        self
    }

    /// Lets an event stream that breaks end as it comes, where it is held to its ending by default. For outside
    /// of a layer that tells of the break in an event, and ends the transport cleanly behind it.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.config.watch = self.config.watch.lenient();
        self
    }

    /// Where its allowances are kept.
    pub fn quotas(&self) -> &Q {
        &self.shared.quotas
    }

    /// What was reserved and used so far.
    pub fn totals(&self) -> Totals {
        let Counts { reserved, used } = &self.shared.totals;
        Totals { reserved: reserved.load(Ordering::Relaxed), used: used.load(Ordering::Relaxed) }
    }
}

impl<Q> Clone for QuotaLayer<Q> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), config: self.config }
    }
}

impl<Q: fmt::Debug> fmt::Debug for QuotaLayer<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaLayer").field("quotas", &self.shared.quotas).finish_non_exhaustive()
    }
}

impl<Q: Quotas> Shared<Q> {
    /// What a request is estimated to take, of which `wanted` is known.
    fn call(&self, key: Key, wanted: &Wanted, expected: u64, is_chat: bool) -> Call {
        let (prompt, choices) = (wanted.prompt(), wanted.choices());
        let cap = wanted.cap().unwrap_or(if is_chat { u64::MAX } else { 0 });
        let burst = self.quotas.token_burst().map_or(u64::MAX, u64::from);
        let known = wanted.model().and_then(|model| self.lengths.get(model)?.p95());
        // Whoever asks for short answers must not make all others reserve next to nothing, and whoever asks for
        // long ones must not make one call of another take all.
        let usual = known.map_or(expected, |known| known.max(expected / 4));
        let usual = usual.min(expected.max(burst / 4 / u64::from(choices)));
        let with = |answer: u64| prompt.saturating_add(answer.saturating_mul(choices.into()));
        // What it does not ask for itself must not keep it out for ever.
        let asked = if wanted.cap().is_some() { with(cap.min(expected)) } else { prompt };
        let tokens = if asked > burst { asked } else { with(usual.min(cap)).min(burst) };
        Call {
            key,
            taken: Cost { requests: 1, tokens },
            prompt: prompt.min(tokens),
            choices,
            teaches: wanted.model_name().filter(|_| is_chat && cap > known.unwrap_or(expected)),
        }
    }

    /// Remembers how long an answer was.
    pub(crate) fn learn(&self, model: &str, tokens: u64) {
        self.lengths.of(model, Lengths::default, |_| false).add(tokens);
    }
}

#[cold]
pub(crate) fn refusal(denied: &Denied) -> (Refusal, Standing) {
    let refuse = |code, message| Refusal::new(StatusCode::TOO_MANY_REQUESTS, RefusedBy::Quota, code, message);
    match *denied {
        Denied::Exhausted { by, wait, standing } => {
            let (meter, what) = match by {
                Limited::Requests => (standing.requests, "requests"),
                Limited::Tokens => (standing.tokens, "tokens"),
            };
            let (limit, left) = meter.map_or((0, 0), |meter| (meter.limit, meter.remaining));
            let message = format!(
                "the limit of {limit} {what} a minute is reached, {left} are left; try again in {}",
                Go(wait)
            );
            (refuse("rate_limit_exceeded", message).retry_after(Some(wait)), standing)
        }
        Denied::TooLarge { tokens, burst, standing } => {
            let message = format!(
                "this request takes about {tokens} tokens, and {burst} may be used at once; shorten it, or lower \
                 max_tokens"
            );
            (refuse("request_above_quota", message).should_retry(false), standing)
        }
        Denied::Unavailable { wait } => {
            let message = format!("how much is left cannot be asked for now; try again in {}", Go(wait));
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let refusal = Refusal::new(status, RefusedBy::Quota, "quota_unavailable", message);
            (refusal.retry_after(Some(wait)), Standing::default())
        }
    }
}

impl<S, Q> Layer<S> for QuotaLayer<Q> {
    type Service = Quota<S, Q>;

    fn layer(&self, inner: S) -> Quota<S, Q> {
        Quota { inner, shared: self.shared.clone(), config: self.config }
    }
}

/// The service of [`QuotaLayer`].
pub struct Quota<S, Q = Local> {
    inner: S,
    shared: Arc<Shared<Q>>,
    config: Config,
}

impl<S: Clone, Q> Clone for Quota<S, Q> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone(), config: self.config }
    }
}

impl<S: fmt::Debug, Q> fmt::Debug for Quota<S, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// The body of an answer that is settled at its end.
pub type ResponseBody<B, Q = Local> = Listening<B, Reserved<Q>>;

impl<S, Q, A, B> Service<Request<A>> for Quota<S, Q>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    S::Error: 'static,
    Q: Quotas,
    A: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B, Q>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Q, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (method, extensions) = (request.method(), request.extensions());
        let ask = Ask::of_request(method, request.uri(), extensions);
        let (shared, Config { watch, headers, .. }) = (&self.shared, self.config);
        if *method != Method::POST || shared.quotas.is_unlimited() {
            return ResponseFuture::calling(self.inner.call(request), ask, watch, None, None);
        }
        let key = Key::of(extensions);
        let unread;
        let wanted = match Wanted::of(extensions) {
            Some(wanted) => wanted,
            None => {
                // What is no text is not counted by its length.
                let length = request.body().size_hint().exact().filter(|_| is_json(request.headers()));
                unread = Wanted::of_length(length.unwrap_or(0));
                &unread
            }
        };
        let call = shared.call(key, wanted, self.config.expected, ask.dialect.is_some());
        let granted = match shared.quotas.take(&call.key, call.taken) {
            Taking::Now(granted) => granted,
            Taking::Later(later) => {
                // What was made ready is what will be called.
                let next = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, next);
                let reserve = Some((shared.clone(), call));
                let late = Late { later, service, request: Some(request), reserve, config: self.config };
                return ResponseFuture::late(late, ask);
            }
        };
        match granted {
            Ok(standing) => {
                let standing = headers.then_some(standing);
                let reserved = Reserved::new(shared.clone(), call);
                ResponseFuture::calling(self.inner.call(request), ask, watch, Some(reserved), standing)
            }
            Err(denied) => {
                // What was made ready for this call goes back: a service that nobody calls holds nothing.
                self.inner = self.inner.clone();
                ResponseFuture::refused(denied, ask)
            }
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/json"))
    })
}
