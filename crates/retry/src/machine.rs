use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use lastbyte_core::{BodyError, BoxError, Ending, Resume, TransportFault, WholeBody};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use crate::attempt::{Attempt, Left, Seen};
use crate::kept::Kept;
use crate::pace::{Arrived, Pass, Turn};
use crate::plan::{Came, GivenUp, Plan};
use crate::seam::Seam;
use crate::{Failed, ReplayBody};

mod again;
mod hedge;
mod state;

use hedge::Late;

pin_project! {
    /// The attempts at one answer, one after the other. It is driven by the future until the head leaves,
    /// and by the body from then on.
    pub(crate) struct Machine<S, A, B>
    where
        S: Service<Request<ReplayBody<A>>>,
    {
        service: S,
        pub(crate) plan: Plan,
        // Until it is sent, where it has to wait. Boxed, as all that most calls do not have: the machine is
        // moved once for each call.
        first: Option<Box<Request<ReplayBody<A>>>>,
        // What another attempt needs; `None` once there can be none.
        kept: Option<Kept<A>>,
        // What is handed on if no further attempt can be made.
        spare: Option<Spare<S::Error>>,
        // What is handed on of an attempt that is over, and how that ended.
        left: Option<Box<Left>>,
        pub(crate) given_up: GivenUp,
        step: Step,
        // For the next attempt's time, in a box: most calls wait for nothing but their answer.
        timer: Option<Pin<Box<Sleep>>>,
        // In the pacer's queue, and then its leave.
        turn: Option<Box<Turn>>,
        pass: Option<Box<Pass>>,
        #[pin]
        attempt: Attempt<S::Future, B>,
        // A second one beside it, or, where there is no first one any more, in its place.
        hedge: Option<Pin<Box<Attempt<S::Future, B>>>>,
        // Of an answer that is taken over from elsewhere, until its head leaves.
        seam: Option<Box<Seam>>,
        // When a second one is due, and when the two were sent.
        late: Option<Box<Late>>,
    }
}

/// Where the attempts stand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The next one waits for its time.
    Wait,
    /// It waits for its turn among all callers.
    Turn,
    /// Its turn would come too late.
    TooLate(Duration),
    /// The next one is sent as soon as the service takes it.
    Send,
    /// One is under way, or is handed on.
    Attempt,
    /// What was left of the last one is handed on, if anything.
    Left,
}

/// The last failure, which is better than none.
enum Spare<E> {
    Answer(Box<Left>),
    Broken(BodyError),
    Error(E),
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
            first: None,
            kept: None,
            spare: None,
            left: None,
            given_up: GivenUp::default(),
            step: Step::Send,
            timer: None,
            turn: None,
            pass: None,
            attempt: Attempt::none(),
            hedge: None,
            seam: None,
            late: None,
        }
    }

    /// Sends the first attempt, with a service that is ready, unless it has to wait for its turn.
    pub(crate) fn begin(mut self: Pin<&mut Self>, request: Request<A>, arrived: Option<Arrived>) {
        let this = self.as_mut().project();
        let (mut head, body) = request.into_parts();
        let resume = head.extensions.remove::<Resume>();
        let config = &this.plan.config;
        // Kept only while there can be another attempt.
        let whole = WholeBody::of(&mut head.extensions, &body).filter(|whole| whole.len() <= config.max_body);
        let body = match whole {
            _ if config.max_attempts.as_u32() <= 1 => ReplayBody::once(body),
            Some(whole) => ReplayBody::whole(whole),
            None => ReplayBody::new(body, config.max_body),
        };
        *this.kept = body.again().map(|again| Kept::new(&head, again));
        let mut request = Request::from_parts(head, body);
        if let Some(resume) = resume {
            match self.as_mut().take_over(&resume) {
                Some(rest) => request = rest,
                None => return self.stop(),
            }
        }
        match arrived {
            None => self.send(request, None),
            Some(Arrived::Go(pass)) => self.send(request, Some(pass)),
            Some(arrived) => {
                *self.as_mut().project().first = Some(Box::new(request));
                self.take_place(Some(arrived));
            }
        }
    }

    /// Makes attempts until one can be handed on or none is left.
    pub(crate) fn poll_came(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Came<S::Error, B>> {
        loop {
            let this = self.as_mut().project();
            match *this.step {
                Step::Wait => {
                    if let Some(timer) = this.timer {
                        ready!(timer.as_mut().poll(cx));
                    }
                    *this.timer = None;
                    let arrived = self.as_mut().arrive();
                    self.as_mut().take_place(arrived);
                }
                Step::Turn => {
                    let turn = match this.turn {
                        Some(turn) => ready!(turn.poll_turn(cx)),
                        None => Err(Duration::ZERO),
                    };
                    *this.turn = None;
                    match turn {
                        Ok(pass) => {
                            *this.pass = Some(Box::new(pass));
                            *this.step = Step::Send;
                        }
                        Err(come_back) => *this.step = Step::TooLate(come_back),
                    }
                }
                Step::TooLate(come_back) => return Poll::Ready(self.too_late(come_back)),
                Step::Send => match this.service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => self.as_mut().send_next(),
                    Poll::Ready(Err(error)) => {
                        *this.step = Step::Left;
                        return Poll::Ready(Came::Error(error));
                    }
                    // A retry never queues: what cannot be asked at once fails with what there is.
                    Poll::Pending if this.spare.is_some() => return Poll::Ready(self.hand_on_spare(None)),
                    Poll::Pending => return Poll::Pending,
                },
                Step::Attempt => {
                    let seen = ready!(self.as_mut().poll_attempts(cx));
                    if let Some(came) = self.as_mut().seen(seen) {
                        return Poll::Ready(came);
                    }
                }
                Step::Left => return Poll::Ready(Came::Broken(BodyError::new(Ending::Interrupted))),
            }
        }
    }

    fn send_next(mut self: Pin<&mut Self>) {
        let this = self.as_mut().project();
        let pass = this.pass.take().map(|pass| *pass);
        if let Some(first) = this.first.take() {
            return self.send(*first, pass);
        }
        match this.kept.as_ref().and_then(Kept::request) {
            Some(request) => self.send(request, pass),
            None => *this.step = Step::Left,
        }
    }

    fn send(self: Pin<&mut Self>, request: Request<ReplayBody<A>>, pass: Option<Pass>) {
        let this = self.project();
        *this.step = Step::Attempt;
        this.plan.begin();
        let future = this.service.call(request);
        this.attempt.call(future, pass);
        *this.late = Late::watch(this.plan);
    }

    /// What an attempt came to is handed on, or, with `None`, there is another one.
    #[inline]
    fn seen(mut self: Pin<&mut Self>, seen: Seen<S::Error, B>) -> Option<Came<S::Error, B>> {
        match seen {
            Seen::Passing(head, body, pass) => Some(Came::Passing(head, body, pass)),
            Seen::Good => Some(self.hand_on()),
            Seen::Status => {
                let attempt = self.as_mut().current()?;
                let head = attempt.head().map(|head| (head.status, head.headers.clone()));
                let text = attempt.held().text();
                let (status, headers) = head?;
                if !self.as_mut().again(Failed::Status { status, headers: &headers, body: &text }) {
                    return Some(self.hand_on());
                }
                let left = self.as_mut().current()?.leave()?;
                self.next(Spare::Answer(Box::new(left)))
            }
            Seen::Broke(ending, error) => {
                let again = self.as_mut().again(Failed::Ended(&ending));
                // Cut short, and whole as JSON: better than nothing, and it says so itself.
                let attempt = self.as_mut().current()?;
                let readable =
                    error.is_none() && attempt.is_whole() && matches!(ending, Ending::Truncated { .. });
                if readable && !again {
                    return Some(self.hand_on());
                }
                let left = if readable { attempt.leave() } else { None };
                let broken = || error.unwrap_or_else(|| BodyError::new(ending));
                if again {
                    return self
                        .next(left.map(Box::new).map_or_else(|| Spare::Broken(broken()), Spare::Answer));
                }
                self.stop();
                Some(Came::Broken(broken()))
            }
            Seen::Error(error) => {
                let fault = TransportFault::of_any(&error);
                if self.as_mut().again(Failed::Fault(&fault)) {
                    return self.next(Spare::Error(error));
                }
                self.stop();
                Some(Came::Error(error))
            }
        }
    }

    /// Another attempt is on its way: this is left of the last one, and nothing of it is held upstream.
    fn next(self: Pin<&mut Self>, spare: Spare<S::Error>) -> Option<Came<S::Error, B>> {
        let this = self.project();
        this.attempt.clear();
        *this.hedge = None;
        *this.spare = Some(spare);
        None
    }

    /// What came is good enough. Where nothing is asked again from here on, what was kept for that is let go.
    fn hand_on(mut self: Pin<&mut Self>) -> Came<S::Error, B> {
        let this = self.as_mut().project();
        if !this.plan.splices() {
            *this.kept = None;
        }
        *this.spare = None;
        Came::Head(self.current().and_then(Attempt::hand_on))
    }

    /// There is no further attempt after all.
    fn hand_on_spare(self: Pin<&mut Self>, retry_after: Option<Duration>) -> Came<S::Error, B> {
        let this = self.project();
        *this.given_up = GivenUp { is: true, retry_after };
        *this.kept = None;
        *this.pass = None;
        *this.step = Step::Left;
        match this.spare.take() {
            Some(Spare::Answer(mut spare)) => {
                let head = spare.head.take();
                *this.left = Some(spare);
                Came::Head(head)
            }
            Some(Spare::Broken(error)) => Came::Broken(error),
            Some(Spare::Error(error)) => Came::Error(error),
            None => Came::Broken(BodyError::new(Ending::Interrupted)),
        }
    }

    /// When the head may be let go early.
    pub(crate) fn release_at(self: Pin<&mut Self>) -> Instant {
        self.project().plan.release_at()
    }

    /// The attempt that counts.
    fn current(self: Pin<&mut Self>) -> Option<Pin<&mut Attempt<S::Future, B>>> {
        let this = self.project();
        this.attempt.live().or(this.hedge.as_mut().map(Pin::as_mut))
    }

    /// The next frame of what is handed on.
    pub(crate) fn poll_rest(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.step == Step::Left {
            return Poll::Ready(self.project().left.as_mut().and_then(|left| left.frames.pop()).map(Ok));
        }
        match self.current() {
            Some(attempt) => attempt.poll_rest(cx),
            None => Poll::Ready(None),
        }
    }
}
