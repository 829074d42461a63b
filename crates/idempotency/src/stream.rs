use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{BodyError, Cause, Ending, EndingHandle, Phase};
use lastbyte_store::Batch;
use tokio::time::sleep_until;

use crate::blocks::Blocks;
use crate::driver::{Stop, Work, asked_to_stop, is_unread};
use crate::pen::{Lost, Pen};
use crate::settings::OnError;

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
    /// The store is away, and the answer goes on without it.
    unkept: bool,
}

type Writing = BoxFuture<'static, (Pen, Vec<Bytes>, Result<(), Lost>)>;

impl Streaming {
    pub(crate) fn new(work: &Work, handle: Option<EndingHandle>, head: Option<Bytes>) -> Self {
        let settings = &work.core.settings;
        let bytes = head.as_ref().map_or(0, Bytes::len);
        let blocks = Blocks::new(settings.max_event);
        let (waiting, max) = (Vec::new(), settings.max_answer);
        Self { blocks, handle, head, waiting, waiting_bytes: 0, bytes, max, unkept: false }
    }

    /// What was not written yet.
    pub(crate) fn into_rest(self) -> Vec<Bytes> {
        self.waiting
    }

    /// Whether there is something that a reader could keep. What comes before the first content is written
    /// with it: an answer that fails before it leaves nothing behind.
    fn has_content(&self, work: &Work) -> bool {
        work.events > 0 || self.handle.as_ref().is_none_or(|handle| handle.phase() >= Phase::Stream)
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
                        let (pen, events, written) = writing.await;
                        if written.is_ok() {
                            self.written(work, pen, events);
                        }
                    }
                    return Closed::Stopped(stop);
                }
                (pen, events, written) = write_on(&mut writing), if writing.is_some() => {
                    writing = None;
                    match written {
                        Err(Lost::Away) if core.settings.on_error == OnError::Pass => self.unkept = true,
                        Err(lost) => return Closed::Stopped(Stop::Lost(lost)),
                        Ok(()) => {}
                    }
                    self.written(work, pen, events);
                }
                frame = body.frame(), if closed.is_none() && self.waiting_bytes < WAITING => {
                    closed = self.frame(frame);
                }
                () = sleep_until(work.pen.renew_at()), if writing.is_none() => {
                    match work.pen.renew().await {
                        Ok(attended) if is_unread(&core, &running, attended) => {
                            return Closed::Stopped(Stop::Unread);
                        }
                        Err(lost) if !self.unkept => return Closed::Stopped(Stop::Lost(lost)),
                        _ => {}
                    }
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
        if self.unkept {
            return Box::pin(std::future::ready((pen, events, Ok(()))));
        }
        let batch = Batch {
            first: work.events + 1,
            events: events.clone(),
            head: self.head.take(),
            attempts: work.attempts(),
        };
        Box::pin(async move {
            let written = pen.append(batch).await;
            (pen, events, written)
        })
    }

    /// What was written may be shown.
    fn written(&mut self, work: &mut Work, pen: Pen, events: Vec<Bytes>) {
        work.pen = pen;
        work.events += events.len() as u64;
        work.running.publish(events);
    }

    /// Whether what came has to be written down, though it broke.
    pub(crate) fn is_worth_keeping(&self, work: &Work) -> bool {
        self.has_content(work)
    }
}

async fn write_on(writing: &mut Option<Writing>) -> (Pen, Vec<Bytes>, Result<(), Lost>) {
    match writing {
        Some(writing) => writing.await,
        None => std::future::pending().await,
    }
}
