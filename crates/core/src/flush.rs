use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tells a body when its connection has written everything out.
///
/// A connection's owner puts one into the extensions of each request. A body that is about to end with an
/// error waits for it, since hyper throws away what it has not written yet when a body fails.
#[derive(Clone, Debug)]
pub struct Flushed(Arc<Shared>);

/// The connection's side of [`Flushed`].
#[derive(Debug)]
pub struct Flusher(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Flushed {
    /// Both sides of one connection.
    pub fn new() -> (Flusher, Self) {
        let shared = Arc::new(Shared::default());
        (Flusher(shared.clone()), Self(shared))
    }

    /// How often everything was written out so far.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// Ready once [`count`](Self::count) is past `seen`.
    ///
    /// At most one waker for each body of the connection is kept, and only until the next flush.
    pub fn poll_past(&self, cx: &mut Context<'_>, seen: u64) -> Poll<()> {
        if self.count() > seen {
            return Poll::Ready(());
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at again under the lock, or a flush between the two would be missed.
        if self.count() > seen {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Flusher {
    /// Everything handed to the connection so far was written out.
    pub fn flushed(&self) {
        let woken = {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.count.fetch_add(1, Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        woken.into_iter().for_each(Waker::wake);
    }
}
