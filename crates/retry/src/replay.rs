use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

/// A request body that is kept, up to a cap, while it is sent, so that it can be sent again.
///
/// Nothing is read ahead. Beyond the cap what was kept is let go, and the body goes on as it comes: then
/// there is no other attempt.
#[derive(Debug)]
pub struct ReplayBody<B>(Kind<B>);

#[derive(Debug)]
enum Kind<B> {
    /// It is sent once.
    Once(B),
    /// It is there from the start, and each attempt has its own.
    Whole(Bytes),
    /// It comes while it is sent.
    Shared(Part<B>),
}

/// A body that is kept while it comes, and how far one attempt has read in it.
#[derive(Debug)]
struct Part<B> {
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

impl<B: Body<Data = Bytes> + Unpin + 'static> ReplayBody<B> {
    /// Keeps up to `cap` bytes of `body`.
    pub(crate) fn new(mut body: B, cap: usize) -> Self {
        // A body that is known to be too large is not even begun to be kept.
        if body.size_hint().lower() > cap as u64 {
            return Self::once(body);
        }
        if let Some(whole) = whole(&mut body) {
            return Self(Kind::Whole(whole));
        }
        let ended = body.is_end_stream();
        let shared = Shared { rest: body, kept: Vec::new(), trailers: None, room: cap, capped: false, ended };
        Self(Kind::Shared(Part { shared: Arc::new(Mutex::new(shared)), next: 0, trailers_sent: false }))
    }
}

impl<B> ReplayBody<B> {
    /// Passes `body` on, and keeps nothing.
    pub(crate) fn once(body: B) -> Self {
        Self(Kind::Once(body))
    }

    /// A body that is there.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(bytes))
    }

    /// All of it, where that is there and has no trailers.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        match &self.0 {
            Kind::Once(_) => None,
            Kind::Whole(whole) => Some(whole.clone()),
            Kind::Shared(part) => {
                let shared = part.lock();
                let is_whole = shared.ended && !shared.capped && shared.trailers.is_none();
                is_whole.then(|| shared.kept.concat().into())
            }
        }
    }

    /// How long it is, where it is there.
    pub(crate) fn len(&self) -> Option<usize> {
        match &self.0 {
            Kind::Whole(whole) => Some(whole.len()),
            _ => None,
        }
    }

    /// Whether all that was read so far can be sent again.
    pub(crate) fn is_replayable(&self) -> bool {
        match &self.0 {
            Kind::Once(_) => false,
            Kind::Whole(_) => true,
            // One that panicked is in no state to go on.
            Kind::Shared(part) => !part.shared.is_poisoned() && !part.lock().capped,
        }
    }

    /// The same body from its beginning.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.0 {
            Kind::Once(_) => None,
            Kind::Whole(whole) => Some(Self(Kind::Whole(whole.clone()))),
            Kind::Shared(Part { shared, .. }) => {
                Some(Self(Kind::Shared(Part { shared: shared.clone(), next: 0, trailers_sent: false })))
            }
        }
    }
}

/// The bytes of a body that has all of them already. No other body may be asked: a client that waits for
/// `100 Continue` sends nothing before it is read.
fn whole<B: Body<Data = Bytes> + 'static>(body: &mut B) -> Option<Bytes> {
    if body.is_end_stream() {
        return Some(Bytes::new());
    }
    let full = (body as &mut dyn Any).downcast_mut::<Full<Bytes>>()?;
    match Pin::new(full).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}

impl<B> Part<B> {
    /// A poisoned lock guards nothing worse than a body that broke in the middle of a poll.
    fn lock(&self) -> MutexGuard<'_, Shared<B>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Part<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunk) = shared.kept.get(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if shared.ended {
            let trailers = shared.trailers.clone().filter(|_| !self.trailers_sent);
            self.trailers_sent = true;
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
                            self.next = shared.kept.len();
                        }
                        _ => {
                            shared.capped = true;
                            shared.kept = Vec::new();
                            self.next = 0;
                        }
                    }
                    shared.ended = shared.rest.is_end_stream();
                } else if let Some(trailers) = frame.trailers_ref() {
                    shared.trailers = Some(trailers.clone());
                    shared.ended = true;
                    self.trailers_sent = true;
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

impl<B: Body<Data = Bytes> + Unpin> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.0 {
            Kind::Once(body) => Pin::new(body).poll_frame(cx),
            Kind::Whole(whole) if whole.is_empty() => Poll::Ready(None),
            Kind::Whole(whole) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(whole))))),
            Kind::Shared(part) => part.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Once(body) => body.is_end_stream(),
            Kind::Whole(whole) => whole.is_empty(),
            Kind::Shared(part) => part.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Once(body) => body.size_hint(),
            Kind::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
            Kind::Shared(part) => part.size_hint(),
        }
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
        let again = first.again().unwrap();
        assert_eq!(first.collect().await.unwrap().to_bytes(), "hello");
        assert_eq!(again.size_hint().exact(), Some(5));
        let third = again.again().unwrap();
        assert_eq!(again.collect().await.unwrap().to_bytes(), "hello");
        assert!(third.is_replayable() && !third.is_end_stream());
    }

    #[tokio::test]
    async fn an_attempt_that_broke_off_is_taken_up_where_reading_stopped() {
        let frames = ["he", "ll", "o"].map(|part| Ok::<_, std::io::Error>(Frame::data(Bytes::from(part))));
        let mut first = ReplayBody::new(StreamBody::new(futures(frames)), 100);
        let again = first.again().unwrap();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "he");
        drop(first);
        assert_eq!(again.collect().await.unwrap().to_bytes(), "hello");
    }

    #[test]
    fn a_body_that_panicked_is_not_sent_again() {
        let panics =
            futures_util::stream::poll_fn(|_| -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
                panic!("a panic on purpose")
            });
        let mut first = ReplayBody::new(StreamBody::new(panics), 100);
        let again = first.again().unwrap();
        let mut poll = || Pin::new(&mut first).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut poll)).is_err();
        assert!(panicked && !again.is_replayable());
    }

    #[tokio::test]
    async fn beyond_the_cap_a_body_passes_and_is_not_kept() {
        let frames = ["hello", "world"].map(|part| Ok::<_, std::io::Error>(Frame::data(Bytes::from(part))));
        let first = ReplayBody::new(StreamBody::new(futures(frames)), 7);
        let again = first.again().unwrap();
        assert_eq!(first.collect().await.unwrap().to_bytes(), "helloworld");
        assert!(!again.is_replayable());
        assert!(!ReplayBody::new(Full::new(Bytes::from("too large")), 3).is_replayable());
    }

    fn futures<T>(items: impl IntoIterator<Item = T>) -> impl futures_util::Stream<Item = T> + Unpin {
        futures_util::stream::iter(items.into_iter().collect::<Vec<_>>())
    }
}
