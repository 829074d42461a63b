use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tells a body when its connection has written out what it was given.
///
/// A connection's owner puts one into the extensions of each request. A body that is about to end with an
/// error waits for it, since hyper throws away what it has not written yet when a body fails.
///
/// What is counted is the connection's turns: the times its future is polled. A flush alone says nothing
/// where answers share a connection: it may have been under way before this answer's last frame was queued,
/// or have emptied only a buffer that the frame was not in yet. A whole turn that began behind the frame,
/// and that left nothing unwritten, has taken the frame along.
#[derive(Clone, Debug)]
pub struct Flushed(Arc<Shared>);

/// The connection's side of [`Flushed`]: told of by what wraps its transport, and by what wraps its future.
#[derive(Clone, Debug)]
pub struct Flusher(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether something was written since the transport was last empty.
    unwritten: AtomicBool,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    begun: u64,
    /// The last one that left nothing unwritten.
    written: u64,
    connection: Option<Waker>,
    waiting: Vec<Waker>,
}

impl Shared {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flushed {
    /// Both sides of one connection.
    pub fn new() -> (Flusher, Self) {
        let shared = Arc::new(Shared::default());
        (Flusher(shared.clone()), Self(shared))
    }

    /// How many turns the connection has begun.
    pub fn turn(&self) -> u64 {
        self.0.turns().begun
    }

    /// Ready once a turn behind number `turn` has written everything out that can be sent.
    ///
    /// It makes the connection take such a turn. At most one waker for each body of the connection is kept,
    /// and only until then.
    pub fn poll_past(&self, cx: &mut Context<'_>, turn: u64) -> Poll<()> {
        let connection = {
            let mut turns = self.0.turns();
            if turns.written > turn {
                return Poll::Ready(());
            }
            if !turns.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                turns.waiting.push(cx.waker().clone());
            }
            // One that has begun behind `turn` goes on by itself: it ended with a full transport.
            turns.connection.clone().filter(|_| turns.begun <= turn)
        };
        if let Some(connection) = connection {
            connection.wake();
        }
        Poll::Pending
    }
}

impl Flusher {
    /// The connection's future is about to be polled.
    pub fn begin(&self, cx: &mut Context<'_>) {
        let mut turns = self.0.turns();
        turns.begun += 1;
        if !turns.connection.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            turns.connection = Some(cx.waker().clone());
        }
    }

    /// Something is being written to the transport.
    pub fn writing(&self) {
        self.0.unwritten.store(true, Ordering::Relaxed);
    }

    /// The transport was flushed to its end.
    pub fn flushed(&self) {
        self.0.unwritten.store(false, Ordering::Relaxed);
    }

    /// The connection's future was polled.
    pub fn end(&self) {
        // Written by this same task, a moment ago.
        if self.0.unwritten.load(Ordering::Relaxed) {
            return;
        }
        let waiting = {
            let mut turns = self.0.turns();
            turns.written = turns.begun;
            std::mem::take(&mut turns.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn take(&self) -> bool {
            self.0.swap(false, Ordering::Relaxed)
        }
    }

    #[test]
    fn only_a_whole_turn_behind_the_frame_counts() {
        let (flusher, flushed) = Flushed::new();
        let (connection, body) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let (connection_waker, body_waker) = (connection.clone().into(), body.clone().into());
        let (mut on, mut of) = (Context::from_waker(&connection_waker), Context::from_waker(&body_waker));

        flusher.begin(&mut on);
        // The frame is queued in the middle of a turn, from another thread.
        let turn = flushed.turn();
        assert!(flushed.poll_past(&mut of, turn).is_pending());
        assert!(connection.take(), "there has to be another turn");
        flusher.end();
        assert!(flushed.poll_past(&mut of, turn).is_pending(), "this one may have looked before");
        assert!(connection.take());

        flusher.begin(&mut on);
        flusher.writing();
        flusher.end();
        body.take();
        assert!(flushed.poll_past(&mut of, turn).is_pending(), "the transport is full");
        assert!(!connection.take(), "what is full goes on by itself");

        flusher.begin(&mut on);
        flusher.flushed();
        flusher.end();
        assert!(body.take());
        assert!(flushed.poll_past(&mut of, turn).is_ready());
    }
}
