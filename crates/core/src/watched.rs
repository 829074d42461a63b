use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, header, response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::judge::TransportEnd;
use crate::{
    Ask, BodyError, BoxError, Cause, Ending, EndingHandle, EndingReporter, Judge, Phase, Scope,
    TransportFault,
};

/// How bodies are watched: the bounds, and whether a broken answer may end as if all were well.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    max_event: usize,
    max_json: usize,
    strict: bool,
}

impl Default for Watch {
    /// Events of 1 MiB and JSON answers of 4 MiB: ten times what the largest seen in the field need.
    fn default() -> Self {
        Self { max_event: 1 << 20, max_json: 4 << 20, strict: false }
    }
}

impl Watch {
    /// Bounds one event to `bytes`.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Bounds what is kept of a whole JSON answer to judge it.
    #[must_use]
    pub fn max_json(mut self, bytes: usize) -> Self {
        self.max_json = bytes;
        self
    }

    /// Makes every broken end of an event stream an error of the body, also where its transport ended
    /// cleanly, and cuts the stream before an error event, garbage, or an end mark that comes too early,
    /// instead of forwarding it.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// A judge of the body behind `head`, with these bounds.
    pub fn judge(self, ask: &Ask, head: &response::Parts) -> Judge {
        Judge::new(ask, head, self.max_event, self.max_json)
    }

    /// Wraps the body of `response` and puts the handle into its extensions. Where a handle is there
    /// already, nothing is scanned again: the body is only held to its ending.
    pub fn response<B>(self, ask: &Ask, response: Response<B>) -> (Response<Watched<B>>, EndingHandle)
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = response.into_parts();
        let (watcher, handle, stream) = match head.extensions.get::<EndingHandle>() {
            Some(handle) => (None, handle.clone(), ask.is_answered_by_stream(&head)),
            None => {
                let judge = self.judge(ask, &head);
                let stream = judge.is_stream();
                let (reporter, handle) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
                head.extensions.insert(handle.clone());
                let mut watcher = Watcher { judge, reporter, told_content: false };
                if watcher.judge.decided().is_some() || body.is_end_stream() {
                    watcher.end(TransportEnd::Clean);
                }
                (Some(watcher), handle, stream)
            }
        };
        let judging = self.strict && stream;
        if judging {
            // The length may turn out to be another one.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        let body = Watched { inner: body, watcher, handle: handle.clone(), judging, state: State::Open };
        (Response::from_parts(head, body), handle)
    }
}

pin_project! {
    /// A body that is scanned as it passes and reports exactly one ending.
    #[derive(Debug)]
    pub struct Watched<B> {
        #[pin]
        inner: B,
        // `None` where a layer further in watches already.
        watcher: Option<Watcher>,
        handle: EndingHandle,
        judging: bool,
        state: State,
    }
}

#[derive(Debug)]
enum State {
    Open,
    /// What came is to be forwarded no further; the next poll fails with the ending.
    Broken,
    Done,
}

/// Judge and reporter together; its `Drop` is the ending of a body that was dropped.
#[derive(Debug)]
struct Watcher {
    judge: Judge,
    reporter: EndingReporter,
    told_content: bool,
}

impl Watcher {
    fn chunk(&mut self, chunk: &Bytes) -> Option<usize> {
        let good = self.judge.chunk(chunk);
        if !self.told_content && self.judge.content() {
            self.told_content = true;
            self.reporter.advance(Phase::Stream);
        }
        good
    }

    fn end(&mut self, end: TransportEnd) {
        if self.reporter.ending().is_none() {
            let ending = self.judge.end(end);
            self.reporter.report(ending);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.reporter.ending().is_none() {
            let ending = self.judge.end(TransportEnd::Dropped);
            if ending != Ending::Abandoned {
                self.reporter.report(ending);
            }
        }
    }
}

impl<B> Watched<B> {
    /// Where the ending is read.
    pub fn handle(&self) -> &EndingHandle {
        &self.handle
    }

    /// Whether the body is held to its ending: an event stream under [`Watch::strict`].
    pub fn is_judging(&self) -> bool {
        self.judging
    }

    /// Ends the body for a limit of ours: reports it, and gives the error to end with.
    ///
    /// An answer that has shown its sign of completion stays complete; then there is no error.
    pub fn limit(self: Pin<&mut Self>, cause: Cause, by_caller: bool) -> Result<(), BodyError> {
        let this = self.project();
        *this.state = State::Done;
        match this.watcher {
            Some(watcher) => watcher.end(TransportEnd::Limit(cause, by_caller)),
            None => this.handle.because(Ending::Truncated { cause, by_caller }),
        }
        match this.handle.ending() {
            Some(ending) if !ending.is_broken() => Ok(()),
            Some(ending) => Err(BodyError::new(ending.clone())),
            None => Err(BodyError::new(Ending::Truncated { cause, by_caller })),
        }
    }
}

impl<B> Body for Watched<B>
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
        let mut this = self.project();
        match this.state {
            State::Open => {}
            State::Broken => {
                *this.state = State::Done;
                return Poll::Ready(fail(this.handle));
            }
            State::Done => return Poll::Ready(None),
        }
        let frame = match ready!(this.inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            None => {
                *this.state = State::Done;
                if let Some(watcher) = this.watcher {
                    watcher.end(TransportEnd::Clean);
                }
                return Poll::Ready(if *this.judging { fail(this.handle) } else { None });
            }
            Some(Err(error)) => {
                *this.state = State::Done;
                let error = error.into();
                let fault = TransportFault::of(&*error);
                if let Some(watcher) = this.watcher {
                    let end = match error.downcast_ref::<BodyError>() {
                        Some(known) => {
                            watcher.reporter.report(known.ending().clone());
                            TransportEnd::Broken(fault.clone())
                        }
                        None => TransportEnd::Broken(fault.clone()),
                    };
                    watcher.end(end);
                }
                // A break behind the sign of completion took nothing away from the reader.
                return Poll::Ready(match this.handle.ending() {
                    Some(ending) if *this.judging && !ending.is_broken() => None,
                    Some(ending) => Some(Err(BodyError::with_source(ending.clone(), error))),
                    None => {
                        let ending = Ending::Truncated { cause: fault.cause, by_caller: false };
                        Some(Err(BodyError::with_source(ending, error)))
                    }
                });
            }
        };
        let Some(watcher) = this.watcher else { return Poll::Ready(Some(Ok(frame))) };
        let frame = match frame.into_data() {
            Err(other) => other,
            Ok(mut data) => {
                let good = watcher.chunk(&data).filter(|_| *this.judging);
                if let Some(good) = good {
                    watcher.end(TransportEnd::Clean);
                    data.truncate(good);
                    if data.is_empty() {
                        *this.state = State::Done;
                        return Poll::Ready(fail(this.handle));
                    }
                    *this.state = State::Broken;
                } else if this.inner.is_end_stream() {
                    watcher.end(TransportEnd::Clean);
                    if *this.judging && this.handle.ending().is_some_and(Ending::is_broken) {
                        *this.state = State::Broken;
                    }
                }
                Frame::data(data)
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            State::Open => {
                self.inner.is_end_stream()
                    && !(self.judging && self.handle.ending().is_none_or(Ending::is_broken))
            }
            State::Broken => false,
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.judging { SizeHint::default() } else { self.inner.size_hint() }
    }
}

/// The last poll of a body that is held to its ending.
fn fail(handle: &EndingHandle) -> Option<Result<Frame<Bytes>, BodyError>> {
    handle.ending().filter(|ending| ending.is_broken()).map(|ending| Err(BodyError::new(ending.clone())))
}
