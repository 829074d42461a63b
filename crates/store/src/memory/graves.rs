use std::collections::HashMap;

use tokio::time::Instant;

use super::queue::Queue;
use crate::AnswerId;

/// How many answers that are gone are remembered. At some 200 bytes each that is 13 MB; the oldest are
/// forgotten first, and a reader hears "unknown" where it would have heard "expired".
pub(super) const MAX_GRAVES: usize = 1 << 16;

/// The answers that were there, and whose they were.
#[derive(Debug, Default)]
pub(super) struct Graves {
    tenants: HashMap<AnswerId, String>,
    queue: Queue,
}

impl Graves {
    /// Remembers one until then.
    pub(super) fn dig(&mut self, id: AnswerId, tenant: String, until: Instant) {
        if self.queue.len() >= MAX_GRAVES
            && let Some((_, oldest)) = self.queue.first()
        {
            self.forget(oldest);
        }
        self.queue.put(id, until);
        self.tenants.insert(id, tenant);
    }

    pub(super) fn tenant(&self, now: Instant, id: AnswerId) -> Option<&str> {
        self.queue.time(id).filter(|until| *until > now)?;
        self.tenants.get(&id).map(String::as_str)
    }

    /// Forgets the oldest one whose time is over. Whether there was one.
    pub(super) fn sweep_one(&mut self, now: Instant) -> bool {
        let due = self.queue.due(now);
        if let Some(id) = due {
            self.forget(id);
        }
        due.is_some()
    }

    pub(super) fn forget(&mut self, id: AnswerId) {
        self.queue.remove(id);
        self.tenants.remove(&id);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
