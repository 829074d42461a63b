use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use lastbyte_core::{
    Ask, BoxError, Classify, ClassifyChat, Listening, Refusal, RefusedBy, UpstreamKey, Watch,
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::call::Call;
use crate::circuits::Circuits;
use crate::policy::Policy;

/// Keeps calls away from an upstream that is not well.
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    circuits: Circuits,
    watch: Watch,
}

impl Default for BreakerLayer {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl BreakerLayer {
    /// A layer with that policy; every service made of it, and of its clones, shares its circuits.
    pub fn new(policy: Policy) -> Self {
        Self::seeded(policy, fastrand::u64(..))
    }

    /// The same with randomness that can be repeated: of the times that circuits stay open.
    pub fn seeded(policy: Policy, seed: u64) -> Self {
        Self { circuits: Circuits::new(policy, seed), watch: Watch::default().strict() }
    }

    /// How large one event may be, in bytes, where no layer further in has looked at the answer.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.watch = self.watch.max_event(bytes);
        self
    }

    /// Its circuits, to look at and to change.
    pub fn circuits(&self) -> Circuits {
        self.circuits.clone()
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Breaker<S> {
        Breaker { inner, layer: self.clone() }
    }
}

/// The body of an answer that went through a [`Breaker`].
pub type ResponseBody<B> = Listening<B, Call>;

/// The service of [`BreakerLayer`].
#[derive(Clone, Debug)]
pub struct Breaker<S> {
    inner: S,
    layer: BreakerLayer,
}

impl<S, A, B> Service<Request<A>> for Breaker<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let keyed = self.layer.circuits.of(UpstreamKey::name_of(request.uri(), request.extensions()));
        match keyed.admit(ask.stream == Some(true)) {
            Ok(ticket) => {
                let call = Some(Call::new(keyed, ticket));
                let (inner, watch) = (self.inner.call(request), self.layer.watch);
                ResponseFuture { kind: Kind::Calling { inner, ask, watch, call } }
            }
            Err(refused) => {
                // What was made ready for this call goes back: a service that nobody calls holds nothing.
                self.inner = self.inner.clone();
                ResponseFuture { kind: Kind::Refused { ask, after: refused.after } }
            }
        }
    }
}

pin_project! {
    /// The future of [`Breaker`].
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Calling {
            // Before `call`: what it holds is dropped first, and reports how it ended.
            #[pin]
            inner: F,
            ask: Ask,
            watch: Watch,
            call: Option<Call>,
        },
        Refused { ask: Ask, after: Duration },
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (inner, ask, watch, call) = match self.project().kind.project() {
            KindProj::Calling { inner, ask, watch, call } => (inner, ask, watch, call),
            KindProj::Refused { ask, after } => return Poll::Ready(Ok(refusal(ask, *after).into_response())),
        };
        let answer = ready!(inner.poll(cx));
        let mut call = call.take();
        Poll::Ready(match answer {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                if ask.stream.is_none()
                    && ask.is_answered_by_stream(&head)
                    && let Some(call) = &mut call
                {
                    call.streams();
                }
                let body = watch.body(ask, &mut head, body);
                Ok(Response::from_parts(head, Listening::new(body, call)))
            }
            Err(error) => {
                if let Some(call) = call {
                    call.failed(&ClassifyChat::default().ending(&error));
                }
                Err(error)
            }
        })
    }
}

#[cold]
fn refusal(ask: &Ask, after: Duration) -> Refusal {
    let message = "the chat API is not answering as it should, and is given time to recover";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Breaker, "circuit_open", message)
        .retry_after(Some(after))
        .dialect(ask.dialect)
}
