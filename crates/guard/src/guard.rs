use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Deadline, Ending, FailureKind, Refusal, Watch, far};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::ResponseBody;
use crate::limits::{Limits, Timeouts};
use crate::timer::Timer;

/// Limits the time of each attempt, on its body too.
#[derive(Clone, Copy, Debug)]
pub struct GuardLayer {
    timeouts: Timeouts,
    watch: Watch,
}

impl Default for GuardLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl GuardLayer {
    /// First event and idle 60 s, total 10 min, events of up to 1 MiB.
    pub fn new() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            timeouts: Timeouts { first_event: minute, idle: minute, total: 10 * minute },
            watch: Watch::default(),
        }
    }

    /// How long a streamed answer may take to its first content. Comments, pings and role chunks are not
    /// content. Before the head it applies where the request asked for a stream
    /// ([`Ask::stream`]), after it to every event stream.
    #[must_use]
    pub fn with_first_event(mut self, timeout: Duration) -> Self {
        self.timeouts.first_event = timeout;
        self
    }

    /// How long an event stream may be silent. Every byte ends the silence, also a comment.
    #[must_use]
    pub fn with_idle(mut self, timeout: Duration) -> Self {
        self.timeouts.idle = timeout;
        self
    }

    /// How long an attempt may take in all. A [`Deadline`] in the request's extensions shortens it, and where
    /// there is none, the caller does with the header `x-request-timeout`.
    #[must_use]
    pub fn with_total(mut self, timeout: Duration) -> Self {
        self.timeouts.total = timeout;
        self
    }

    /// How large one event may be, in bytes.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.watch = self.watch.max_event(bytes);
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, layer: *self }
    }
}

/// The service of [`GuardLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Guard<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S, A, B> Service<Request<A>> for Guard<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let GuardLayer { timeouts, watch } = self.layer;
        let now = Instant::now();
        let deadline = match request.extensions().get::<Deadline>() {
            Some(known) => known.or_earlier(far(now, timeouts.total)),
            None => Deadline::of(request.headers(), now, timeouts.total),
        };
        ResponseFuture {
            ask: Ask::of_request(request.method(), request.uri(), request.extensions()),
            limits: Limits::new(timeouts, deadline, now),
            watch: watch.strict(),
            inner: Some(self.inner.call(request)),
            timer: Timer::default(),
        }
    }
}

pin_project! {
    /// The future of [`Guard`].
    pub struct ResponseFuture<F> {
        // `None` once the attempt was given up: what it holds goes back at once.
        #[pin]
        inner: Option<F>,
        timer: Timer,
        ask: Ask,
        limits: Limits,
        watch: Watch,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // The answer first: one that is there in time is never thrown away for a late poll.
        if let Some(inner) = this.inner.as_mut().as_pin_mut()
            && let Poll::Ready(answer) = inner.poll(cx)
        {
            let (mut head, body) = match answer {
                Ok(response) => response.into_parts(),
                Err(error) => return Poll::Ready(Err(error)),
            };
            let body = this.watch.body(this.ask, &mut head, body);
            let body = ResponseBody::guarded(body, std::mem::take(this.timer), *this.limits);
            return Poll::Ready(Ok(Response::from_parts(head, body)));
        }
        let limit = this.limits.head(this.ask.stream == Some(true));
        ready!(this.timer.poll(limit.at, cx));
        this.inner.set(None);
        let ending = Ending::Failed { kind: FailureKind::Timeout { by_caller: limit.by_caller } };
        Poll::Ready(Ok(Refusal::failed(ending).cause(limit.cause).dialect(this.ask.dialect).into_response()))
    }
}
