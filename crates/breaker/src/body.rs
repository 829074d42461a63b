use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Watched};
use pin_project_lite::pin_project;

use crate::call::Call;

pin_project! {
    /// The body of an answer that went through a [`Breaker`](crate::Breaker).
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passed {
            // Before `call`: fields are dropped in this order, and the call looks at what the body reported.
            #[pin]
            body: Watched<B>,
            call: Option<Call>,
        },
        // An answer of ours.
        Own { bytes: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn passed(body: Watched<B>, call: Option<Call>) -> Self {
        Self { kind: Kind::Passed { body, call } }
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl<B> Body for ResponseBody<B>
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
            KindProj::Own { bytes } => Poll::Ready(bytes.take().map(|own| Ok(Frame::data(own)))),
            KindProj::Passed { body, call } => {
                let polled = body.poll_frame(cx);
                if let (Poll::Ready(_), Some(call)) = (&polled, call) {
                    call.look();
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body, .. } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body, .. } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
        }
    }
}
