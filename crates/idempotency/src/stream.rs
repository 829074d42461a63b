use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use lastbyte_core::{BodyError, Cause, Ending, EndingHandle, Phase};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::blocks::Blocks;
use crate::pen::{Draft, Lost};
use crate::running::{Asked, LetGo};
use crate::work::{Stop, Work};

/// How much may wait for the write that is under way, in bytes. Beyond it the service is not read: the store
/// is the slower one then, and its pace is that of all.
const WAITING: usize = 256 << 10;

/// How many chunks that are there already are read before they are written, all at once: fewer than the
/// events a reader may lag, and few enough that none waits long for those behind it.
const AT_ONCE: usize = 64;

/// How a stream was read to its end.
pub(crate) enum Closed {
    Complete(Ending),
    Broken(Ending),
    Stopped(Stop),
}

/// What there is to do.
enum Next {
    Close(Closed),
    LetGo(Asked),
    Renew,
    Write,
}

/// Events between the service and the journal: one write at a time, and in it all that came during the one
/// before.
pub(crate) struct Streaming {
    blocks: Blocks,
    handle: Option<EndingHandle>,
    head: Option<Bytes>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    /// An empty one in its place when it is written.
    spare: Vec<Bytes>,
    /// The last of what the service gave.
    closed: Option<Closed>,
    /// The service had nothing more since the task was woken: it is not asked again for nothing.
    is_dry: bool,
    /// Bytes of the whole answer, those that wait included.
    bytes: usize,
    max: usize,
}

impl Streaming {
    pub(crate) fn new(work: &Work, handle: Option<EndingHandle>, head: Option<Bytes>) -> Self {
        let settings = &work.core.settings;
        let bytes = head.as_ref().map_or(0, Bytes::len);
        let blocks = Blocks::new(settings.max_event);
        Self {
            blocks,
            handle,
            head,
            waiting: Vec::new(),
            waiting_bytes: 0,
            spare: Vec::new(),
            closed: None,
            is_dry: false,
            bytes,
            max: settings.max_answer,
        }
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
        let running = work.running.clone();
        let mut let_go = running.let_go();
        let mut renew = pin!(sleep_until(work.renew_at()));
        loop {
            let next =
                poll_fn(|cx| self.poll_next(cx, work, body.as_mut(), &mut let_go, renew.as_mut())).await;
            let asked = match next {
                Next::Close(closed) => return closed,
                Next::LetGo(asked) => Some(asked),
                Next::Renew => {
                    let (renewed, asked) = self.beside(work.pen.renew(), body.as_mut(), &mut let_go).await;
                    if asked.is_none()
                        && let Err(stop) = work.renewed(renewed)
                    {
                        return Closed::Stopped(stop);
                    }
                    asked
                }
                Next::Write => match self.write(work, body.as_mut(), &mut let_go).await {
                    Ok(asked) => asked,
                    Err(lost) => return Closed::Stopped(Stop::Lost(lost)),
                },
            };
            if let Some(asked) = asked {
                return Closed::Stopped(asked.into());
            }
        }
    }

    /// Reads until there is something to do.
    fn poll_next<B>(
        &mut self,
        cx: &mut Context<'_>,
        work: &Work,
        body: Pin<&mut B>,
        let_go: &mut LetGo<'_>,
        mut renew: Pin<&mut Sleep>,
    ) -> Poll<Next>
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        if let Poll::Ready(asked) = Pin::new(let_go).poll(cx) {
            return Poll::Ready(Next::LetGo(asked));
        }
        self.read(cx, body);
        if let Some(closed) = self.closed.take() {
            return Poll::Ready(Next::Close(closed));
        }
        if !self.waiting.is_empty() && self.has_content(work) {
            return Poll::Ready(Next::Write);
        }
        self.sleeps(cx);
        // It is set anew only when it has come, and not at each write.
        while work.unkept.is_none() && renew.as_mut().poll(cx).is_ready() {
            let at = work.renew_at();
            if at <= Instant::now() {
                return Poll::Ready(Next::Renew);
            }
            renew.as_mut().reset(at);
        }
        Poll::Pending
    }

    /// Takes in what the service has by now.
    fn read<B>(&mut self, cx: &mut Context<'_>, mut body: Pin<&mut B>)
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        for _ in 0..AT_ONCE {
            if self.is_dry || self.closed.is_some() || self.waiting_bytes >= WAITING {
                return;
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => self.closed = self.frame(frame),
                Poll::Pending => self.is_dry = true,
            }
        }
    }

    /// The task is about to sleep: if it does not because there may be more to read, it comes back at once.
    fn sleeps(&mut self, cx: &Context<'_>) {
        let is_dry = std::mem::take(&mut self.is_dry);
        if !is_dry && self.closed.is_none() && self.waiting_bytes < WAITING {
            cx.waker().wake_by_ref();
        }
    }

    /// Waits for a write and reads meanwhile, unless the writer is asked to let go.
    async fn beside<B, T>(
        &mut self,
        write: impl Future<Output = T>,
        mut body: Pin<&mut B>,
        let_go: &mut LetGo<'_>,
    ) -> (T, Option<Asked>)
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        let mut write = pin!(write);
        let mut asked = None;
        let done = poll_fn(|cx| {
            if asked.is_none()
                && let Poll::Ready(why) = Pin::new(&mut *let_go).poll(cx)
            {
                asked = Some(why);
            }
            if let Poll::Ready(done) = write.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            if asked.is_none() {
                self.read(cx, body.as_mut());
                self.sleeps(cx);
            }
            Poll::Pending
        });
        (done.await, asked)
    }

    /// Writes all that waits, and shows it.
    async fn write<B>(
        &mut self,
        work: &mut Work,
        body: Pin<&mut B>,
        let_go: &mut LetGo<'_>,
    ) -> Result<Option<Asked>, Lost>
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        let mut events = std::mem::replace(&mut self.waiting, std::mem::take(&mut self.spare));
        self.waiting_bytes = 0;
        let mut asked = None;
        if work.unkept.is_none() {
            let (first, head, attempts) = (work.events + 1, self.head.take(), work.attempts());
            let append = work.pen.append(Draft { first, events: &events, head, attempts });
            let done;
            (done, asked) = self.beside(append, body, let_go).await;
            match done {
                Ok(()) => {}
                // What is not written is not shown: whoever goes on does so behind what is in the journal.
                Err(_) if asked.is_some() => return Ok(asked),
                Err(lost) => work.lost(lost)?,
            }
        }
        work.events += events.len() as u64;
        work.running.publish(&mut events);
        self.spare = events;
        Ok(asked)
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
}
