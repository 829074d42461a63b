use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::{Ending, Phase, Scope};

/// Where a layer reads how far an answer has come and how it ended.
///
/// It travels in the extensions of a response. Reading it costs an atomic load, so a layer that wraps the
/// body may look after every frame; a layer that only wants the end keeps a guard whose `Drop` looks once.
#[derive(Clone, Debug)]
pub struct EndingHandle(Arc<Shared>);

/// The writing end of an [`EndingHandle`]: what watches the body.
///
/// It reports exactly one ending. Dropped without a report, it reports [`Ending::Abandoned`].
#[derive(Debug)]
pub struct EndingReporter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    scope: Scope,
    phase: AtomicU8,
    ending: OnceLock<Ending>,
    /// What a drop without a report means, where an outer layer has said so.
    because: OnceLock<Ending>,
    changed: Notify,
}

impl EndingHandle {
    /// A handle and the reporter that feeds it.
    pub fn new(scope: Scope, phase: Phase) -> (EndingReporter, Self) {
        let shared = Arc::new(Shared {
            scope,
            phase: AtomicU8::new(phase as u8),
            ending: OnceLock::new(),
            because: OnceLock::new(),
            changed: Notify::new(),
        });
        (EndingReporter(shared.clone()), Self(shared))
    }

    /// A handle of something that has ended already.
    pub fn ended(scope: Scope, ending: Ending) -> Self {
        let (mut reporter, handle) = Self::new(scope, Phase::Head);
        reporter.report(ending);
        handle
    }

    /// What it is the ending of.
    pub fn scope(&self) -> Scope {
        self.0.scope
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.0.phase()
    }

    /// How it ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.0.ending.get()
    }

    /// Says what it means if the body is dropped from now on: a layer further out ends it for a reason
    /// that the watcher cannot see. Only the first reason counts.
    pub fn because(&self, ending: Ending) {
        let _ = self.0.because.set(ending);
    }

    /// Waits for the ending.
    pub async fn wait(&self) -> Ending {
        loop {
            let changed = self.0.changed.notified();
            if let Some(ending) = self.ending() {
                return ending.clone();
            }
            changed.await;
        }
    }

    /// Waits until `phase` is reached or the answer has ended.
    pub async fn wait_phase(&self, phase: Phase) {
        loop {
            let changed = self.0.changed.notified();
            if self.phase() >= phase || self.ending().is_some() {
                return;
            }
            changed.await;
        }
    }
}

impl EndingReporter {
    /// Moves on to `phase`; going back is ignored.
    pub fn advance(&self, phase: Phase) {
        if self.0.phase.fetch_max(phase as u8, Ordering::Release) < phase as u8 {
            self.0.changed.notify_waiters();
        }
    }

    /// Reports the ending. Only the first report counts.
    pub fn report(&mut self, ending: Ending) {
        self.0.set(ending);
    }

    /// The ending, once it was reported.
    pub fn ending(&self) -> Option<&Ending> {
        self.0.ending.get()
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.0.phase()
    }
}

impl Drop for EndingReporter {
    fn drop(&mut self) {
        if self.0.ending.get().is_none() {
            // A panic unwinds through here: that is our doing and not the reader's.
            let ending = match self.0.because.get() {
                Some(reason) => reason.clone(),
                None if std::thread::panicking() => Ending::Interrupted,
                None => Ending::Abandoned,
            };
            self.0.set(ending);
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

    fn set(&self, ending: Ending) {
        if self.ending.set(ending).is_ok() {
            self.changed.notify_waiters();
        }
    }
}
