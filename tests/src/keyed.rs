//! A layer that numbers its events, seen as if it did not: so its bytes can be held against those that came.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::TryFutureExt;
use futures_util::future::MapOk;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// Takes the numbers off what comes out of a layer or of its service.
#[derive(Clone)]
pub struct Unnumbered<L>(pub L);

impl<S, L: Layer<S>> Layer<S> for Unnumbered<L> {
    type Service = Unnumbered<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Unnumbered(self.0.layer(inner))
    }
}

impl<S, R, B> Service<R> for Unnumbered<S>
where
    S: Service<R, Response = Response<B>>,
{
    type Response = Response<UnnumberedBody<B>>;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response<B>) -> Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request).map_ok(|response| response.map(|inner| UnnumberedBody { inner }))
    }
}

pin_project! {
    /// A body without the numbers of its events.
    pub struct UnnumberedBody<B> {
        #[pin]
        inner: B,
    }
}

/// What comes is whole events.
fn without_numbers(events: &Bytes) -> Bytes {
    let lines = events.split_inclusive(|byte| *byte == b'\n');
    let mut out = BytesMut::with_capacity(events.len());
    lines.filter(|line| !line.starts_with(b"id: ")).for_each(|line| out.extend_from_slice(line));
    out.freeze()
}

impl<B: Body<Data = Bytes>> Body for UnnumberedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(self.project().inner.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|data| without_numbers(&data)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
