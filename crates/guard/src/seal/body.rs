use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::sse::Cutter;
use lastbyte_core::{BodyError, BoxError, Cause, Dialect, Ending, Flushed, Watched, error_event, far};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::timer::Timer;

/// A comment line without a blank line: openai-python takes a blank line for an event and breaks.
const HEARTBEAT: Bytes = Bytes::from_static(b": ping\n");

/// What a reader has to take the error event in before the transport fails, where it is known when all was
/// written. Browsers, and all that reads through `fetch`, throw away what was not read yet when a body fails,
/// the event and the text before it too. One that understands the event leaves at once, and nobody waits.
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
        #[pin]
        inner: Inner<B>,
        // `None` where nothing may be put between: not an event stream of a known format. In a box, for
        // other bodies move faster without it.
        stream: Option<Box<Stream>>,
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<B> {
        Answer { #[pin] body: Watched<B> },
        // An answer of ours, where there is nothing else.
        Own { bytes: Bytes },
        // It ended: a connection upstream is not held while the reader takes the rest.
        Over,
    }
}

pub(super) struct Stream {
    dialect: Dialect,
    cutter: Cutter,
    settings: Settings,
    connection: Connection,
    /// For heartbeats first, then for the wait for the reader.
    timer: Timer,
    /// What came behind the last data, and has to wait for it.
    trailers: Option<Frame<Bytes>>,
    /// Since when nothing was sent.
    silent: Option<Instant>,
    end: End,
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
    /// All was handed out.
    Flush {
        error: BodyError,
        /// In which turn of the connection, and until when it is waited for, once it has asked for more.
        asked: Option<(u64, Instant)>,
    },
    /// All was written, and the reader may read it until then.
    Linger(BodyError, Instant),
    Over,
}

impl<B> SealBody<B> {
    #[inline]
    pub(super) fn new(body: Watched<B>, stream: Option<Box<Stream>>) -> Self {
        Self { inner: Inner::Answer { body }, stream }
    }
}

impl<B> From<Bytes> for SealBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { inner: Inner::Own { bytes }, stream: None }
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
        if let Some(trailers) = this.stream.as_mut().and_then(|stream| stream.trailers.take()) {
            return Poll::Ready(Some(Ok(trailers)));
        }
        loop {
            let polled = match this.inner.as_mut().project() {
                InnerProj::Answer { body } => poll_caught(body, cx),
                InnerProj::Own { bytes } => {
                    let own = std::mem::take(bytes);
                    this.inner.set(Inner::Over);
                    return Poll::Ready(Some(Ok(Frame::data(own))));
                }
                InnerProj::Over => Poll::Ready(None),
            };
            let Some(stream) = this.stream.as_mut() else {
                if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
                    this.inner.set(Inner::Over);
                }
                return polled;
            };
            if !matches!(stream.end, End::Open) {
                return stream.finish(cx);
            }
            match polled {
                Poll::Pending => return stream.heartbeat(cx),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(passed) = stream.pass(frame) {
                        return Poll::Ready(Some(Ok(passed)));
                    }
                }
                Poll::Ready(Some(Err(error))) => stream.end = End::Event(error),
                Poll::Ready(None) => {
                    stream.end = End::Over;
                    this.inner.set(Inner::Over);
                    let rest = stream.cutter.take_rest();
                    let rest = Some(rest).filter(|rest| !rest.is_empty());
                    return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
                }
            }
            if let End::Event(error) = &stream.end {
                if let InnerProj::Answer { body } = this.inner.as_mut().project() {
                    // The reader and the layers are told the same.
                    body.handle().because(error.ending().clone());
                }
                this.inner.set(Inner::Over);
                stream.timer = Timer::default();
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inner, &self.stream) {
            (Inner::Own { .. }, _) => false,
            (_, Some(stream)) => matches!(stream.end, End::Over),
            (Inner::Answer { body }, None) => body.is_end_stream(),
            (Inner::Over, None) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Own { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Inner::Answer { body } if self.stream.is_none() => body.size_hint(),
            Inner::Over if self.is_end_stream() => SizeHint::with_exact(0),
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
    pub(super) fn new(dialect: Dialect, connection: Connection, settings: Settings) -> Self {
        Self {
            dialect,
            cutter: Cutter::new(settings.max_event),
            settings,
            connection,
            timer: Timer::default(),
            trailers: None,
            silent: None,
            end: End::Open,
        }
    }

    /// What of a frame may leave now: whole events only, so that one of ours can follow.
    fn pass(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        self.silent = None;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => {
                let rest = self.cutter.take_rest();
                if rest.is_empty() {
                    return Some(trailers);
                }
                self.trailers = Some(trailers);
                return Some(Frame::data(rest));
            }
        };
        match self.cutter.push(data) {
            Ok(whole) => whole.map(Frame::data),
            Err(_) => {
                let ending = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
                self.end = End::Event(BodyError::new(ending));
                None
            }
        }
    }

    fn heartbeat(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some(every) = self.settings.heartbeat else { return Poll::Pending };
        let mut silent = *self.silent.get_or_insert_with(Instant::now);
        while self.timer.poll(far(silent, every), cx).is_ready() {
            silent = Instant::now();
            self.silent = Some(silent);
            // Half an event may be held back: then nothing may be put into it.
            if self.cutter.is_between() {
                return Poll::Ready(Some(Ok(Frame::data(HEARTBEAT))));
            }
        }
        Poll::Pending
    }

    /// The error event, the wait until it was written and could be read, the failed transport.
    fn finish(&mut self, cx: &mut Context<'_>) -> Polled {
        match std::mem::replace(&mut self.end, End::Over) {
            End::Open | End::Over => Poll::Ready(None),
            End::Event(error) if error.is_told() && !self.settings.seal => Poll::Ready(None),
            End::Event(error) if error.is_told() && !self.connection.multiplexed => {
                self.flush(error, None, cx)
            }
            End::Event(error) => {
                // A reader who was told already still has to be known to have window for that.
                let mut event =
                    if error.is_told() { HEARTBEAT } else { error_event(self.dialect, error.ending()) };
                self.end = if self.connection.multiplexed && self.settings.seal {
                    let last = event.split_off(event.len() - 1);
                    End::LastByte(last, error.told())
                } else {
                    End::Flush { error: error.told(), asked: None }
                };
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
            End::LastByte(last, error) => {
                self.end = End::Flush { error, asked: None };
                Poll::Ready(Some(Ok(Frame::data(last))))
            }
            End::Flush { .. } if !self.settings.seal => Poll::Ready(None),
            End::Flush { error, asked } => self.flush(error, asked, cx),
            End::Linger(error, until) => {
                if self.timer.poll(until, cx).is_pending() {
                    self.end = End::Linger(error, until);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// Waits until the connection has written everything out, `stall_timeout` at most.
    fn flush(&mut self, error: BodyError, asked: Option<(u64, Instant)>, cx: &mut Context<'_>) -> Polled {
        let now = Instant::now();
        let Some(flushed) = &self.connection.flushed else {
            if asked.is_some() {
                // hyper flushes HTTP/1 before it polls a body again that was pending.
                return Poll::Ready(Some(Err(error)));
            }
            cx.waker().wake_by_ref();
            self.end = End::Flush { error, asked: Some((0, now)) };
            return Poll::Pending;
        };
        let (turn, until) = asked.unwrap_or_else(|| (flushed.turn(), far(now, self.settings.stall_timeout)));
        if flushed.poll_past(cx, turn).is_ready() {
            self.end = End::Linger(error, far(now, LINGER));
            return self.finish(cx);
        }
        if self.timer.poll(until, cx).is_ready() {
            return Poll::Ready(Some(Err(error)));
        }
        self.end = End::Flush { error, asked: Some((turn, until)) };
        Poll::Pending
    }
}
