use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::sse::Cutter;
use lastbyte_core::{BodyError, BoxError, Cause, Dialect, Ending, Flushed, Watched, error_event, far};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

/// A comment line without a blank line: openai-python takes a blank line for an event and breaks.
const HEARTBEAT: Bytes = Bytes::from_static(b": ping\n");

/// HTTP/2 writes a stream's frames in a turn of the connection after the one that took them in. Where no
/// second turn comes, everything was written long before this is over.
const MULTIPLEXED_GRACE: Duration = Duration::from_millis(50);

/// What a reader has to take the error event in before the transport fails. Browsers, and all that reads
/// through `fetch`, throw away what was not read yet when a body fails, the event and the text before it
/// too. One that understands the event leaves at once, and nobody waits.
const LINGER: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) heartbeat: Option<Duration>,
    pub(super) seal: bool,
    pub(super) stall_timeout: Duration,
    pub(super) max_event: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Some(Duration::from_secs(10)),
            seal: true,
            stall_timeout: Duration::from_secs(30),
            max_event: 1 << 20,
        }
    }
}

/// What is known of the reader's connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) flushed: Option<Flushed>,
    pub(super) multiplexed: bool,
}

pin_project! {
    /// The body of an answer under [`SealLayer`](crate::SealLayer).
    pub struct SealBody<B> {
        // `None` once it ended: a connection upstream is not held while the reader takes the rest.
        #[pin]
        inner: Option<Watched<B>>,
        // Heartbeats first, then the wait for the reader.
        #[pin]
        timer: Option<Sleep>,
        // An answer of ours, where there is nothing else.
        own: Option<Bytes>,
        // `None` where nothing may be put between: not an event stream of a known format.
        stream: Option<Stream>,
        end: End,
    }
}

struct Stream {
    dialect: Dialect,
    cutter: Cutter,
    settings: Settings,
    connection: Connection,
    /// Since when nothing was sent.
    silent: Option<Instant>,
}

enum End {
    /// Not yet.
    Open,
    /// The error event is next.
    Event(BodyError),
    /// The event was handed out; the connection had written everything out so often before.
    Flush {
        error: BodyError,
        seen: u64,
        yielded: bool,
    },
    /// All was written, and the reader may read it.
    Linger(BodyError),
    Over,
}

impl<B> SealBody<B> {
    pub(super) fn new(
        inner: Watched<B>,
        dialect: Option<Dialect>,
        connection: Connection,
        settings: Settings,
    ) -> Self {
        let stream = dialect.map(|dialect| Stream {
            dialect,
            cutter: Cutter::new(settings.max_event),
            settings,
            connection,
            silent: None,
        });
        Self { inner: Some(inner), timer: None, own: None, stream, end: End::Open }
    }
}

impl<B> From<Bytes> for SealBody<B> {
    fn from(own: Bytes) -> Self {
        Self { inner: None, timer: None, own: Some(own), stream: None, end: End::Over }
    }
}

impl<B> fmt::Debug for SealBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealBody").finish_non_exhaustive()
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

impl<B> Body for SealBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let mut this = self.project();
        if let Some(own) = this.own.take() {
            return Poll::Ready(Some(Ok(Frame::data(own))));
        }
        loop {
            let polled = match this.inner.as_mut().as_pin_mut() {
                Some(inner) => poll_caught(inner, cx),
                None => Poll::Ready(None),
            };
            let Some(stream) = this.stream.as_mut() else {
                if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
                    this.inner.set(None);
                    *this.end = End::Over;
                }
                return polled;
            };
            if !matches!(this.end, End::Open) {
                return stream.finish(this.end, this.timer.as_mut(), cx);
            }
            match polled {
                Poll::Pending => return stream.heartbeat(this.timer.as_mut(), cx),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(passed) = stream.pass(frame, this.end) {
                        return Poll::Ready(Some(Ok(passed)));
                    }
                }
                Poll::Ready(Some(Err(error))) => *this.end = stream.broken(error),
                Poll::Ready(None) => {
                    *this.end = End::Over;
                    this.inner.set(None);
                    let rest = stream.cutter.take_rest();
                    let rest = Some(rest).filter(|rest| !rest.is_empty());
                    return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
                }
            }
            if !matches!(this.end, End::Open) {
                this.inner.set(None);
                this.timer.set(None);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inner, &self.end) {
            (_, End::Over) => self.own.is_none(),
            (Some(inner), End::Open) if self.stream.is_none() => inner.is_end_stream(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.own, &self.inner) {
            (Some(own), _) => SizeHint::with_exact(own.len() as u64),
            (None, Some(inner)) if self.stream.is_none() => inner.size_hint(),
            (None, None) if self.is_end_stream() => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// A panic further in is an end of this answer, and of nothing else.
fn poll_caught<B>(mut inner: Pin<&mut Watched<B>>, cx: &mut Context<'_>) -> Polled
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll_frame(cx))) {
        Ok(polled) => polled,
        Err(_) => {
            inner.handle().because(Ending::Interrupted);
            Poll::Ready(Some(Err(BodyError::new(Ending::Interrupted))))
        }
    }
}

impl Stream {
    /// What of a frame may leave now: whole events only, so that one of ours can follow.
    fn pass(&mut self, frame: Frame<Bytes>, end: &mut End) -> Option<Frame<Bytes>> {
        self.silent = None;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => return Some(other),
        };
        match self.cutter.push(data) {
            Ok(whole) => whole.map(Frame::data),
            Err(_) => {
                let ending = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
                *end = End::Event(BodyError::new(ending));
                None
            }
        }
    }

    fn broken(&self, error: BodyError) -> End {
        if error.is_told() { self.flush(error) } else { End::Event(error) }
    }

    fn flush(&self, error: BodyError) -> End {
        let seen = self.connection.flushed.as_ref().map_or(0, Flushed::count);
        End::Flush { error, seen, yielded: false }
    }

    fn heartbeat(&mut self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Polled {
        let Some(every) = self.settings.heartbeat else { return Poll::Pending };
        let at = far(*self.silent.get_or_insert_with(Instant::now), every);
        loop {
            if timer.is_none() {
                timer.set(Some(sleep_until(at)));
            }
            let Some(mut armed) = timer.as_mut().as_pin_mut() else { return Poll::Pending };
            if armed.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if armed.deadline() >= at {
                break;
            }
            armed.reset(at);
        }
        self.silent = Some(Instant::now());
        timer.set(Some(sleep_until(far(Instant::now(), every))));
        if !self.cutter.is_between() {
            // Half an event is held back: nothing may be put into it.
            if let Some(armed) = timer.as_pin_mut() {
                let _ = armed.poll(cx);
            }
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(HEARTBEAT))))
    }

    /// The error event, the wait until it was written and could be read, the failed transport.
    fn finish(&mut self, end: &mut End, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Polled {
        match std::mem::replace(end, End::Over) {
            End::Open | End::Over => Poll::Ready(None),
            End::Event(error) => {
                let event = error_event(self.dialect, error.ending());
                *end = self.flush(error.told());
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
            End::Flush { .. } if !self.settings.seal => Poll::Ready(None),
            End::Flush { error, seen, yielded } => {
                let written = match &self.connection.flushed {
                    // hyper flushes before it polls a body again that was pending.
                    None if yielded => true,
                    None => {
                        cx.waker().wake_by_ref();
                        false
                    }
                    Some(flushed) => self.written(flushed, seen, timer.as_mut(), cx),
                };
                if written {
                    timer.set(Some(sleep_until(far(Instant::now(), LINGER))));
                    *end = End::Linger(error);
                    return self.finish(end, timer, cx);
                }
                *end = End::Flush { error, seen, yielded: true };
                Poll::Pending
            }
            End::Linger(error) => {
                if timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_pending()) {
                    *end = End::Linger(error);
                    return Poll::Pending;
                }
                timer.set(None);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn written(
        &self,
        flushed: &Flushed,
        seen: u64,
        mut timer: Pin<&mut Option<Sleep>>,
        cx: &mut Context<'_>,
    ) -> bool {
        let turns = if self.connection.multiplexed { 2 } else { 1 };
        if flushed.poll_past(cx, seen + turns - 1).is_ready() {
            return true;
        }
        let now = Instant::now();
        if timer.is_none() {
            timer.set(Some(sleep_until(far(now, self.settings.stall_timeout))));
        }
        let Some(mut armed) = timer.as_pin_mut() else { return false };
        let grace = now + MULTIPLEXED_GRACE;
        if flushed.count() > seen && armed.deadline() > grace {
            armed.as_mut().reset(grace);
        }
        armed.poll(cx).is_ready()
    }
}
