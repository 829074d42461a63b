use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// The body of a request as the chat API gets it.
pub struct MaskedBody<A: Body>(Kind<A>);

enum Kind<A: Body> {
    Passed(A),
    /// All of it, and what came behind.
    Whole(Bytes, Option<HeaderMap>),
    /// What was read of it, which goes first.
    Begun(std::vec::IntoIter<Bytes>, A),
    /// It broke while it was read: nothing of it goes out.
    Broken(Option<A::Error>),
}

impl<A: Body> MaskedBody<A> {
    pub(super) fn passed(body: A) -> Self {
        Self(Kind::Passed(body))
    }

    pub(super) fn whole(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self(Kind::Whole(bytes, trailers))
    }

    pub(super) fn begun(kept: Vec<Bytes>, rest: A) -> Self {
        Self(Kind::Begun(kept.into_iter(), rest))
    }

    pub(super) fn broken(error: A::Error) -> Self {
        Self(Kind::Broken(Some(error)))
    }
}

impl<A: Body> fmt::Debug for MaskedBody<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskedBody").finish_non_exhaustive()
    }
}

// What is pinned of it is `A` alone, which is.
impl<A: Body + Unpin> Unpin for MaskedBody<A> {}

impl<A: Body<Data = Bytes> + Unpin> Body for MaskedBody<A> {
    type Data = Bytes;
    type Error = A::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, A::Error>>> {
        match &mut self.0 {
            Kind::Passed(body) => Pin::new(body).poll_frame(cx),
            Kind::Whole(bytes, _) if !bytes.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Kind::Whole(_, trailers) => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Kind::Begun(kept, rest) => match kept.next() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Pin::new(rest).poll_frame(cx),
            },
            Kind::Broken(error) => Poll::Ready(error.take().map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Passed(body) => body.is_end_stream(),
            Kind::Whole(bytes, trailers) => bytes.is_empty() && trailers.is_none(),
            Kind::Begun(kept, rest) => kept.as_slice().is_empty() && rest.is_end_stream(),
            Kind::Broken(error) => error.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Passed(body) => body.size_hint(),
            Kind::Whole(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Begun(kept, rest) => {
                let (kept, rest) =
                    (kept.as_slice().iter().map(|bytes| bytes.len() as u64).sum::<u64>(), rest.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(kept + rest.lower());
                if let Some(upper) = rest.upper() {
                    hint.set_upper(kept + upper);
                }
                hint
            }
            Kind::Broken(_) => SizeHint::default(),
        }
    }
}
