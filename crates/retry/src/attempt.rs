use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, header, response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{
    BodyError, BoxError, Ending, EndingHandle, FailureKind, Phase, REFUSED_BY, Scope, Watched,
};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::held::Held;
use crate::pace::Pass;
use crate::plan::{Look, Plan, is_json};
use crate::{hint, policy};

/// How long an error's body may take; then it is judged by its head.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

pin_project! {
    /// One call of the service, up to the last frame of its answer; or the place for one. A call is put
    /// into it where it stands: to move a whole attempt for each call would cost more than all its checks.
    pub(crate) struct Attempt<F, B> {
        // Whether there is one.
        live: bool,
        #[pin]
        state: State<F, B>,
        // Frames that were read and are not forwarded yet.
        held: Held,
        // For the body of an error, in a box: most calls wait for nothing but their answer.
        timer: Option<Pin<Box<Sleep>>>,
        // Tells the pacer what becomes of it; goes with it.
        pass: Option<Pass>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Call { #[pin] future: F },
        Answer {
            #[pin]
            body: Watched<B>,
            // Until it leaves.
            head: Option<response::Parts>,
            // What is waited for before anything leaves; `None`: it passes.
            look: Option<Look>,
        },
        Over,
    }
}

/// What an attempt came to, before any of it was forwarded.
pub(crate) enum Seen<E, B> {
    /// An answer that nobody has to look at; it is not in the attempt any more.
    Passing(response::Parts, Watched<B>, Option<Box<Pass>>),
    /// What was looked at can be handed on.
    Good,
    /// A status that is no answer, as far as it can be judged: its body is held.
    Status,
    /// A 2xx answer that broke, and its error where the body failed.
    Broke(Ending, Option<BodyError>),
    /// No answer.
    Error(E),
}

impl<E, B> Seen<E, B> {
    /// Whether it can be handed on.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Passing(..) | Self::Good)
    }
}

/// What is left of an answer, with nothing held upstream.
pub(crate) struct Left {
    /// Until it leaves.
    pub(crate) head: Option<response::Parts>,
    pub(crate) frames: Held,
    pub(crate) end: EndingHandle,
}

impl<F, B> Attempt<F, B> {
    /// A place for an attempt.
    pub(crate) fn none() -> Self {
        Self { live: false, state: State::Over, held: Held::default(), timer: None, pass: None }
    }

    /// An attempt whose request was sent.
    pub(crate) fn new(future: F, pass: Option<Pass>) -> Self {
        Self { live: true, state: State::Call { future }, pass, ..Self::none() }
    }

    /// The same in its place.
    pub(crate) fn call(self: Pin<&mut Self>, future: F, pass: Option<Pass>) {
        let mut this = self.project();
        *this.live = true;
        *this.pass = pass;
        this.state.set(State::Call { future });
    }

    /// Ends it, with all that it holds.
    pub(crate) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.live = false;
        this.state.set(State::Over);
        (*this.held, *this.timer, *this.pass) = (Held::default(), None, None);
    }

    /// Whether there is one.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Itself, where there is one.
    pub(crate) fn live(self: Pin<&mut Self>) -> Option<Pin<&mut Self>> {
        self.live.then_some(self)
    }

    /// Takes its leave back: one that was refused waits for another turn with it.
    pub(crate) fn take_pass(self: Pin<&mut Self>) -> Option<Pass> {
        self.project().pass.take()
    }
}

impl<F, B, E> Attempt<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads on until it can be said what the attempt came to.
    #[inline]
    pub(crate) fn poll_seen(mut self: Pin<&mut Self>, cx: &mut Context<'_>, plan: &Plan) -> Poll<Seen<E, B>> {
        loop {
            let mut this = self.as_mut().project();
            match this.state.as_mut().project() {
                StateProj::Call { future } => match ready!(future.poll(cx)) {
                    Ok(response) => {
                        if let Some(passing) = self.as_mut().answered(response, plan) {
                            return Poll::Ready(passing);
                        }
                    }
                    Err(error) => {
                        this.state.set(State::Over);
                        return Poll::Ready(Seen::Error(error));
                    }
                },
                StateProj::Answer { look: None, .. } => return Poll::Ready(Seen::Good),
                StateProj::Answer { .. } => return self.poll_look(cx, plan),
                StateProj::Over => return Poll::Ready(Seen::Broke(Ending::Interrupted, None)),
            }
        }
    }

    /// A head came: chooses what to look at behind it. An answer that nobody has to look at leaves here.
    #[inline]
    fn answered(self: Pin<&mut Self>, response: Response<B>, plan: &Plan) -> Option<Seen<E, B>> {
        let mut this = self.project();
        let (mut head, body) = response.into_parts();
        if let Some(pass) = this.pass.as_mut() {
            pass.answered(&head);
        }
        let body = plan.config.watch.body(&plan.ask, &mut head, body);
        let look = if head.status.is_client_error() || head.status.is_server_error() {
            // Where one of our own layers said no, that stays so.
            let heals = !head.headers.contains_key(REFUSED_BY)
                && (policy::is_passing(head.status) || hint::should_retry(&head.headers) == Some(true));
            heals.then_some(Look::Error)
        } else if body.is_judging() {
            Some(Look::Stream)
        } else if plan.ask.dialect.is_some() && body.handle().ending().is_none() {
            is_json(&head.headers).then_some(Look::Whole)
        } else {
            // A page where an answer was asked for.
            body.handle().ending().filter(|ending| ending.is_broken()).map(|_| Look::Stream)
        };
        if look.is_none() {
            this.state.set(State::Over);
            return Some(Seen::Passing(head, body, this.pass.take().map(Box::new)));
        }
        this.state.set(State::Answer { body, head: Some(head), look });
        None
    }

    /// Reads on in what is being looked at.
    fn poll_look(self: Pin<&mut Self>, cx: &mut Context<'_>, plan: &Plan) -> Poll<Seen<E, B>> {
        let this = self.project();
        let StateProj::Answer { mut body, head, look } = this.state.project() else { return Poll::Pending };
        let Some(kind) = *look else { return Poll::Ready(Seen::Good) };
        let broke = loop {
            if kind == Look::Stream && !body.is_judging() {
                // Broken by its head alone: what is behind it is of no use to anybody.
                break None;
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Pending if kind != Look::Error => return Poll::Pending,
                Poll::Pending => {
                    let limit = || Box::pin(sleep(ERROR_BODY_WAIT));
                    ready!(this.timer.get_or_insert_with(limit).as_mut().poll(cx));
                    break None;
                }
                Poll::Ready(None) => break None,
                Poll::Ready(Some(Err(error))) => break Some(error),
                Poll::Ready(Some(Ok(frame))) => {
                    this.held.push(frame);
                    let full = this.held.bytes() > kind.room(&plan.config);
                    if kind == Look::Error {
                        if full {
                            break None;
                        }
                    } else if full || (kind == Look::Stream && body.handle().phase() == Phase::Stream) {
                        *look = None;
                        return Poll::Ready(Seen::Good);
                    }
                }
            }
        };
        *this.timer = None;
        if kind == Look::Error {
            if let (Some(head), Some(_)) = (head, broke) {
                // Less of it comes than it says.
                head.headers.remove(header::CONTENT_LENGTH);
            }
            return Poll::Ready(Seen::Status);
        }
        let ending = match (body.handle().ending(), &broke) {
            (Some(ending), _) => ending.clone(),
            (None, Some(error)) => error.ending().clone(),
            (None, None) => Ending::Opaque { ok: true },
        };
        // Where the body broke with a status, that came behind a head that had left further in already.
        if broke.is_none() && (!ending.is_broken() || matches!(ending, Ending::Opaque { .. })) {
            *look = None;
            return Poll::Ready(Seen::Good);
        }
        Poll::Ready(Seen::Broke(ending, broke))
    }
}

impl<F, B> Attempt<F, B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The next frame of what is handed on.
    pub(crate) fn poll_rest(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut this = self.project();
        if let Some(frame) = this.held.pop() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = match this.state.as_mut().project() {
            StateProj::Answer { body, .. } => ready!(body.poll_frame(cx)),
            _ => None,
        };
        if !matches!(frame, Some(Ok(_))) {
            *this.pass = None;
            this.state.set(State::Over);
        }
        Poll::Ready(frame)
    }

    /// Hands on what came, whatever is known of it: gives its head, unless that has left.
    pub(crate) fn hand_on(self: Pin<&mut Self>) -> Option<response::Parts> {
        match self.project().state.project() {
            StateProj::Answer { head, look, .. } => {
                *look = None;
                head.take()
            }
            _ => None,
        }
    }

    /// What it has brought so far, for when nothing better comes. The rest is dropped, with its connection.
    pub(crate) fn leave(self: Pin<&mut Self>) -> Option<Left> {
        let mut this = self.project();
        let left = match this.state.as_mut().project() {
            StateProj::Answer { body, head, .. } => {
                let ending = body.handle().ending().cloned();
                let is_read = body.is_end_stream();
                head.take().map(|head| (head, ending, is_read))
            }
            _ => None,
        };
        this.state.set(State::Over);
        let (mut head, ending, is_read) = left?;
        // Of a body that is not read to its end there is less than its head says.
        if !is_read {
            head.headers.remove(header::CONTENT_LENGTH);
        }
        let ending = ending.unwrap_or(Ending::Failed { kind: FailureKind::Status(head.status) });
        let end = EndingHandle::ended(Scope::Attempt, ending);
        Some(Left { head: Some(head), frames: std::mem::take(this.held), end })
    }

    /// Lets the head of a stream go before its content is there, where one has come.
    pub(crate) fn take_head(self: Pin<&mut Self>) -> Option<response::Parts> {
        match self.project().state.project() {
            StateProj::Answer { head, look: Some(Look::Stream), body, .. } if body.is_judging() => {
                head.take()
            }
            _ => None,
        }
    }

    /// Whether what came is a stream of a known format; `None` where nothing came yet.
    pub(crate) fn is_stream(&self) -> Option<bool> {
        match &self.state {
            State::Answer { body, look, .. } => Some(*look == Some(Look::Stream) && body.is_judging()),
            _ => None,
        }
    }

    /// Whether it is a whole (JSON) answer that is being looked at.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Answer { look: Some(Look::Whole), .. })
    }

    /// How it goes, and whether it is a stream whose ending may be changed.
    pub(crate) fn handle(&self) -> Option<(EndingHandle, bool)> {
        match &self.state {
            State::Answer { body, .. } => Some((body.handle().clone(), body.is_judging())),
            _ => None,
        }
    }

    /// The status and headers of what came, until its head left.
    pub(crate) fn head(&self) -> Option<&response::Parts> {
        match &self.state {
            State::Answer { head, .. } => head.as_ref(),
            _ => None,
        }
    }

    /// What was read and is not forwarded yet.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.held.is_empty()
            && match &self.state {
                State::Answer { body, .. } => body.is_end_stream(),
                State::Over => true,
                State::Call { .. } => false,
            }
    }

    /// How much more comes.
    pub(crate) fn rest_hint(&self) -> SizeHint {
        let rest = match &self.state {
            State::Answer { body, .. } if body.is_judging() => return SizeHint::default(),
            State::Answer { body, .. } => body.size_hint(),
            _ => SizeHint::with_exact(0),
        };
        self.held.before(rest)
    }
}
