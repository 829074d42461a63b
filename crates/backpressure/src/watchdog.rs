use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{Ask, BodyError, BoxError, Hangup, Watch as WatchBody, Watched};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::MemoryBudget;

mod clock;
mod read_ahead;
mod slot;

use clock::Clock;
use read_ahead::{Ahead, ReadAhead};
use slot::Slot;

/// Lets go of readers that stopped reading.
#[derive(Clone)]
pub struct WatchdogLayer {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    clock: Arc<Clock>,
}

#[derive(Clone, Debug)]
struct Settings {
    stall_timeout: Duration,
    ahead: Option<Ahead>,
    memory: Option<MemoryBudget>,
    max_event: usize,
    watch: WatchBody,
}

impl Default for WatchdogLayer {
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

impl WatchdogLayer {
    /// A reader that takes nothing for `stall_timeout` is let go, an eighth of that later at most.
    pub fn new(stall_timeout: Duration) -> Self {
        let watch = WatchBody::default().strict();
        Self::of(Settings { stall_timeout, ahead: None, memory: None, max_event: 1 << 20, watch })
    }

    fn of(settings: Settings) -> Self {
        let clock = Clock::new(settings.stall_timeout);
        Self { shared: Arc::new(Shared { settings, clock }) }
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        Self::of(settings)
    }

    /// Reads each answer ahead of its reader, until so many events or bytes are waiting; the last piece that
    /// was read may go beyond either. A slow reader's place at the upstream is free earlier for it, and a
    /// task, a wake-up for each piece and the buffer are its price.
    #[must_use]
    pub fn with_read_ahead(self, events: usize, bytes: usize) -> Self {
        self.with(|settings| settings.ahead = Some(Ahead { events: events.max(1), bytes: bytes.max(1) }))
    }

    /// Without a pump, as it is by default: the reader's pace is the upstream's, and nothing piles up.
    #[must_use]
    pub fn without_read_ahead(self) -> Self {
        self.with(|settings| settings.ahead = None)
    }

    /// The budget that the buffers of [`Self::with_read_ahead`] are taken from, whole. An answer for which
    /// there is none left is not read ahead.
    #[must_use]
    pub fn with_memory(self, budget: MemoryBudget) -> Self {
        self.with(|settings| settings.memory = Some(budget))
    }

    /// How large one event may be, in bytes.
    #[must_use]
    pub fn with_max_event(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_event = bytes)
    }

    /// Lets an event stream that breaks end as it comes, where it is held to its ending by default. For outside
    /// of a layer that tells of the break in an event, and ends the transport cleanly behind it.
    #[must_use]
    pub fn lenient(self) -> Self {
        self.with(|settings| settings.watch = settings.watch.lenient())
    }

    /// How many answers are watched, those that ended since the last look among them.
    pub fn watched(&self) -> usize {
        self.shared.clock.watched()
    }
}

impl fmt::Debug for WatchdogLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogLayer").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for WatchdogLayer {
    type Service = Watchdog<S>;

    fn layer(&self, inner: S) -> Watchdog<S> {
        Watchdog { inner, layer: self.clone() }
    }
}

/// The service of [`WatchdogLayer`].
#[derive(Clone, Debug)]
pub struct Watchdog<S> {
    inner: S,
    layer: WatchdogLayer,
}

impl<S, A, B> Service<Request<A>> for Watchdog<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<WatchdogBody<B>>;
    type Error = S::Error;
    type Future = WatchdogFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let hangup = request.extensions().get::<Hangup>().cloned();
        WatchdogFuture { inner: self.inner.call(request), ask, hangup, layer: self.layer.clone() }
    }
}

pin_project! {
    /// The future of [`Watchdog`].
    pub struct WatchdogFuture<F> {
        #[pin]
        inner: F,
        ask: Ask,
        hangup: Option<Hangup>,
        layer: WatchdogLayer,
    }
}

impl<F> fmt::Debug for WatchdogFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for WatchdogFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<WatchdogBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let Shared { settings, clock } = &*this.layer.shared;
        let (mut head, body) = response.into_parts();
        let stream = this.ask.is_answered_by_stream(&head);
        let watch = settings.watch.max_event(settings.max_event);
        let body = watch.body(this.ask, &mut head, body);
        let pump = stream.then(|| settings.pump()).flatten();
        let (body, handle) = match pump {
            Some((ahead, charge)) => {
                let body = ReadAhead::new(body, ahead, settings.max_event, charge);
                let reading = body.reading();
                head.extensions.insert(reading.clone());
                (Kept::Ahead { body }, reading)
            }
            None => {
                let handle = body.handle().clone();
                (Kept::Plain { body }, handle)
            }
        };
        let slot = Arc::new(Slot::new(body, clock.now(), handle, this.hangup.take()));
        let weak: Weak<dyn slot::Watch> = Arc::downgrade(&slot) as _;
        clock.watch(weak);
        Poll::Ready(Ok(Response::from_parts(head, WatchdogBody { slot, clock: clock.clone() })))
    }
}

impl Settings {
    /// How far to read ahead, and what that is taken from.
    fn pump(&self) -> Option<(Ahead, Option<crate::Charge>)> {
        let ahead = self.ahead?;
        match &self.memory {
            Some(budget) => budget.charge(ahead.bytes).map(|charge| (ahead, Some(charge))),
            None => Some((ahead, None)),
        }
    }
}

pin_project! {
    #[project = KeptProj]
    enum Kept<B> {
        Plain { #[pin] body: Watched<B> },
        Ahead { #[pin] body: ReadAhead },
    }
}

impl<B> Body for Kept<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project() {
            KeptProj::Plain { body } => body.poll_frame(cx),
            KeptProj::Ahead { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain { body } => body.is_end_stream(),
            Self::Ahead { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain { body } => body.size_hint(),
            Self::Ahead { body } => body.size_hint(),
        }
    }
}

/// The body of an answer whose reader is watched.
pub struct WatchdogBody<B> {
    slot: Arc<Slot<Kept<B>>>,
    clock: Arc<Clock>,
}

impl<B> fmt::Debug for WatchdogBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogBody").finish_non_exhaustive()
    }
}

impl<B> Body for WatchdogBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.slot.poll_frame(cx, self.clock.now())
    }

    fn is_end_stream(&self) -> bool {
        self.slot.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.slot.size_hint()
    }
}
