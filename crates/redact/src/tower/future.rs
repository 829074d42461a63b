use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Classify, ClassifyChat, Watch};
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::record::Record;

pin_project! {
    /// The future of [`Questions`](super::Questions).
    pub struct ResponseFuture<F> {
        // Before `record`: fields are dropped in this order, and the record is what looks back.
        #[pin]
        inner: F,
        ask: Ask,
        watch: Watch,
        record: Option<Box<Record>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, ask: Ask, watch: Watch, record: Option<Box<Record>>) -> Self {
        Self { inner, ask, watch, record }
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
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        let record = this.record.take();
        let (mut head, body) = match answer {
            Ok(response) => response.into_parts(),
            Err(error) => {
                if let Some(record) = record {
                    record.failed(ClassifyChat::default().ending(&error));
                }
                return Poll::Ready(Err(error));
            }
        };
        let body = this.watch.body(this.ask, &mut head, body);
        let record = record.map(|mut record| {
            record.answered(this.ask, &head, body.handle().clone());
            record
        });
        Poll::Ready(Ok(Response::from_parts(head, ResponseBody::new(body, record))))
    }
}
