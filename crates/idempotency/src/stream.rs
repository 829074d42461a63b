use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{BodyError, Cause, Ending, EndingHandle, Phase};
use tokio::time::sleep_until;

use crate::blocks::Blocks;
use crate::pen::{Draft, Pen};
use crate::work::{Stop, Work, Writing, asked_to_stop, written};

/// How much may wait for the write that is under way, in bytes. Beyond it the service is not read: the store
/// is the slower one then, and its pace is that of all.
const WAITING: usize = 256 << 10;

/// How a stream was read to its end.
pub(crate) enum Closed {
    Complete(Ending),
    Broken(Ending),
    Stopped(Stop),
}

/// Events between the service and the journal: one write at a time, and in it all that came during the one
/// before.
pub(crate) struct Streaming {
    blocks: Blocks,
    handle: Option<EndingHandle>,
    head: Option<Bytes>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    /// Bytes of the whole answer, those that wait included.
    bytes: usize,
    max: usize,
}

impl Streaming {
    pub(crate) fn new(work: &Work, handle: Option<EndingHandle>, head: Option<Bytes>) -> Self {
        let settings = &work.core.settings;
        let bytes = head.as_ref().map_or(0, Bytes::len);
        let blocks = Blocks::new(settings.max_event);
        let (waiting, max) = (Vec::new(), settings.max_answer);
        Self { blocks, handle, head, waiting, waiting_bytes: 0, bytes, max }
    }

    /// What was not written yet, and the head where it was not either.
    pub(crate) fn into_rest(self) -> (Vec<Bytes>, Option<Bytes>) {
        (self.waiting, self.head)
    }

    /// Whether there is something that a reader could keep. What comes before the first content is written
    /// with it: an answer that fails before it leaves nothing behind.
    pub(crate) fn has_content(&self, work: &Work) -> bool {
        work.events > 0
            // Of no known format: everything may be content.
            || work.ask.dialect.is_none()
            || self.handle.as_ref().is_none_or(|handle| handle.phase() >= Phase::Stream)
            // Nothing more would be read before this is written.
            || self.waiting_bytes >= WAITING
    }

    pub(crate) async fn run<B>(&mut self, work: &mut Work, mut body: Pin<&mut B>) -> Closed
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        let core = work.core.clone();
        let running = work.running.clone();
        let mut asked = std::pin::pin!(asked_to_stop(&core, &running));
        let mut writing: Option<Writing> = None;
        let mut closed = None;
        loop {
            if writing.is_none() {
                if let Some(closed) = closed.take() {
                    return closed;
                }
                if !self.waiting.is_empty() && self.has_content(work) {
                    writing = Some(self.write(work));
                }
            }
            tokio::select! {
                biased;
                stop = &mut asked => {
                    // What is being written is not shown: whoever goes on finds it in the journal.
                    if let Some(writing) = writing.take() {
                        let (pen, events, done) = writing.await;
                        if done.is_ok() {
                            self.written(work, pen, events);
                        }
                    }
                    return Closed::Stopped(stop);
                }
                (pen, events, done) = written(&mut writing), if writing.is_some() => {
                    writing = None;
                    if events.is_empty() {
                        if let Err(stop) = work.renewed(pen, done) {
                            return Closed::Stopped(stop);
                        }
                        continue;
                    }
                    if let Err(lost) = done
                        && let Err(lost) = work.lost(lost)
                    {
                        return Closed::Stopped(Stop::Lost(lost));
                    }
                    self.written(work, pen, events);
                }
                frame = body.frame(), if closed.is_none() && self.waiting_bytes < WAITING => {
                    closed = self.frame(frame);
                }
                () = sleep_until(work.renew_at()), if writing.is_none() && work.unkept.is_none() => {
                    writing = Some(work.renew());
                }
            }
        }
    }

    /// Takes in what the service gave. `Some`: it was the last of it.
    fn frame(&mut self, frame: Option<Result<http_body::Frame<Bytes>, BodyError>>) -> Option<Closed> {
        let too_large = || Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Some(Closed::Broken(error.ending().clone())),
            None => {
                let ending = self.handle.as_ref().and_then(|handle| handle.ending().cloned());
                let ending = ending.unwrap_or(Ending::Opaque { ok: true });
                return Some(if ending.is_broken() {
                    Closed::Broken(ending)
                } else {
                    Closed::Complete(ending)
                });
            }
        };
        let data = frame.into_data().ok()?;
        let had = self.waiting.len();
        if self.blocks.push(&data, &mut self.waiting).is_err() {
            return Some(Closed::Broken(too_large()));
        }
        let more: usize = self.waiting[had..].iter().map(Bytes::len).sum();
        self.waiting_bytes += more;
        self.bytes += more;
        if self.bytes > self.max {
            // What is there already stays, and what would be too much does not come in.
            self.waiting.truncate(had);
            return Some(Closed::Broken(too_large()));
        }
        None
    }

    /// Begins to write all that waits.
    fn write(&mut self, work: &Work) -> Writing {
        let events = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut pen = work.pen.clone();
        if work.unkept.is_some() {
            return Box::pin(std::future::ready((pen, events, Ok(None))));
        }
        let (first, head, attempts) = (work.events + 1, self.head.take(), work.attempts());
        Box::pin(async move {
            let done = pen.append(Draft { first, events: &events, head, attempts }).await;
            (pen, events, done.map(|()| None))
        })
    }

    /// What was written may be shown.
    fn written(&mut self, work: &mut Work, pen: Pen, events: Vec<Bytes>) {
        work.pen = pen;
        work.events += events.len() as u64;
        work.running.publish(events);
    }
}
