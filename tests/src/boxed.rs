//! The types that stand between two layers, so that an order can be made while the suite runs.
//!
//! They ask as little of a layer as the layer may ask of its neighbours: the body of an answer is neither
//! `Unpin` nor `Sync`, and a layer that wants either does not compile here.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use lastbyte::core::BoxError;
use pin_project_lite::pin_project;
use tower::Service;
use tower::util::{BoxCloneSyncService, ServiceExt};

use crate::chat::ChatError;

/// The body of a request between two layers.
pub type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// A stack, or a part of one.
pub type Boxed = BoxCloneSyncService<Request<RequestBody>, Response<AnswerBody>, ChatError>;

pin_project! {
    /// The body of an answer between two layers.
    pub struct AnswerBody {
        inner: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl AnswerBody {
    /// Any body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { inner: Box::pin(body.map_err(Into::into)), pinned: PhantomPinned }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().inner.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What a layer meets inside of it: it takes a request with whatever body the layer made of it.
#[derive(Clone, Debug)]
pub struct Inside(Boxed);

impl<A> Service<Request<A>> for Inside
where
    A: Body<Data = Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody>;
    type Error = ChatError;
    type Future = <Boxed as Service<Request<RequestBody>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ChatError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        self.0.call(request.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

impl From<Boxed> for Inside {
    fn from(boxed: Boxed) -> Self {
        Self(boxed)
    }
}

/// Boxes a service, its future and the body of its answers.
pub fn boxed<S, B>(service: S) -> Boxed
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = ChatError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Boxed::new(service.map_response(|response: Response<B>| response.map(AnswerBody::new)))
}
