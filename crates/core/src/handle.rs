use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::{Ending, Phase, Scope};

/// Where a layer reads how far an answer has come and how it ended.
///
/// It travels in the extensions of a response. Reading it costs an atomic load, so a layer that wraps the
/// body may look after every frame; a layer that only wants the end keeps a guard whose `Drop` looks once.
#[derive(Clone, Debug)]
pub struct EndingHandle {
    shared: Arc<Shared>,
    scope: Scope,
}

/// The writing end of an [`EndingHandle`]: what watches the body.
///
/// It reports exactly one ending. Dropped without a report, it reports [`Ending::Abandoned`].
#[derive(Debug)]
pub struct EndingReporter(EndingHandle);

#[derive(Debug)]
struct Shared {
    phase: AtomicU8,
    events: AtomicU32,
    /// Whether it has ended: [`NOT_YET`], at [`LOCKED`] as `ending` says, or at a place in [`PLAIN`].
    ended: AtomicU8,
    ending: OnceLock<Ending>,
    /// What a drop without a report means, where an outer layer has said so. Rare, and so in a box.
    because: OnceLock<Box<Ending>>,
    /// Made by the first that waits: most endings are only looked at.
    waiting: OnceLock<Box<Notify>>,
}

/// Endings that say no more than their name. Most are of these, and a lock costs more than all else here.
static PLAIN: [Ending; 6] = [
    Ending::Opaque { ok: true },
    Ending::Opaque { ok: false },
    Ending::Abandoned,
    Ending::Cancelled,
    Ending::Stalled,
    Ending::Interrupted,
];
const NOT_YET: u8 = u8::MAX;
const LOCKED: u8 = u8::MAX - 1;

impl EndingHandle {
    /// A handle and the reporter that feeds it.
    pub fn new(scope: Scope, phase: Phase) -> (EndingReporter, Self) {
        let shared = Arc::new(Shared {
            phase: AtomicU8::new(phase as u8),
            events: AtomicU32::new(0),
            ended: AtomicU8::new(NOT_YET),
            ending: OnceLock::new(),
            because: OnceLock::new(),
            waiting: OnceLock::new(),
        });
        let handle = Self { shared, scope };
        (EndingReporter(handle.clone()), handle)
    }

    /// A handle of something that has ended already.
    pub fn ended(scope: Scope, ending: Ending) -> Self {
        let (mut reporter, handle) = Self::new(scope, Phase::Head);
        reporter.report(ending);
        handle
    }

    /// What it is the ending of.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The same as the ending of something larger, for a layer that adds nothing to what it wraps.
    #[must_use]
    pub fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// How many events of its stream were read so far, its end mark not among them.
    pub fn events(&self) -> u32 {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// How it ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.shared.ending()
    }

    /// Says what it means if the body is dropped from now on: a layer further out ends it for a reason
    /// that the watcher cannot see. Only the first reason counts.
    pub fn because(&self, ending: Ending) {
        let _ = self.shared.because.set(Box::new(ending));
    }

    /// Waits for the ending.
    pub async fn wait(&self) -> Ending {
        self.wait_for(|handle| handle.ending().cloned()).await
    }

    /// Waits until `phase` is reached or the answer has ended.
    pub async fn wait_phase(&self, phase: Phase) {
        self.wait_for(|handle| (handle.phase() >= phase || handle.ending().is_some()).then_some(())).await;
    }

    async fn wait_for<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        let waiting = self.shared.waiting.get_or_init(Box::default);
        loop {
            let changed = waiting.notified();
            // Pairs with the one in `tell`: that one sees who waits, or this one what is told.
            fence(Ordering::SeqCst);
            if let Some(seen) = look(self) {
                return seen;
            }
            changed.await;
        }
    }
}

impl EndingReporter {
    /// Moves on to `phase`; going back is ignored.
    pub fn advance(&self, phase: Phase) {
        let shared = &self.0.shared;
        if shared.phase.fetch_max(phase as u8, Ordering::Release) < phase as u8 {
            shared.tell();
        }
    }

    /// Says how many events were read so far.
    pub fn count(&self, events: u32) {
        self.0.shared.events.store(events, Ordering::Relaxed);
    }

    /// Reports the ending. Only the first report counts.
    pub fn report(&mut self, ending: Ending) {
        self.0.shared.set(ending);
    }

    /// Where the ending is read.
    pub fn handle(&self) -> &EndingHandle {
        &self.0
    }

    /// The ending, once it was reported.
    pub fn ending(&self) -> Option<&Ending> {
        self.0.ending()
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.0.phase()
    }
}

impl Drop for EndingReporter {
    fn drop(&mut self) {
        let shared = &self.0.shared;
        if shared.ending().is_none() {
            // A panic unwinds through here: that is our doing and not the reader's.
            let ending = match shared.because.get() {
                Some(reason) => Ending::clone(reason),
                None if std::thread::panicking() => Ending::Interrupted,
                None => Ending::Abandoned,
            };
            shared.set(ending);
        }
    }
}

impl Shared {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Head,
            1 => Phase::FirstEvent,
            _ => Phase::Stream,
        }
    }

    fn ending(&self) -> Option<&Ending> {
        match self.ended.load(Ordering::Acquire) {
            NOT_YET => None,
            LOCKED => self.ending.get(),
            plain => PLAIN.get(usize::from(plain)),
        }
    }

    fn set(&self, ending: Ending) {
        let ended = match ending {
            Ending::Opaque { ok: true } => 0,
            Ending::Opaque { ok: false } => 1,
            Ending::Abandoned => 2,
            Ending::Cancelled => 3,
            Ending::Stalled => 4,
            Ending::Interrupted => 5,
            _ => LOCKED,
        };
        let first = self.ended.compare_exchange(NOT_YET, ended, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if first {
            if ended == LOCKED {
                let _ = self.ending.set(ending);
            }
            self.tell();
        }
    }

    /// Wakes those who wait, if there are any.
    fn tell(&self) {
        fence(Ordering::SeqCst);
        if let Some(waiting) = self.waiting.get() {
            waiting.notify_waiters();
        }
    }
}
