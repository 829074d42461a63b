use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{
    BodyError, BoxError, Cause, Ending, EndingHandle, FailureKind, Scope, TransportFault, Watched,
};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use crate::ReplayBody;
use crate::end::AnswerEnd;
use crate::machine::Machine;
use crate::pace::Pass;
use crate::plan::Came;
use crate::seam::Seam;

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
    // Where the answer can go on behind its content.
    seam: Option<Box<Seam>>,
    // They wait for what was held back, in a box: few answers have any.
    trailers: Option<Box<Frame<Bytes>>>,
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
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn came(
        mut machine: Pin<Box<Machine<S, A, B>>>,
        attempt: Option<(EndingHandle, bool)>,
    ) -> Self {
        let seam = if attempt.as_ref().is_some_and(|(_, is_stream)| *is_stream) {
            machine.as_mut().seam()
        } else {
            None
        };
        let mut end = AnswerEnd::new(attempt.map(|(handle, _)| handle));
        if !machine.holds() && seam.is_none() {
            end.follow();
        }
        Self { machine, stage: Stage::Passing, seam, trailers: None, end }
    }

    pub(crate) fn waiting(machine: Pin<Box<Machine<S, A, B>>>) -> Self {
        Self { machine, stage: Stage::Waiting, seam: None, trailers: None, end: AnswerEnd::new(None) }
    }
}

impl<S, A, B> ResponseBody<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    pub(crate) fn passing(body: Watched<B>, pass: Option<Box<Pass>>) -> Self {
        Self { kind: Kind::Passing { body, pass } }
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
        loop {
            let came = ready!(self.machine.as_mut().poll_came(cx));
            if let (Came::Head(_), Some((attempt, true))) = (&came, self.machine.handed_on()) {
                self.end.attempt_is(attempt);
                self.stage = Stage::Passing;
                if self.seam.is_none() {
                    self.seam = self.machine.as_mut().seam();
                }
                return Poll::Ready(Ok(()));
            }
            if self.seam.is_some() {
                // The next attempt at an answer that broke is no stream.
                match self.went_on(&came) {
                    Some(error) => return Poll::Ready(Err(self.fail(error))),
                    None => continue,
                }
            }
            let ending = match came {
                Came::Head(head) => {
                    let attempt = self.machine.handed_on();
                    let ending = attempt.as_ref().and_then(|(attempt, _)| attempt.ending());
                    self.unexpected(ending, head.as_ref())
                }
                Came::Passing(head, body, _) => self.unexpected(body.handle().ending(), Some(&head)),
                // It is the upstream's limit that the turn was waited for.
                Came::Refused(_) => {
                    Ending::Failed { kind: FailureKind::Status(StatusCode::TOO_MANY_REQUESTS) }
                }
                Came::Broken(error) => return Poll::Ready(Err(self.fail(error))),
                Came::Error(error) => Ending::Failed { kind: TransportFault::of_any(&error).kind },
            };
            return Poll::Ready(Err(self.fail(BodyError::new(ending))));
        }
    }

    /// The attempt broke behind its content, or nothing more of it can be joined: goes on with another one.
    /// `Err` where there is none.
    fn go_on(&mut self, broke: Option<BodyError>) -> Result<(), BodyError> {
        let Some(seam) = &mut self.seam else {
            return Err(broke.unwrap_or_else(|| BodyError::new(Ending::Interrupted)));
        };
        let garbage = || Ending::Failed { kind: FailureKind::Garbage };
        let ending = broke.as_ref().map_or_else(garbage, |error| error.ending().clone());
        seam.broke(broke);
        self.end.no_attempt();
        self.stage = Stage::Waiting;
        let may = self.machine.as_mut().may_go_on(&ending);
        let next = if may { seam.next() } else { None };
        if next.is_some_and(|body| self.machine.as_mut().go_on(body)) {
            return Ok(());
        }
        Err(seam.take_error().unwrap_or_else(|| BodyError::new(ending)))
    }

    /// The attempt that was to go on is no stream. `None`: another way is under way.
    fn went_on(&mut self, came: &Came<S::Error, B>) -> Option<BodyError> {
        let status = match came {
            Came::Head(head) => head.as_ref().map(|head| head.status),
            Came::Passing(head, ..) => Some(head.status),
            _ => None,
        };
        let seam = self.seam.as_mut()?;
        // The upstream does not know this way, or does not take it for this answer.
        let is_refused = status.is_some_and(|status| matches!(status.as_u16(), 400 | 404 | 422));
        if is_refused {
            seam.refused();
            return self.go_on(None).err();
        }
        Some(seam.take_error().unwrap_or_else(|| BodyError::new(Ending::Interrupted)))
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

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if self.stage == Stage::Over {
                return Poll::Ready(None);
            }
            if self.seam.as_ref().is_some_and(|seam| seam.is_stuck())
                && let Err(error) = self.go_on(None)
            {
                return Poll::Ready(Some(Err(self.fail(error))));
            }
            if self.stage == Stage::Waiting
                && let Err(error) = ready!(self.poll_waiting(cx))
            {
                return Poll::Ready(Some(Err(error)));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(*trailers)));
            }
            let frame = ready!(self.machine.as_mut().poll_rest(cx));
            let Some(seam) = &mut self.seam else {
                if !self.machine.holds() {
                    self.end.follow();
                }
                if !matches!(frame, Some(Ok(_))) {
                    self.stage = Stage::Over;
                }
                return Poll::Ready(frame);
            };
            self.end.follow_unless_broken();
            match frame.transpose() {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let bytes = seam.forward(data);
                        if !bytes.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(bytes))));
                        }
                    }
                    Err(trailers) => {
                        self.trailers = Some(Box::new(trailers));
                        let rest = seam.take_rest();
                        if !rest.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(rest))));
                        }
                    }
                },
                Ok(None) => {
                    let rest = seam.take_rest();
                    self.end.follow();
                    self.stage = Stage::Over;
                    return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
                }
                Err(error) => {
                    if let Err(error) = self.go_on(Some(error)) {
                        return Poll::Ready(Some(Err(self.fail(error))));
                    }
                }
            }
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
        answer.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body, .. } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
            Kind::Answer { answer } => match answer.stage {
                Stage::Waiting => false,
                // Where the last frame says so, the end goes out with it.
                Stage::Passing => {
                    let is_through = answer.seam.as_ref().is_none_or(|seam| seam.is_through());
                    answer.machine.is_over() && is_through && answer.trailers.is_none()
                }
                Stage::Over => true,
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body, .. } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
            Kind::Answer { answer } if answer.stage == Stage::Waiting || answer.seam.is_some() => {
                SizeHint::default()
            }
            Kind::Answer { answer } => answer.machine.rest_hint(),
        }
    }
}
