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
    /// The last byte is next, in a frame of its own.
    ///
    /// hyper takes a frame in on HTTP/2 once there is window for one byte of it behind all that was taken in
    /// before, and asks for the next one then. So when it asks again behind a frame of one byte, the window
    /// is there for all, and nothing but the transport is to be waited for.
    LastByte(Bytes, BodyError),
    /// All was handed out: in which turn of the connection, once it has asked for more.
    Flush {
        error: BodyError,
        turn: Option<u64>,
    },
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
                Poll::Ready(Some(Err(error))) => *this.end = End::Event(error),
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

    /// The error event, the wait until it was written, the failed transport.
    fn finish(&mut self, end: &mut End, timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Polled {
        match std::mem::replace(end, End::Over) {
            End::Open | End::Over => Poll::Ready(None),
            End::Event(error) if error.is_told() && !self.settings.seal => Poll::Ready(None),
            End::Event(error) if error.is_told() && !self.connection.multiplexed => {
                self.flush(end, error, None, timer, cx)
            }
            End::Event(error) => {
                // A reader who was told already still has to be known to have window for that.
                let mut event =
                    if error.is_told() { HEARTBEAT } else { error_event(self.dialect, error.ending()) };
                *end = if self.connection.multiplexed && self.settings.seal {
                    let last = event.split_off(event.len() - 1);
                    End::LastByte(last, error.told())
                } else {
                    End::Flush { error: error.told(), turn: None }
                };
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
            End::LastByte(last, error) => {
                *end = End::Flush { error, turn: None };
                Poll::Ready(Some(Ok(Frame::data(last))))
            }
            End::Flush { .. } if !self.settings.seal => Poll::Ready(None),
            End::Flush { error, turn } => self.flush(end, error, turn, timer, cx),
        }
    }

    /// Waits until all was written, at most as long as any stalled reader is kept.
    fn flush(
        &self,
        end: &mut End,
        error: BodyError,
        turn: Option<u64>,
        mut timer: Pin<&mut Option<Sleep>>,
        cx: &mut Context<'_>,
    ) -> Polled {
        let (turn, written) = match (&self.connection.flushed, turn) {
            (Some(flushed), turn) => {
                let turn = turn.unwrap_or_else(|| flushed.turn());
                (turn, flushed.poll_past(cx, turn).is_ready())
            }
            // hyper flushes HTTP/1 before it polls a body again that was pending.
            (None, Some(_)) => (0, true),
            (None, None) => {
                cx.waker().wake_by_ref();
                (0, false)
            }
        };
        if timer.is_none() {
            timer.set(Some(sleep_until(far(Instant::now(), self.settings.stall_timeout))));
        }
        let waited = timer.as_mut().as_pin_mut().is_none_or(|timer| timer.poll(cx).is_ready());
        if written || waited {
            timer.set(None);
            return Poll::Ready(Some(Err(error)));
        }
        *end = End::Flush { error, turn: Some(turn) };
        Poll::Pending
    }
}
