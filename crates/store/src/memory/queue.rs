use std::collections::BTreeSet;
use std::collections::HashMap;

use tokio::time::Instant;

use crate::AnswerId;

/// Answers in the order of a time, each at most once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BTreeSet<(Instant, AnswerId)>,
    times: HashMap<AnswerId, Instant>,
}

impl Queue {
    /// Puts an answer in, or elsewhere.
    pub(super) fn put(&mut self, id: AnswerId, time: Instant) {
        if let Some(before) = self.times.insert(id, time) {
            self.order.remove(&(before, id));
        }
        self.order.insert((time, id));
    }

    pub(super) fn remove(&mut self, id: AnswerId) {
        if let Some(time) = self.times.remove(&id) {
            self.order.remove(&(time, id));
        }
    }

    pub(super) fn time(&self, id: AnswerId) -> Option<Instant> {
        self.times.get(&id).copied()
    }

    pub(super) fn first(&self) -> Option<(Instant, AnswerId)> {
        self.order.first().copied()
    }

    /// The first one, if its time has come.
    pub(super) fn due(&self, now: Instant) -> Option<AnswerId> {
        self.first().filter(|(time, _)| *time <= now).map(|(_, id)| id)
    }

    /// All whose time has come, in their order.
    pub(super) fn all_due(&self, now: Instant) -> impl Iterator<Item = AnswerId> {
        self.order.iter().take_while(move |(time, _)| *time <= now).map(|(_, id)| *id)
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }
}
