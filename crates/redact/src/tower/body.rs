use std::fmt;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Watched};
use pin_project_lite::pin_project;

use super::record::{Record, Shared};

pin_project! {
    /// The body of a request whose question is read as it passes.
    pub struct RequestBody<A> {
        #[pin]
        inner: A,
        question: Option<Shared>,
    }
}

impl<A> RequestBody<A> {
    pub(super) fn new(inner: A, question: Option<Shared>) -> Self {
        Self { inner, question }
    }
}

impl<A> fmt::Debug for RequestBody<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

impl<A: Body<Data = Bytes>> Body for RequestBody<A> {
    type Data = Bytes;
    type Error = A::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, A::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(question), Some(Ok(frame))) = (this.question, &frame)
            && let Some(data) = frame.data_ref()
        {
            question.lock().unwrap_or_else(PoisonError::into_inner).read(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project! {
    /// The body of an answer that is read as it passes, and logged at its end.
    pub struct ResponseBody<B> {
        // Before `record`: fields are dropped in this order, and then the ending is known.
        #[pin]
        inner: Watched<B>,
        // `None` once the body is over.
        record: Option<Box<Record>>,
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(inner: Watched<B>, record: Option<Box<Record>>) -> Self {
        let record = record.filter(|_| !inner.is_end_stream());
        Self { inner, record }
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
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(record) = this.record {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                record.read(data);
            }
            // A reader may stop at `is_end_stream`, and hold the body for as long as it likes.
            if !matches!(frame, Some(Ok(_))) || this.inner.is_end_stream() {
                *this.record = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
