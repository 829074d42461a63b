use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Watch};
use lastbyte_store::AnswerId;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tower_service::Service;

use crate::answers::{self, answer_id};
use crate::body::{AnswerBody, RequestBody};
use crate::call::Call;
use crate::core::Shared;
use crate::follow::Rescue;
use crate::problem::Problem;

/// The service of [`IdempotencyLayer`](crate::IdempotencyLayer).
#[derive(Clone, Debug)]
pub struct Idempotency<S> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared>,
}

impl<S> Idempotency<S> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, A, B> Service<Request<A>> for Idempotency<S>
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Body<Data = Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let settings = &self.shared.core.settings;
        let ask = Ask::of(&parts);
        let id = answer_id(&parts);
        let key = if parts.method == Method::POST { (settings.key)(&parts) } else { Ok(None) };
        let keyed: BoxFuture<'static, Result<Self::Response, S::Error>> = match (key, id) {
            (Err(error), _) => return ResponseFuture::ready(Problem::KeyInvalid(error).into_response()),
            (Ok(None), None) if settings.require_key && parts.method == Method::POST => {
                return ResponseFuture::ready(Problem::KeyMissing.into_response());
            }
            (Ok(None), None) => {
                let request = Request::from_parts(parts, RequestBody::passing(body));
                let watch = Watch::default().max_event(settings.max_event).strict();
                return ResponseFuture {
                    kind: Kind::Passing { inner: self.inner.call(request), ask, watch },
                };
            }
            (Ok(_), Some(id)) => {
                let rescue = self.rescue(&parts.headers);
                Box::pin(answers::answer(self.shared.core.clone(), id, parts, rescue))
            }
            (Ok(Some(key)), None) => {
                // The service that was made ready is the one that is called; its clone has to become ready anew.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let rescue = self.rescue(&parts.headers);
                let call = Call { shared: self.shared.clone(), service, rescue, key, ask };
                Box::pin(call.run(parts, body))
            }
        };
        ResponseFuture { kind: Kind::Keyed { answer: keyed } }
    }
}

impl<S> Idempotency<S> {
    /// What takes an answer over with this service, and with the credential of who asks for it.
    pub(crate) fn rescue<A, B>(&self, asks: &HeaderMap) -> Rescue
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        A: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // A service need not be `Sync`, and readers move between threads.
        let service = Arc::new(Mutex::new(self.inner.clone()));
        let shared = Arc::downgrade(&self.shared);
        let asks = Arc::new(asks.clone());
        Arc::new(move |id: AnswerId| {
            let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (weak, asks) = (shared.clone(), asks.clone());
            Box::pin(async move {
                let shared = weak.upgrade()?;
                let (sender, receiver) = oneshot::channel();
                let core = shared.core.clone();
                // In a task of its own: a reader that leaves in the middle must not leave a lease behind that
                // nobody uses.
                shared.spawn(async move {
                    let taken = crate::takeover::claim(&core, id, &asks).await;
                    let Some(taken) = taken else { return };
                    let _ = sender.send(taken.running.clone());
                    taken.drive(core, service).await;
                });
                drop(shared);
                receiver.await.ok()
            })
        })
    }

    /// Takes over what others have left behind, for as long as it is polled: answers whose writers died, of
    /// this process before it was started anew or of another machine. Those that need their reader's credential
    /// wait for the reader.
    ///
    /// Whoever runs the service polls this beside it.
    pub async fn take_care<A, B>(self)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        A: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        crate::takeover::take_care(&self.shared, self.inner.clone()).await;
    }
}

pin_project! {
    /// The future of [`Idempotency`].
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        kind: Kind<F, B, E>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, B, E> {
        Passing { #[pin] inner: F, ask: Ask, watch: Watch },
        Keyed { answer: BoxFuture<'static, Result<Response<AnswerBody<B>>, E>> },
    }
}

impl<F, B, E> ResponseFuture<F, B, E>
where
    B: Send + 'static,
    E: Send + 'static,
{
    fn ready(response: Response<AnswerBody<B>>) -> Self {
        Self { kind: Kind::Keyed { answer: Box::pin(std::future::ready(Ok(response))) } }
    }
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<AnswerBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Passing { inner, ask, watch } => {
                let response = ready!(inner.poll(cx))?;
                Poll::Ready(Ok(watch.response(ask, response).map(AnswerBody::passing)))
            }
            KindProj::Keyed { answer } => answer.as_mut().poll(cx),
        }
    }
}
