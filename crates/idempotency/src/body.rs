use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Watched};
use pin_project_lite::pin_project;

use crate::follow::Follow;

pin_project! {
    /// The body of a request, as the service behind the layer gets it: as it came, or read already where there
    /// is a key.
    #[derive(Debug)]
    pub struct RequestBody<A> {
        #[pin]
        kind: RequestKind<A>,
    }
}

pin_project! {
    #[project = RequestKindProj]
    #[derive(Debug)]
    enum RequestKind<A> {
        Passing { #[pin] body: A },
        Kept { bytes: Option<Bytes> },
    }
}

impl<A> RequestBody<A> {
    pub(crate) fn passing(body: A) -> Self {
        Self { kind: RequestKind::Passing { body } }
    }
}

impl<A> From<Bytes> for RequestBody<A> {
    fn from(bytes: Bytes) -> Self {
        Self { kind: RequestKind::Kept { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<A: Body<Data = Bytes>> Body for RequestBody<A> {
    type Data = Bytes;
    type Error = A::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, A::Error>>> {
        match self.project().kind.project() {
            RequestKindProj::Passing { body } => body.poll_frame(cx),
            RequestKindProj::Kept { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            RequestKind::Passing { body } => body.is_end_stream(),
            RequestKind::Kept { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            RequestKind::Passing { body } => body.size_hint(),
            RequestKind::Kept { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

pin_project! {
    /// The body of an answer under [`IdempotencyLayer`](crate::IdempotencyLayer).
    pub struct AnswerBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: Watched<B> },
        Own { bytes: Option<Bytes> },
        Following { follow: Box<Follow> },
    }
}

impl<B> AnswerBody<B> {
    pub(crate) fn passing(body: Watched<B>) -> Self {
        Self { kind: Kind::Passing { body } }
    }

    pub(crate) fn following(follow: Follow) -> Self {
        Self { kind: Kind::Following { follow: Box::new(follow) } }
    }
}

impl<B> From<Bytes> for AnswerBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B> fmt::Debug for AnswerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project().kind.project() {
            KindProj::Passing { body } => body.poll_frame(cx),
            KindProj::Own { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            KindProj::Following { follow } => {
                let polled = ready!(follow.poll(cx));
                Poll::Ready(polled.map(|polled| polled.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
            Kind::Following { follow } => follow.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Following { .. } => SizeHint::default(),
        }
    }
}
