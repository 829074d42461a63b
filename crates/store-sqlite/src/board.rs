use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lastbyte_store::{AnswerId, Slot};
use tokio::sync::Notify;

use crate::live::Live;

/// The answers that have not ended, as the file has them, and who waits for news of which answer.
/// Only the writer changes it, after each commit.
#[derive(Debug, Default)]
pub(crate) struct Board {
    live: Mutex<HashMap<Slot, Live>>,
    waiting: Mutex<HashMap<AnswerId, Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    bell: Arc<Notify>,
    /// How many there are; the last one to leave takes the entry with it.
    people: usize,
}

/// What one transaction changes: for each slot the answer that stands there then, or that none runs there.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) slots: HashMap<Slot, Option<Live>>,
    /// Those of which there is news.
    pub(crate) news: Vec<AnswerId>,
}

impl Board {
    pub(crate) fn new(live: impl IntoIterator<Item = Live>) -> Self {
        let live = live.into_iter().map(|live| (live.id.slot, live)).collect();
        Self { live: Mutex::new(live), waiting: Mutex::default() }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, HashMap<Slot, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of this name, if it runs.
    pub(crate) fn get(&self, id: AnswerId) -> Option<Live> {
        self.live().get(&id.slot).filter(|live| live.id == id).cloned()
    }

    /// Makes known what has been committed.
    pub(crate) fn publish(&self, changes: Changes) {
        let mut live = self.live();
        for (slot, change) in changes.slots {
            match change {
                Some(answer) => live.insert(slot, answer),
                None => live.remove(&slot),
            };
        }
        drop(live);
        let waiting = self.waiting();
        if !waiting.is_empty() {
            for bell in changes.news.iter().filter_map(|id| waiting.get(id)) {
                bell.bell.notify_waiters();
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<AnswerId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who is told of news of this answer, from now on.
    pub(crate) fn listen(self: &Arc<Self>, id: AnswerId) -> Listener {
        let mut waiting = self.waiting();
        let entry = waiting.entry(id).or_default();
        entry.people += 1;
        Listener { bell: entry.bell.clone(), board: self.clone(), id }
    }
}

/// Somebody who waits for news of an answer.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) bell: Arc<Notify>,
    board: Arc<Board>,
    id: AnswerId,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.board.waiting().entry(self.id) {
            entry.get_mut().people -= 1;
            if entry.get().people == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_who_has_waited() {
        let board = Arc::new(Board::default());
        let id = AnswerId { slot: Slot(1), generation: 1 };
        let (one, two) = (board.listen(id), board.listen(id));
        drop(one);
        assert_eq!(board.waiting().len(), 1);
        drop(two);
        assert!(board.waiting().is_empty());
    }
}
