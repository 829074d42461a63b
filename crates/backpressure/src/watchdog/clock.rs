use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::slot::{TURNS, Watch};

/// Turns a few times in each patience, and looks at every body then. It costs a body nothing while that is
/// read: the body notes the number of the turn, not the time.
pub(super) struct Clock {
    turn: AtomicU32,
    every: Duration,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    bodies: Vec<Weak<dyn Watch>>,
    task: Option<AbortHandle>,
}

impl Clock {
    /// For readers that may take so long.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        let every = (patience / TURNS).max(Duration::from_millis(1));
        // From 1: that 0 says something else to a body.
        Arc::new(Self { turn: AtomicU32::new(1), every, watched: Mutex::default() })
    }

    #[inline]
    pub(super) fn now(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }

    /// Watches a body from now on. Outside of a tokio runtime nothing turns, and nobody is let go.
    pub(super) fn watch(self: &Arc<Self>, body: Weak<dyn Watch>) {
        let mut watched = self.lock();
        watched.bodies.push(body);
        // One that is finished was cut off with its runtime.
        if watched.task.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            // Ends by itself when there is no body left to watch, and with the layer.
            let task = runtime.spawn(Self::run(Arc::downgrade(self), self.every));
            watched.task = Some(task.abort_handle());
        }
    }

    async fn run(clock: Weak<Self>, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let Some(clock) = clock.upgrade() else { return };
            if !clock.turn() {
                return;
            }
        }
    }

    /// One turn. Whether there is anything left to watch.
    fn turn(&self) -> bool {
        let now = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let bodies = std::mem::take(&mut self.lock().bodies);
        // Not under the lock: a body that is let go takes its time, and may begin another call.
        // What a body holds may panic when it is dropped; the others are looked after all the same.
        let stays = |body: &Weak<dyn Watch>| {
            let turn = || body.upgrade().is_some_and(|body| body.turn(now));
            catch_unwind(AssertUnwindSafe(turn)).unwrap_or(false)
        };
        let left: Vec<_> = bodies.into_iter().filter(stays).collect();
        let mut watched = self.lock();
        watched.bodies.extend(left);
        if watched.bodies.is_empty() {
            watched.task = None;
        }
        watched.task.is_some()
    }

    /// How many bodies are watched, those that are over since the last turn among them.
    pub(super) fn watched(&self) -> usize {
        self.lock().bodies.len()
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if let Some(task) = self.lock().task.take() {
            task.abort();
        }
    }
}
