use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lastbyte_store::{AnswerId, Journal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::running::{Asked, Running};
use crate::settings::{Counts, Settings};

/// What all drivers know.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    running: Mutex<HashMap<AnswerId, Arc<Running>>>,
    /// Told when there is one driver less.
    pub(crate) left: tokio::sync::Notify,
    /// Whether drivers are to hand over what they write.
    pub(crate) interrupt: watch::Sender<bool>,
}

impl Core {
    pub(crate) fn new(journal: Arc<dyn Journal>, settings: Settings) -> Self {
        let interrupt = watch::Sender::new(false);
        let left = tokio::sync::Notify::new();
        Self { journal, settings, counts: Counts::default(), running: Mutex::default(), left, interrupt }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AnswerId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an answer in among those that are written here. `false`: there is no room, or this process goes.
    pub(crate) fn enter(&self, running: &Arc<Running>) -> bool {
        let mut all = self.lock();
        let enters = all.len() < self.settings.max_running && !self.is_interrupted();
        let older = if enters { all.insert(running.id, running.clone()) } else { None };
        drop(all);
        if let Some(older) = older {
            // It was claimed anew, and nobody would find the one that has lost it any more.
            older.ask(Asked::Cancelled);
        }
        enters
    }

    /// Lets everything that is written here be handed over; nothing more is begun.
    pub(crate) fn interrupt(&self) {
        self.interrupt.send_replace(true);
        let all: Vec<_> = self.lock().values().cloned().collect();
        // Who enters after this sees what was sent before it.
        all.iter().for_each(|running| running.ask(Asked::Interrupted));
    }

    /// Whether what is written here is to be handed over.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.interrupt.borrow()
    }

    pub(crate) fn leave(&self, running: &Arc<Running>) {
        let mut all = self.lock();
        if all.get(&running.id).is_some_and(|other| Arc::ptr_eq(other, running)) {
            all.remove(&running.id);
        }
        drop(all);
        self.left.notify_waiters();
    }

    pub(crate) fn find(&self, id: AnswerId) -> Option<Arc<Running>> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().len()
    }
}

/// The drivers' tasks, which end with this.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    drivers: Mutex<JoinSet<()>>,
}

impl Shared {
    pub(crate) fn new(core: Core) -> Self {
        Self { core: Arc::new(core), drivers: Mutex::default() }
    }

    /// Lets a driver go on by itself, whoever reads.
    pub(crate) fn spawn(&self, driver: impl Future<Output = ()> + Send + 'static) {
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        while drivers.try_join_next().is_some() {}
        // It ends with its answer, or with the set that has it.
        drivers.spawn(driver);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use lastbyte_store::{Memory, Slot};

    use super::*;

    #[tokio::test]
    async fn who_has_lost_an_answer_to_another_driver_here_is_told() {
        let core = Core::new(Arc::new(Memory::new()), Settings::default());
        let id = AnswerId { slot: Slot(1), generation: 1 };
        let [older, newer] = [0; 2].map(|events| Running::new(id, events, core.settings.room));
        assert!(core.enter(&older) && core.enter(&newer));
        assert_eq!(older.let_go().now_or_never(), Some(Asked::Cancelled));
        assert_eq!(newer.let_go().now_or_never(), None);
        core.leave(&older);
        assert!(core.find(id).is_some_and(|found| Arc::ptr_eq(&found, &newer)));
    }
}
