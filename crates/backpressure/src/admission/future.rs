use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Classify, ClassifyChat, Listening, Refusal, Watch};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::{ResponseBody, Shared};
use crate::Charge;
use crate::gate::{Place, Turned};
use crate::held::{Held, Places};
use crate::queue::Caller;
use crate::sync::Arc;

pin_project! {
    /// The future of [`Admission`](crate::Admission).
    pub struct ResponseFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        kind: Kind<S, A>,
        ask: Ask,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<S, A>
    where
        S: Service<Request<A>>,
    {
        Calling {
            // Before `held`: what it holds is dropped first.
            #[pin]
            inner: S::Future,
            watch: Watch,
            held: Option<Held>,
        },
        // In a box: few wait.
        Queued { queued: Pin<Box<Queued<S, A>>> },
        Refused { refusal: Option<Box<Refusal>> },
    }
}

pin_project! {
    /// A call that waits for its place.
    pub(super) struct Queued<S, A> {
        service: S,
        request: Option<Request<A>>,
        shared: Arc<Shared>,
        #[pin]
        place: Place,
        places: std::sync::Arc<Places>,
        charge: Option<Charge>,
        caller: Caller,
        deadline: Instant,
        // Until then, or until the limit rises, where it is this one that minds that.
        #[pin]
        timer: Sleep,
    }
}

impl<S, A> Queued<S, A> {
    #[expect(clippy::too_many_arguments, reason = "each is one of its fields")]
    pub(super) fn new(
        service: S,
        request: Request<A>,
        shared: Arc<Shared>,
        place: Place,
        places: std::sync::Arc<Places>,
        charge: Option<Charge>,
        caller: Caller,
        deadline: Instant,
    ) -> Self {
        let timer = sleep_until(deadline);
        Self { service, request: Some(request), shared, place, places, charge, caller, deadline, timer }
    }
}

impl<S, A> ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    #[inline]
    pub(super) fn calling(inner: S::Future, ask: Ask, watch: Watch, held: Held) -> Self {
        Self { kind: Kind::Calling { inner, watch, held: Some(held) }, ask }
    }

    pub(super) fn queued(queued: Queued<S, A>, ask: Ask) -> Self {
        Self { kind: Kind::Queued { queued: Box::pin(queued) }, ask }
    }

    #[cold]
    pub(super) fn refused(refusal: Refusal) -> Self {
        let kind = Kind::Refused { refusal: Some(Box::new(refusal)) };
        Self { kind, ask: Ask { dialect: None, stream: None, body: true } }
    }
}

impl<S, A> fmt::Debug for ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, A, B> Future for ResponseFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    #[expect(clippy::panic, reason = "a future that was ready is polled again: the caller's bug")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.kind.as_mut().project() {
                KindProj::Calling { inner, watch, held } => {
                    let answer = ready!(inner.poll(cx));
                    let mut held = held.take();
                    let response = match answer {
                        Ok(response) => response,
                        Err(error) => {
                            if let Some(held) = &mut held {
                                held.failed(&ClassifyChat::default().ending(&error));
                            }
                            return Poll::Ready(Err(error));
                        }
                    };
                    let (mut head, body) = response.into_parts();
                    if let Some(held) = &mut held {
                        held.answered(&head.headers);
                    }
                    let body = watch.body(this.ask, &mut head, body);
                    return Poll::Ready(Ok(Response::from_parts(head, Listening::new(body, held))));
                }
                KindProj::Queued { queued } => {
                    let next = match ready!(queued.as_mut().poll_turn(cx)) {
                        Ok((inner, watch, held)) => Kind::Calling { inner, watch, held: Some(held) },
                        Err(refusal) => {
                            let refusal = Some(Box::new(refusal.dialect(this.ask.dialect)));
                            Kind::Refused { refusal }
                        }
                    };
                    this.kind.set(next);
                }
                KindProj::Refused { refusal } => {
                    let Some(refusal) = refusal.take() else { panic!("polled after it was ready") };
                    return Poll::Ready(Ok(refusal.into_response()));
                }
            }
        }
    }
}

impl<S, A> Queued<S, A>
where
    S: Service<Request<A>>,
{
    /// The call itself, once there is a place for it, or why there will be none.
    fn poll_turn(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(S::Future, Watch, Held), Refusal>> {
        let mut this = self.project();
        let turned = loop {
            match this.place.as_mut().poll(cx) {
                Poll::Ready(Ok(permit)) => {
                    let held = Held::new(permit, this.charge.take(), this.places.clone());
                    let Some(request) = this.request.take() else { return Poll::Pending };
                    let call = this.service.call(request);
                    return Poll::Ready(Ok((call, this.shared.config.watch, held)));
                }
                Poll::Ready(Err(turned)) => break turned,
                Poll::Pending => {}
            }
            let until = this.place.rises_at().map_or(*this.deadline, |rises_at| rises_at.min(*this.deadline));
            if this.timer.deadline() != until {
                this.timer.as_mut().reset(until);
            }
            ready!(this.timer.as_mut().poll(cx));
            if until == *this.deadline {
                break Turned::TooLong(std::time::Duration::ZERO);
            }
            // It has risen: for this one, or for another, or for whoever minds the time next.
            this.places.gate.limit(Instant::now().max(until));
        };
        let expected = this.places.gate.expected(*this.caller, Instant::now());
        Poll::Ready(Err(this.shared.turned(turned, expected)))
    }
}
