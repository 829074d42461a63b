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

    /// Undoes [`Self::strict`].
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    /// A judge of the body behind `head`, with these bounds.
    pub fn judge(self, ask: &Ask, head: &response::Parts) -> Judge {
        Judge::new(ask, head, self.max_event, self.max_json)
    }

    /// Wraps the body behind `head` and puts the handle of its ending into the extensions there; the body
    /// has it too. Where a handle is there already, nothing is scanned again: the body is only held to its
    /// ending.
    #[inline]
    pub fn body<B>(self, ask: &Ask, head: &mut response::Parts, body: B) -> Watched<B>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (by, stream) = self.watcher(ask, head, body.is_end_stream());
        let judging = self.strict && stream;
        if judging {
            // The length may turn out to be another one.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        Watched { inner: body, by, judging, state: State::Open }
    }

    /// The same for a whole response.
    pub fn response<B>(self, ask: &Ask, response: Response<B>) -> Response<Watched<B>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = response.into_parts();
        let body = self.body(ask, &mut head, body);
        Response::from_parts(head, body)
    }

    /// Who watches the body behind `head`, and whether it is an event stream of a known format.
    fn watcher(self, ask: &Ask, head: &mut response::Parts, is_over: bool) -> (By, bool) {
        if let Some(handle) = head.extensions.get::<EndingHandle>() {
            return (By::Inner(handle.clone()), ask.is_answered_by_stream(head));
        }
        let judge = self.judge(ask, head);
        let (stream, decided) = (judge.is_stream(), judge.decided().is_some());
        let (reporter, handle) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
        head.extensions.insert(handle);
        let mut watcher = Watcher { judge, reporter, told_content: false, inside: false };
        if decided || is_over {
            watcher.end(TransportEnd::Clean);
        }
        (By::Us(watcher), stream)
    }
}

pin_project! {
    /// A body that is scanned as it passes and reports exactly one ending.
    #[derive(Debug)]
    pub struct Watched<B> {
        #[pin]
        inner: B,
        by: By,
        judging: bool,
        state: State,
    }
}

/// Who watches.
#[derive(Debug)]
enum By {
    Us(Watcher),
    /// A layer further in.
    Inner(EndingHandle),
}

impl By {
    fn handle(&self) -> &EndingHandle {
        match self {
            Self::Us(watcher) => watcher.reporter.handle(),
            Self::Inner(handle) => handle,
        }
    }

    fn end(&mut self, end: TransportEnd) {
        if let Self::Us(watcher) = self {
            watcher.end(end);
        }
    }

    fn inside(&mut self, inside: bool) {
        if let Self::Us(watcher) = self {
            watcher.inside = inside;
        }
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
    /// Whether the body is being polled: where it is dropped like that, it has panicked.
    inside: bool,
}

impl Watcher {
    /// As [`Judge::chunk`].
    fn chunk(&mut self, chunk: &Bytes) -> Option<usize> {
        let good = self.judge.chunk(chunk);
        if self.judge.is_stream() {
            self.reporter.count(self.judge.events());
        }
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
            } else if self.inside {
                self.reporter.report(Ending::Interrupted);
            }
        }
    }
}

impl<B> Watched<B> {
    /// Where the ending is read.
    pub fn handle(&self) -> &EndingHandle {
        self.by.handle()
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
        match this.by {
            By::Us(watcher) => watcher.end(TransportEnd::Limit(cause, by_caller)),
            By::Inner(handle) => handle.because(Ending::Truncated { cause, by_caller }),
        }
        match this.by.handle().ending() {
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
                return Poll::Ready(fail(this.by.handle()));
            }
            State::Done => return Poll::Ready(None),
        }
        this.by.inside(true);
        let polled = this.inner.as_mut().poll_frame(cx);
        this.by.inside(false);
        let mut frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            None => {
                *this.state = State::Done;
                this.by.end(TransportEnd::Clean);
                return Poll::Ready(if *this.judging { fail(this.by.handle()) } else { None });
            }
            Some(Err(error)) => {
                *this.state = State::Done;
                return Poll::Ready(break_off(this.by, *this.judging, error.into()).map(Err));
            }
        };
        if frame.is_trailers() {
            // The last frame: hyper ends the body properly behind it, and asks for no more.
            this.by.end(TransportEnd::Clean);
            if *this.judging && this.by.handle().ending().is_some_and(Ending::is_broken) {
                *this.state = State::Done;
                return Poll::Ready(fail(this.by.handle()));
            }
        } else if let By::Us(watcher) = this.by
            && let Some(data) = frame.data_ref()
        {
            match watcher.chunk(data).filter(|_| *this.judging) {
                Some(0) => {
                    watcher.end(TransportEnd::Clean);
                    *this.state = State::Done;
                    return Poll::Ready(fail(this.by.handle()));
                }
                Some(good) => {
                    watcher.end(TransportEnd::Clean);
                    *this.state = State::Broken;
                    frame = Frame::data(data.slice(..good));
                }
                None if this.inner.is_end_stream() => {
                    watcher.end(TransportEnd::Clean);
                    if *this.judging && watcher.reporter.ending().is_some_and(Ending::is_broken) {
                        *this.state = State::Broken;
                    }
                }
                None => {}
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            State::Open => {
                self.inner.is_end_stream()
                    && !(self.judging && self.handle().ending().is_none_or(Ending::is_broken))
            }
            State::Broken => false,
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.judging { SizeHint::default() } else { self.inner.size_hint() }
    }
}

/// The end of a body whose transport broke with `error`.
#[cold]
fn break_off(by: &mut By, judging: bool, error: BoxError) -> Option<BodyError> {
    let fault = TransportFault::of(&*error);
    let cause = fault.cause;
    if let By::Us(watcher) = by {
        if let Some(known) = BodyError::find(&*error) {
            watcher.reporter.report(known.ending().clone());
        }
        watcher.end(TransportEnd::Broken(fault));
    }
    match by.handle().ending() {
        // A break behind the sign of completion took nothing away from the reader. A status is no such sign:
        // it came behind a head that had left already.
        Some(Ending::Complete { .. }) if judging => None,
        Some(ending) => Some(BodyError::with_source(ending.clone(), error)),
        None => Some(BodyError::with_source(Ending::Truncated { cause, by_caller: false }, error)),
    }
}

/// The last poll of a body that is held to its ending.
fn fail(handle: &EndingHandle) -> Option<Result<Frame<Bytes>, BodyError>> {
    handle.ending().filter(|ending| ending.is_broken()).map(|ending| Err(BodyError::new(ending.clone())))
}
