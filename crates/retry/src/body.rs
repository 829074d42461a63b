use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{
    BodyError, BoxError, Cause, Ending, EndingHandle, FailureKind, RefusedBy, Scope, TransportFault, Watched,
};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use crate::ReplayBody;
use crate::end::AnswerEnd;
use crate::machine::Machine;
use crate::pace::Pass;
use crate::plan::Came;

pin_project! {
    /// The body of an answer under [`RetryLayer`](crate::RetryLayer).
    pub struct ResponseBody<S, A, B>
    where
        S: Service<Request<ReplayBody<A>>>,
    {
        #[pin]
        kind: Kind<S, A, B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<S, A, B>
    where
        S: Service<Request<ReplayBody<A>>>,
    {
        // Nothing was held and nothing is asked again: the attempt is the answer.
        Passing {
            #[pin]
            body: Watched<B>,
            pass: Option<Box<Pass>>,
        },
        Answer { answer: Answer<S, A, B> },
        Own { bytes: Option<Bytes> },
    }
}

/// An answer whose head has left.
pub(crate) struct Answer<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    machine: Pin<Box<Machine<S, A, B>>>,
    stage: Stage,
    // Behind the machine: an attempt that is dropped reports before its answer does.
    end: AnswerEnd,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The head left before an answer came: attempts go on.
    Waiting,
    Passing,
    Over,
}

impl<S, A, B> Answer<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn came(machine: Pin<Box<Machine<S, A, B>>>, attempt: Option<(EndingHandle, bool)>) -> Self {
        let mut end = AnswerEnd::new(attempt.map(|(handle, _)| handle));
        if !machine.holds() {
            end.follow();
        }
        Self { machine, stage: Stage::Passing, end }
    }

    pub(crate) fn going_on(machine: Pin<Box<Machine<S, A, B>>>) -> Self {
        Self { machine, stage: Stage::Waiting, end: AnswerEnd::new(None) }
    }
}

impl<S, A, B> ResponseBody<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    pub(crate) fn passing(body: Watched<B>, pass: Option<Pass>) -> Self {
        Self { kind: Kind::Passing { body, pass: pass.map(Box::new) } }
    }

    pub(crate) fn answer(answer: Answer<S, A, B>) -> Self {
        Self { kind: Kind::Answer { answer } }
    }

    /// The ending of the whole answer; none where it is one of ours.
    pub(crate) fn handle(&self) -> Option<EndingHandle> {
        match &self.kind {
            Kind::Passing { body, .. } => Some(body.handle().clone().of(Scope::Answer)),
            Kind::Answer { answer } => Some(answer.end.handle().clone()),
            Kind::Own { .. } => None,
        }
    }
}

impl<S, A, B> From<Bytes> for ResponseBody<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes: Some(bytes) } }
    }
}

impl<S, A, B> fmt::Debug for ResponseBody<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl<S, A, B> Answer<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Attempts go on behind a head that has left; what they come to can only be told inside the stream.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let ending = match ready!(self.machine.as_mut().poll_came(cx)) {
            Came::Head(head) => match (self.machine.handed_on(), head) {
                (Some((attempt, true)), _) => {
                    self.end.attempt_is(attempt);
                    self.stage = Stage::Passing;
                    return Poll::Ready(Ok(()));
                }
                (attempt, head) => {
                    let ending = attempt.as_ref().and_then(|(attempt, _)| attempt.ending());
                    self.unexpected(ending, head.as_ref())
                }
            },
            Came::Refused(_) => Ending::Refused { by: RefusedBy::Retry },
            Came::Passing(head, body, _) => self.unexpected(body.handle().ending(), Some(&head)),
            Came::Broken(error) => return Poll::Ready(Err(self.fail(error))),
            Came::Error(error) => Ending::Failed { kind: TransportFault::of_any(&error).kind },
        };
        Poll::Ready(Err(self.fail(BodyError::new(ending))))
    }

    /// What an answer that is no stream means, behind a head that promised one.
    fn unexpected(&self, ending: Option<&Ending>, head: Option<&response::Parts>) -> Ending {
        match (ending, head) {
            // One that a layer further in has ended knows more than its status.
            (Some(Ending::Failed { kind: FailureKind::Timeout { by_caller } }), _) => {
                self.timeout(*by_caller)
            }
            (Some(ending), _) if ending.is_broken() => ending.clone(),
            (_, Some(head)) if !head.status.is_success() => {
                Ending::Failed { kind: FailureKind::Status(head.status) }
            }
            _ => Ending::Failed { kind: FailureKind::Garbage },
        }
    }

    /// A timeout before the attempt's head, which for the answer is one behind it.
    fn timeout(&self, by_caller: bool) -> Ending {
        let deadline = self.machine.plan.deadline().filter(|deadline| Instant::now() >= deadline.at);
        match deadline {
            Some(deadline) => Ending::Truncated { cause: Cause::Total, by_caller: deadline.by_caller },
            // A caller limits the whole call, and nothing else.
            None if by_caller => Ending::Truncated { cause: Cause::Total, by_caller },
            None => Ending::Truncated { cause: Cause::FirstEvent, by_caller },
        }
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.stage = Stage::Over;
        self.machine.as_mut().stop();
        self.end.report(error.ending().clone());
        error
    }
}

impl<S, A, B> Body for ResponseBody<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let answer = match self.project().kind.project() {
            KindProj::Passing { body, pass } => {
                let frame = ready!(body.poll_frame(cx));
                if !matches!(frame, Some(Ok(_))) {
                    *pass = None;
                }
                return Poll::Ready(frame);
            }
            KindProj::Own { bytes } => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            KindProj::Answer { answer } => answer,
        };
        if answer.stage == Stage::Waiting
            && let Err(error) = ready!(answer.poll_waiting(cx))
        {
            return Poll::Ready(Some(Err(error)));
        }
        if answer.stage == Stage::Over {
            return Poll::Ready(None);
        }
        let frame = ready!(answer.machine.as_mut().poll_rest(cx));
        if !answer.machine.holds() {
            answer.end.follow();
        }
        if !matches!(frame, Some(Ok(_))) {
            answer.stage = Stage::Over;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body, .. } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
            Kind::Answer { answer } => match answer.stage {
                Stage::Waiting => false,
                Stage::Passing => answer.machine.is_over(),
                Stage::Over => true,
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body, .. } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
            Kind::Answer { answer } if answer.stage == Stage::Waiting => SizeHint::default(),
            Kind::Answer { answer } => answer.machine.rest_hint(),
        }
    }
}
