use std::collections::HashMap;

use tokio::time::Instant;

use super::answer::{Answer, later};
use super::graves::Graves;
use super::queue::Queue;
use crate::{AnswerId, Claimed, Lease, Look, NewAnswer, Opened, Slot, StoreError, WriteError};

/// How many expired answers one call removes at most. More than one, so that they go faster than new ones come,
/// and few, so that nobody waits for a great many that expired together.
const SWEPT_AT_ONCE: usize = 16;

/// All answers, told the time by its caller.
#[derive(Debug)]
pub(super) struct Table {
    answers: HashMap<Slot, Answer>,
    /// All of them, by a time before which they do not expire.
    expiring: Queue,
    /// Those that have not ended, by a time before which their leases do not.
    running: Queue,
    /// Those that have ended, by when they did.
    ended: Queue,
    graves: Graves,
    bytes: u64,
    pub(super) max_bytes: u64,
}

impl Table {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            answers: HashMap::new(),
            expiring: Queue::default(),
            running: Queue::default(),
            ended: Queue::default(),
            graves: Graves::default(),
            bytes: 0,
            max_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn graves(&self) -> usize {
        self.graves.len()
    }

    /// Whether there is nothing at all, not even in a queue.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let queued = self.expiring.len() + self.running.len() + self.ended.len() + self.graves.len();
        self.answers.is_empty() && queued == 0
    }

    pub(super) fn open(&mut self, now: Instant, new: NewAnswer) -> Result<Opened, StoreError> {
        self.sweep(now);
        self.bury_expired(now, new.id.slot);
        if let Some(answer) = self.answers.get(&new.id.slot) {
            return Ok(Opened::Exists(answer.record(now)));
        }
        self.make_room(now, Answer::first_cost(&new))?;
        let answer = Answer::new(now, new);
        let lease = Lease { id: answer.id(), fence: answer.record(now).fence };
        self.graves.forget(lease.id);
        self.bytes += answer.cost();
        self.expiring.put(lease.id, answer.expires());
        self.running.put(lease.id, answer.leased_until());
        self.answers.insert(lease.id.slot, answer);
        Ok(Opened::New(lease))
    }

    /// The answer, if it is there.
    pub(super) fn find(&mut self, now: Instant, id: AnswerId) -> Option<&mut Answer> {
        self.bury_expired(now, id.slot);
        self.answers.get_mut(&id.slot).filter(|answer| answer.id() == id)
    }

    /// Changes an answer, if it is there; then sees to all that depends on it.
    pub(super) fn change<T>(
        &mut self,
        now: Instant,
        id: AnswerId,
        change: impl FnOnce(&mut Answer) -> T,
    ) -> Option<T> {
        self.sweep(now);
        let answer = self.find(now, id)?;
        let (cost, events, was_ended) = (answer.cost(), answer.events(), answer.is_ended());
        let before = (answer.leased_until(), answer.expires());
        let changed = change(answer);
        let (new_cost, is_ended, leased_until) = (answer.cost(), answer.is_ended(), answer.leased_until());
        let expires = answer.expires();
        if answer.events() != events || is_ended != was_ended || !answer.is_leased(now) {
            answer.tell();
        }
        self.bytes = self.bytes - cost + new_cost;
        // The queues hold no later times than those before: what has become no earlier has its place there.
        if is_ended && !was_ended {
            self.running.remove(id);
        } else if leased_until < before.0 && self.running.time(id).is_some_and(|time| leased_until < time) {
            self.running.put(id, leased_until);
        }
        if expires < before.1 && self.expiring.time(id).is_some_and(|time| expires < time) {
            self.expiring.put(id, expires);
        }
        // A running answer is never refused what it may have: those that have ended give way.
        if new_cost > cost {
            while self.bytes > self.max_bytes && self.evict(now) {}
        }
        if is_ended && !was_ended {
            self.ended.put(id, now);
        }
        Some(changed)
    }

    /// Changes an answer under the newest of its leases.
    pub(super) fn write<T>(
        &mut self,
        now: Instant,
        lease: Lease,
        write: impl FnOnce(&mut Answer) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let written = self.change(now, lease.id, |answer| {
            answer.check(lease)?;
            write(answer)
        });
        written.unwrap_or(Err(WriteError::Fenced))
    }

    /// Forgets an answer, and that it was ever there.
    pub(super) fn remove(&mut self, id: AnswerId) -> Option<Answer> {
        let answer = self.answers.remove(&id.slot)?;
        self.bytes -= answer.cost();
        self.expiring.remove(id);
        self.running.remove(id);
        self.ended.remove(id);
        answer.tell();
        Some(answer)
    }

    pub(super) fn claim(&mut self, now: Instant, id: AnswerId) -> Option<Claimed> {
        let may = |answer: &Answer| !answer.is_ended() && !answer.is_leased(now);
        self.change(now, id, |answer| may(answer).then(|| answer.claim(now))).flatten()
    }

    pub(super) fn claim_any(&mut self, now: Instant, except: &[AnswerId]) -> Option<Claimed> {
        self.sweep(now);
        let due: Vec<AnswerId> = self.running.all_due(now).collect();
        for id in due {
            let Some(leased_until) = self.find(now, id).map(|answer| answer.leased_until()) else { continue };
            if leased_until > now {
                // It was renewed since: it has a later place.
                self.running.put(id, leased_until);
            } else if !except.contains(&id)
                && let Some(claimed) = self.claim(now, id)
            {
                return Some(claimed);
            }
        }
        None
    }

    pub(super) fn look(&mut self, now: Instant, id: AnswerId) -> Look {
        if let Some(answer) = self.find(now, id) {
            return Look::Known(answer.record(now));
        }
        match self.graves.tenant(now, id) {
            Some(tenant) => Look::Expired { tenant: tenant.to_owned() },
            None => Look::Unknown,
        }
    }

    /// Room for so many bytes more.
    fn make_room(&mut self, now: Instant, cost: u64) -> Result<(), StoreError> {
        // Nobody has to go for one that would not fit anyway.
        let fits = |bytes: u64, max: u64| bytes.checked_add(cost).is_some_and(|bytes| bytes <= max);
        if !fits(0, self.max_bytes) {
            return Err(StoreError::Full);
        }
        while !fits(self.bytes, self.max_bytes) {
            if !self.evict(now) {
                return Err(StoreError::Full);
            }
        }
        Ok(())
    }

    /// Removes one answer that nobody writes: an expired one, or else the one that ended first.
    fn evict(&mut self, now: Instant) -> bool {
        while let Some(id) = self.expiring.due(now) {
            if self.settle(now, id) {
                return true;
            }
        }
        let Some((_, id)) = self.ended.first() else { return false };
        if let Some(answer) = self.remove(id) {
            let until = later(now, answer.ttl());
            self.graves.dig(id, answer.into_tenant(), until);
        }
        true
    }

    /// Removes some of what has expired.
    fn sweep(&mut self, now: Instant) {
        for _ in 0..SWEPT_AT_ONCE {
            let forgot = self.graves.sweep_one(now);
            let due = self.expiring.due(now);
            if let Some(id) = due {
                self.settle(now, id);
            } else if !forgot {
                return;
            }
        }
    }

    /// Removes an answer that may have expired, or gives it a later place. Whether it was removed.
    fn settle(&mut self, now: Instant, id: AnswerId) -> bool {
        let expires = self.answers.get(&id.slot).map(Answer::expires);
        match expires {
            Some(expires) if expires > now => {
                self.expiring.put(id, expires);
                false
            }
            _ => {
                self.bury_expired(now, id.slot);
                true
            }
        }
    }

    fn bury_expired(&mut self, now: Instant, slot: Slot) {
        let Some(answer) = self.answers.get(&slot).filter(|answer| answer.expires() <= now) else { return };
        let id = answer.id();
        if let Some(answer) = self.remove(id) {
            let until = later(answer.expires(), answer.ttl());
            if until > now {
                self.graves.dig(id, answer.into_tenant(), until);
            }
        }
    }
}
