use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::sse::Scanner;
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle, EndingReporter, Phase, Scope, Watched};
use tokio::task::JoinHandle;

use crate::Charge;

/// How far a stream is read ahead of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// A body that a task reads ahead of its reader. The task ends with the body, in either sense.
pub(super) struct ReadAhead {
    shared: Arc<Mutex<Buffer>>,
    pump: JoinHandle<()>,
    /// How the answer goes, which may be over long before its reading is.
    answer: EndingHandle,
    reading: EndingReporter,
    /// How many events the reader has, with the end mark.
    read: u32,
    _charge: Option<Charge>,
}

#[derive(Default)]
struct Buffer {
    frames: VecDeque<(Frame<Bytes>, usize)>,
    events: usize,
    bytes: usize,
    /// The end, once the pump has come to it.
    end: Option<Result<(), BodyError>>,
    reader: Option<Waker>,
    pump: Option<Waker>,
}

impl ReadAhead {
    /// Begins to read `body`, which is an event stream.
    pub(super) fn new<B>(body: Watched<B>, ahead: Ahead, max_event: usize, charge: Option<Charge>) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let answer = body.handle().clone();
        let (reading, _) = EndingHandle::new(Scope::Reading, Phase::FirstEvent);
        let shared = Arc::<Mutex<Buffer>>::default();
        let scanner = Scanner::new(max_event);
        let pump = Pump { body: Box::pin(body), scanner, shared: shared.clone(), ahead };
        // It ends with its body, or by an abort when whoever reads it lets it go.
        let pump = tokio::spawn(pump.run());
        Self { shared, pump, answer, reading, read: 0, _charge: charge }
    }

    /// How the reading ends.
    pub(super) fn reading(&self) -> EndingHandle {
        self.reading.handle().clone()
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

fn lock(shared: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Pump<B> {
    body: Pin<Box<B>>,
    scanner: Scanner,
    shared: Arc<Mutex<Buffer>>,
    ahead: Ahead,
}

impl<B> Pump<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    async fn run(self) {
        // Dropped in a panic of the body, too: the reader has an end then.
        let mut end = End { shared: self.shared.clone(), end: Err(BodyError::new(Ending::Interrupted)) };
        let mut pump = self;
        end.end = std::future::poll_fn(|cx| pump.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        loop {
            {
                let mut buffer = lock(&self.shared);
                if buffer.events >= self.ahead.events || buffer.bytes >= self.ahead.bytes {
                    buffer.pump = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(super::slot::of(error.into()))),
                Some(Ok(frame)) => self.put(frame),
            }
        }
    }

    fn put(&mut self, frame: Frame<Bytes>) {
        let mut events = 0;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        // An event above the bound has ended the stream before it came here.
        if let Some(data) = frame.data_ref()
            && self.scanner.push(data, |_| events += 1).is_err()
        {
            events = 1;
        }
        let reader = {
            let mut buffer = lock(&self.shared);
            buffer.frames.push_back((frame, events));
            buffer.events += events;
            buffer.bytes += bytes;
            buffer.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// Tells the reader of the end, however the pump ends.
struct End {
    shared: Arc<Mutex<Buffer>>,
    end: Result<(), BodyError>,
}

impl Drop for End {
    fn drop(&mut self) {
        let end = std::mem::replace(&mut self.end, Ok(()));
        let reader = {
            let mut buffer = lock(&self.shared);
            buffer.end = Some(end);
            buffer.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffer = lock(&self.shared);
        f.debug_struct("ReadAhead").field("events", &buffer.events).field("bytes", &buffer.bytes).finish()
    }
}

impl Body for ReadAhead {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut buffer = lock(&this.shared);
        if let Some((frame, events)) = buffer.frames.pop_front() {
            this.reading.advance(this.answer.phase());
            this.read = this.read.saturating_add(u32::try_from(events).unwrap_or(u32::MAX));
            this.reading.count(this.read.min(this.answer.events()));
            buffer.events -= events;
            buffer.bytes -= frame.data_ref().map_or(0, Bytes::len);
            let pump = buffer.pump.take();
            drop(buffer);
            if let Some(pump) = pump {
                pump.wake();
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut buffer.end {
            Some(end) => {
                let end = std::mem::replace(end, Ok(()));
                let ending = match &end {
                    Err(error) => Some(error.ending()),
                    Ok(()) => this.answer.ending(),
                };
                this.reading.report(ending.cloned().unwrap_or(Ending::Interrupted));
                Poll::Ready(end.err().map(Err))
            }
            None => {
                buffer.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Not before the end was asked for: it is told then.
    fn is_end_stream(&self) -> bool {
        self.reading.ending().is_some()
    }

    /// Nothing: a length would have to hold for what is buffered and for what is not.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
