use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle, Phase, REFUSED_BY, TransportFault, Watched};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower_service::Service;

use crate::held::Held;
use crate::kept::Kept;
use crate::plan::{Came, GivenUp, Look, Plan, is_json};
use crate::{Attempt, Decision, ReplayBody, Stop, hint, policy};

/// How long an error's body may take; then it is judged by its head.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

pin_project! {
    /// The attempts at one answer, one after the other. It is driven by the future until the head leaves,
    /// and by the body from then on.
    pub(crate) struct Machine<S, A, B>
    where
        S: Service<Request<ReplayBody<A>>>,
    {
        service: S,
        pub(crate) plan: Plan,
        // What another attempt needs; `None` once there can be none.
        kept: Option<Kept<A>>,
        pub(crate) held: Held,
        pub(crate) given_up: GivenUp,
        // For what is waited for now, in a box: most calls wait for nothing but their answer.
        timer: Option<Pin<Box<Sleep>>>,
        #[pin]
        state: State<S::Future, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Call { #[pin] future: F },
        Wait,
        Ready,
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

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(service: S, plan: Plan) -> Self {
        Self {
            service,
            plan,
            kept: None,
            held: Held::default(),
            given_up: GivenUp::default(),
            timer: None,
            state: State::Over,
        }
    }

    /// Sends the first attempt, with a service that is ready.
    pub(crate) fn begin(self: Pin<&mut Self>, request: Request<A>) {
        let this = self.project();
        let (head, body) = request.into_parts();
        let config = &this.plan.config;
        // Kept only while there can be another attempt.
        let body = if config.max_attempts.as_u32() > 1 {
            ReplayBody::new(body, config.max_body)
        } else {
            ReplayBody::once(body)
        };
        *this.kept = body.again().map(|again| Kept::new(&head, again));
        Self::send(this.service, this.plan, this.state, Request::from_parts(head, body));
    }

    fn send(
        service: &mut S,
        plan: &mut Plan,
        mut state: Pin<&mut State<S::Future, B>>,
        request: Request<ReplayBody<A>>,
    ) {
        plan.begin();
        state.set(State::Call { future: service.call(request) });
    }

    /// Makes attempts until one can be handed on or none is left.
    pub(crate) fn poll_came(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Came<S::Error>> {
        loop {
            let this = self.as_mut().project();
            match this.state.project() {
                StateProj::Call { future } => match ready!(future.poll(cx)) {
                    Ok(response) => self.as_mut().answered(response),
                    Err(error) => {
                        let fault = TransportFault::of_any(&error);
                        if !self.as_mut().again(Attempt::Fault(&fault)) {
                            self.project().state.set(State::Over);
                            return Poll::Ready(Came::Error(error));
                        }
                    }
                },
                StateProj::Wait => {
                    if let Some(timer) = this.timer {
                        ready!(timer.as_mut().poll(cx));
                    }
                    *this.timer = None;
                    self.as_mut().project().state.set(State::Ready);
                }
                StateProj::Ready => match ready!(this.service.poll_ready(cx)) {
                    Ok(()) => self.as_mut().call(),
                    Err(error) => {
                        self.project().state.set(State::Over);
                        return Poll::Ready(Came::Error(error));
                    }
                },
                StateProj::Answer { .. } => {
                    if let Some(came) = ready!(self.as_mut().poll_look(cx)) {
                        return Poll::Ready(came);
                    }
                }
                StateProj::Over => return Poll::Ready(Came::Broken(BodyError::new(Ending::Interrupted))),
            }
        }
    }

    /// Sends the next attempt.
    fn call(self: Pin<&mut Self>) {
        let mut this = self.project();
        match this.kept.as_ref().and_then(Kept::request) {
            Some(request) => Self::send(this.service, this.plan, this.state, request),
            None => this.state.set(State::Over),
        }
    }

    /// A head came: chooses what to look at behind it.
    fn answered(self: Pin<&mut Self>, response: Response<B>) {
        let mut this = self.project();
        let (mut head, body) = response.into_parts();
        let body = this.plan.config.watch.body(&this.plan.ask, &mut head, body);
        let look = if head.status.is_client_error() || head.status.is_server_error() {
            // Where one of our own layers said no, that stays so.
            let heals = !head.headers.contains_key(REFUSED_BY)
                && (policy::is_passing(head.status) || hint::should_retry(&head.headers) == Some(true));
            heals.then_some(Look::Error)
        } else if body.is_judging() {
            Some(Look::Stream)
        } else if this.plan.ask.dialect.is_some() && body.handle().ending().is_none() {
            is_json(&head.headers).then_some(Look::Whole)
        } else {
            // A page where an answer was asked for.
            body.handle().ending().filter(|ending| ending.is_broken()).map(|_| Look::Stream)
        };
        this.state.set(State::Answer { body, head: Some(head), look });
    }

    /// Reads on in what is being looked at. `None`: another attempt is under way.
    fn poll_look(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Came<S::Error>>> {
        let broke = loop {
            let this = self.as_mut().project();
            let StateProj::Answer { mut body, head, look } = this.state.project() else {
                return Poll::Ready(None);
            };
            let Some(look) = *look else { return Poll::Ready(Some(Came::Head(head.take()))) };
            if look == Look::Stream && !body.is_judging() {
                // Broken by its head alone: what is behind it is of no use to anybody.
                break None;
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Pending if look != Look::Error => return Poll::Pending,
                Poll::Pending => {
                    let limit = || Box::pin(sleep(ERROR_BODY_WAIT));
                    ready!(this.timer.get_or_insert_with(limit).as_mut().poll(cx));
                    break None;
                }
                Poll::Ready(None) => break None,
                Poll::Ready(Some(Err(error))) => break Some(error),
                Poll::Ready(Some(Ok(frame))) => {
                    this.held.push(frame);
                    let full = this.held.bytes() > look.room(&this.plan.config);
                    if look == Look::Error {
                        if full {
                            break None;
                        }
                    } else if full || (look == Look::Stream && body.handle().phase() == Phase::Stream) {
                        return Poll::Ready(Some(self.hand_on()));
                    }
                }
            }
        };
        Poll::Ready(self.looked(broke))
    }

    /// All was seen that is waited for: hands it on, or asks again.
    fn looked(mut self: Pin<&mut Self>, broke: Option<BodyError>) -> Option<Came<S::Error>> {
        let this = self.as_mut().project();
        let StateProj::Answer { body, head, look, .. } = this.state.project() else { return None };
        let (look, ending) = (*look, body.handle().ending().cloned());
        *this.timer = None;
        if let (Some(Look::Error), Some(head)) = (look, head) {
            let (status, headers) = (head.status, head.headers.clone());
            let attempt = Attempt::Status { status, headers: &headers, body: &this.held.text() };
            if self.as_mut().again(attempt) {
                return None;
            }
            return Some(self.hand_on());
        }
        let ending = ending.unwrap_or_else(|| match &broke {
            Some(error) => error.ending().clone(),
            None => Ending::Opaque { ok: true },
        });
        // Where the body broke with a status, that came behind a head that had left further in already.
        if broke.is_none() && (!ending.is_broken() || matches!(ending, Ending::Opaque { .. })) {
            return Some(self.hand_on());
        }
        if self.as_mut().again(Attempt::Ended(&ending)) {
            return None;
        }
        let cut_short = matches!(ending, Ending::Truncated { .. });
        if look == Some(Look::Whole) && broke.is_none() && cut_short {
            // Cut short, and whole as JSON: better than nothing, and it says so itself.
            return Some(self.hand_on());
        }
        self.project().state.set(State::Over);
        Some(Came::Broken(broke.unwrap_or_else(|| BodyError::new(ending))))
    }

    fn hand_on(self: Pin<&mut Self>) -> Came<S::Error> {
        let StateProj::Answer { head, look, .. } = self.project().state.project() else {
            return Came::Head(None);
        };
        *look = None;
        Came::Head(head.take())
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

    /// Whether the head may be let go early: what came or was asked for is a stream.
    pub(crate) fn is_stream(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        match this.state.project() {
            StateProj::Answer { body, look, .. } => *look == Some(Look::Stream) && body.is_judging(),
            _ => this.plan.ask.stream == Some(true) && this.plan.ask.dialect.is_some(),
        }
    }

    /// When the head may be let go early.
    pub(crate) fn release_at(self: Pin<&mut Self>) -> Instant {
        self.project().plan.release_at()
    }

    /// How the attempt whose answer is handed on goes.
    pub(crate) fn attempt(self: Pin<&mut Self>) -> Option<(EndingHandle, bool)> {
        match self.project().state.project() {
            StateProj::Answer { body, .. } => Some((body.handle().clone(), body.is_judging())),
            _ => None,
        }
    }

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
            this.state.set(State::Over);
        }
        Poll::Ready(frame)
    }

    /// Ends everything that is still going on.
    pub(crate) fn stop(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.held.clear();
        this.state.set(State::Over);
    }

    /// Decides whether there is another attempt, and if so waits for it.
    fn again(self: Pin<&mut Self>, attempt: Attempt<'_>) -> bool {
        let mut this = self.project();
        let plan = this.plan;
        let attempts = plan.attempts();
        // The wall clock: what a date is compared with.
        let date = std::time::SystemTime::now();
        let asked = match plan.config.policy.decide(attempt, date) {
            Decision::Retry { after } => after,
            Decision::Stop { why, hint } => {
                let is = matches!(why, Stop::OverCap | Stop::Ambiguous | Stop::Deadline);
                *this.given_up = GivenUp { is, retry_after: hint.filter(|_| is) };
                return false;
            }
        };
        let random = plan.config.random();
        let wait = match asked {
            Some(asked) => plan.config.backoff.asked(asked, random),
            None => plan.config.backoff.wait(attempts, random),
        };
        let at = lastbyte_core::far(Instant::now(), wait);
        let kept = this.kept.as_mut().filter(|kept| kept.is_replayable());
        let fits = kept.is_some_and(|kept| at <= plan.last_start(kept));
        if attempts >= plan.config.max_attempts.as_u32() || !fits {
            *this.given_up = GivenUp { is: true, retry_after: Some(asked.unwrap_or(wait)) };
            return false;
        }
        this.held.clear();
        *this.timer = Some(Box::pin(sleep_until(at)));
        this.state.set(State::Wait);
        true
    }
}

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.held.is_empty()
            && match &self.state {
                State::Answer { body, .. } => body.is_end_stream(),
                State::Over => true,
                _ => false,
            }
    }

    /// How much more comes.
    pub(crate) fn rest_hint(&self) -> SizeHint {
        let held = self.held.bytes() as u64;
        let rest = match &self.state {
            State::Answer { body, .. } if body.is_judging() => return SizeHint::default(),
            State::Answer { body, .. } => body.size_hint(),
            _ => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(held + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(held + upper);
        }
        hint
    }
}
