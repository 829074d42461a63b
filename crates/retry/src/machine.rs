use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, request, response};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle, Phase, REFUSED_BY, TransportFault, Watched};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

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
        kept: Option<(request::Parts, ReplayBody<A>)>,
        // Frames that are not forwarded yet.
        pub(crate) held: VecDeque<Frame<Bytes>>,
        held_bytes: usize,
        pub(crate) given_up: GivenUp,
        #[pin]
        state: State<S::Future, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Call { #[pin] future: F },
        Wait { #[pin] until: Sleep },
        Ready,
        Answer {
            #[pin]
            body: Watched<B>,
            // Until it leaves.
            head: Option<response::Parts>,
            // What is waited for before anything leaves; `None`: it passes.
            look: Option<Look>,
            #[pin]
            limit: Option<Sleep>,
        },
        Over,
    }
}

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(
        service: S,
        plan: Plan,
        kept: Option<(request::Parts, ReplayBody<A>)>,
        first: S::Future,
    ) -> Self {
        Self {
            service,
            plan,
            kept,
            held: VecDeque::new(),
            held_bytes: 0,
            given_up: GivenUp::default(),
            state: State::Call { future: first },
        }
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
                StateProj::Wait { until } => {
                    ready!(until.poll(cx));
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
        let last = this.plan.attempts.count() + 1 >= this.plan.config.max_attempts.as_u32();
        // The last attempt takes what was kept instead of a copy.
        let request = match this.kept.take() {
            Some((head, body)) => {
                let sent = Request::from_parts(head.clone(), body.again());
                if !last {
                    *this.kept = Some((head, body));
                }
                sent
            }
            None => return this.state.set(State::Over),
        };
        this.plan.attempts.begin();
        let future = this.service.call(request);
        this.state.set(State::Call { future });
    }

    /// A head came: chooses what to look at behind it.
    fn answered(self: Pin<&mut Self>, response: Response<B>) {
        let mut this = self.project();
        let (response, _) = this.plan.config.watch.response(&this.plan.ask, response);
        let (head, body) = response.into_parts();
        let passing = policy::is_passing(head.status) || hint::should_retry(&head.headers) == Some(true);
        let look = if head.headers.contains_key(REFUSED_BY) {
            // One of our own layers said no: that stays so.
            None
        } else if head.status.is_client_error() || head.status.is_server_error() {
            passing.then_some(Look::Error)
        } else if body.is_judging() {
            Some(Look::Stream)
        } else if this.plan.ask.dialect.is_some() && body.handle().ending().is_none() {
            is_json(&head.headers).then_some(Look::Whole)
        } else {
            // A page where an answer was asked for.
            body.handle().ending().filter(|ending| ending.is_broken()).map(|_| Look::Stream)
        };
        this.state.set(State::Answer { body, head: Some(head), look, limit: None });
    }

    /// Reads on in what is being looked at. `None`: another attempt is under way.
    fn poll_look(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Came<S::Error>>> {
        let broke = loop {
            let this = self.as_mut().project();
            let StateProj::Answer { mut body, head, look, mut limit } = this.state.project() else {
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
                    if limit.is_none() {
                        limit.set(Some(sleep_until(Instant::now() + ERROR_BODY_WAIT)));
                    }
                    if let Some(limit) = limit.as_pin_mut() {
                        ready!(limit.poll(cx));
                    }
                    break None;
                }
                Poll::Ready(None) => break None,
                Poll::Ready(Some(Err(error))) => break Some(error),
                Poll::Ready(Some(Ok(frame))) => {
                    *this.held_bytes += frame.data_ref().map_or(0, Bytes::len);
                    this.held.push_back(frame);
                    let full = *this.held_bytes > look.room(&this.plan.config);
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
        if let (Some(Look::Error), Some(head)) = (look, head) {
            let mut text = Vec::with_capacity(*this.held_bytes);
            this.held.iter().filter_map(Frame::data_ref).for_each(|data| text.extend_from_slice(data));
            let (status, headers) = (head.status, head.headers.clone());
            let attempt = Attempt::Status { status, headers: &headers, body: &text };
            if self.as_mut().again(attempt) {
                return None;
            }
            return Some(self.hand_on());
        }
        let ending = ending.unwrap_or_else(|| match &broke {
            Some(error) => error.ending().clone(),
            None => Ending::Opaque { ok: true },
        });
        if !ending.is_broken() || matches!(ending, Ending::Opaque { .. }) && broke.is_none() {
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
        if let Some(frame) = this.held.pop_front() {
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
        let plan = &*this.plan;
        let (config, count) = (&plan.config, plan.attempts.count());
        // The wall clock: what a date is compared with.
        let date = std::time::SystemTime::now();
        let asked = match config.policy.decide(attempt, date) {
            Decision::Retry { after } => after,
            Decision::Stop { why, hint } => {
                let is = matches!(why, Stop::OverCap | Stop::Ambiguous | Stop::Deadline);
                *this.given_up = GivenUp { is, retry_after: hint.filter(|_| is) };
                return false;
            }
        };
        let random = config.random();
        let wait = match asked {
            Some(asked) => config.backoff.asked(asked, random),
            None => config.backoff.wait(count, random),
        };
        let now = Instant::now();
        let at = lastbyte_core::far(now, wait);
        let replayable = this.kept.as_ref().is_some_and(|(_, body)| body.is_replayable());
        if count >= config.max_attempts.as_u32() || at > plan.last_start || !replayable {
            *this.given_up = GivenUp { is: true, retry_after: Some(asked.unwrap_or(wait)) };
            return false;
        }
        this.held.clear();
        *this.held_bytes = 0;
        this.state.set(State::Wait { until: sleep_until(at) });
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
        let held: u64 = self.held.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
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
