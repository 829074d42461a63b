use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// A request body that is kept, up to a cap, while it is sent, so that it can be sent again.
///
/// Nothing is read ahead. Beyond the cap what was kept is let go, and the body goes on as it comes: then
/// there is no other attempt.
#[derive(Debug)]
pub struct ReplayBody<B> {
    shared: Arc<Mutex<Shared<B>>>,
    /// The next of the kept chunks to send.
    next: usize,
    trailers_sent: bool,
}

#[derive(Debug)]
struct Shared<B> {
    rest: B,
    kept: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    room: usize,
    capped: bool,
    ended: bool,
}

impl<B: Body<Data = Bytes> + Unpin> ReplayBody<B> {
    /// Keeps up to `cap` bytes of `body`.
    pub(crate) fn new(body: B, cap: usize) -> Self {
        // A body that is known to be too large is not even begun to be kept.
        let capped = body.size_hint().lower() > cap as u64;
        let ended = body.is_end_stream();
        let shared = Shared { rest: body, kept: Vec::new(), trailers: None, room: cap, capped, ended };
        Self { shared: Arc::new(Mutex::new(shared)), next: 0, trailers_sent: false }
    }
}

impl<B> ReplayBody<B> {
    /// Whether all that was read so far can be sent again.
    pub(crate) fn is_replayable(&self) -> bool {
        !self.lock().capped
    }

    /// The same body from its beginning.
    pub(crate) fn again(&self) -> Self {
        Self { shared: self.shared.clone(), next: 0, trailers_sent: false }
    }

    /// A poisoned lock guards nothing worse than a body that broke in the middle of a poll.
    fn lock(&self) -> MutexGuard<'_, Shared<B>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let mut shared = this.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunk) = shared.kept.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if shared.ended {
            let trailers = shared.trailers.clone().filter(|_| !this.trailers_sent);
            this.trailers_sent = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let polled = std::task::ready!(Pin::new(&mut shared.rest).poll_frame(cx));
        match &polled {
            None => shared.ended = true,
            // What broke cannot be sent again.
            Some(Err(_)) => shared.capped = true,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    match shared.room.checked_sub(data.len()) {
                        Some(room) if !shared.capped => {
                            shared.room = room;
                            shared.kept.push(data.clone());
                            this.next = shared.kept.len();
                        }
                        _ => {
                            shared.capped = true;
                            shared.kept = Vec::new();
                            this.next = 0;
                        }
                    }
                    shared.ended = shared.rest.is_end_stream();
                } else if let Some(trailers) = frame.trailers_ref() {
                    shared.trailers = Some(trailers.clone());
                    shared.ended = true;
                    this.trailers_sent = true;
                }
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.lock();
        shared.ended && self.next >= shared.kept.len() && (self.trailers_sent || shared.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        let shared = self.lock();
        let kept: u64 = shared.kept.iter().skip(self.next).map(|chunk| chunk.len() as u64).sum();
        let rest = if shared.ended { SizeHint::with_exact(0) } else { shared.rest.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(kept + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(kept + upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_body_is_sent_again_as_it_was() {
        let first = ReplayBody::new(Full::new(Bytes::from("hello")), 5);
        assert_eq!(first.size_hint().exact(), Some(5));
        let again = first.again();
        assert_eq!(first.collect().await.unwrap().to_bytes(), "hello");
        assert_eq!(again.size_hint().exact(), Some(5));
        let third = again.again();
        assert_eq!(again.collect().await.unwrap().to_bytes(), "hello");
        assert!(third.is_replayable() && !third.is_end_stream());
    }

    #[tokio::test]
    async fn an_attempt_that_broke_off_is_taken_up_where_reading_stopped() {
        let frames = ["he", "ll", "o"].map(|part| Ok::<_, std::io::Error>(Frame::data(Bytes::from(part))));
        let mut first = ReplayBody::new(StreamBody::new(futures(frames)), 100);
        let again = first.again();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "he");
        drop(first);
        assert_eq!(again.collect().await.unwrap().to_bytes(), "hello");
    }

    #[tokio::test]
    async fn beyond_the_cap_a_body_passes_and_is_not_kept() {
        let frames = ["hello", "world"].map(|part| Ok::<_, std::io::Error>(Frame::data(Bytes::from(part))));
        let first = ReplayBody::new(StreamBody::new(futures(frames)), 7);
        let again = first.again();
        assert_eq!(first.collect().await.unwrap().to_bytes(), "helloworld");
        assert!(!again.is_replayable());
        assert!(!ReplayBody::new(Full::new(Bytes::from("too large")), 3).is_replayable());
    }

    fn futures<T>(items: impl IntoIterator<Item = T>) -> impl futures_util::Stream<Item = T> + Unpin {
        futures_util::stream::iter(items.into_iter().collect::<Vec<_>>())
    }
}
