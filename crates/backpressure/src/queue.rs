use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use lastbyte_core::{Class, Tenant};
use tokio::time::Instant;

/// Who stands in a queue; it names one caller and no later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    slot: usize,
    round: u64,
}

/// What has become of one who waits.
#[derive(Debug)]
pub(crate) enum Stand {
    /// It waits, and is to be woken.
    Waiting(Option<Waker>),
    /// It has a place, and has not taken it yet.
    Granted,
    /// It had to make room for others.
    Displaced,
}

#[derive(Debug)]
struct Entry {
    tenant: Tenant,
    class: Class,
    stand: Stand,
    since: Instant,
}

/// One who waits for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: Tenant,
    pub(crate) class: Class,
}

/// Those who wait: live ones before deferred ones, tenants in turn, the oldest of a tenant first, or, where that one
/// has waited long for long, the newest.
#[derive(Debug)]
pub(crate) struct Queue {
    max: usize,
    waiting: usize,
    lines: [Lines; 2],
    slots: Vec<(u64, Option<Entry>)>,
    free: Vec<usize>,
    /// How long the oldest of a line have to have waited for long until its newest go first.
    patience: Duration,
}

/// What a wait is long beside, of the patience. That callers wait, one behind the other and each for a moment, is what a
/// queue is for: only that the oldest wait for long says that more come than can be served (as CoDel does, RFC 8289).
const LONG: u32 = 5;

/// The calls of one tenant.
#[derive(Debug, Default)]
struct Line {
    ids: VecDeque<Id>,
    /// Since when those let in last had waited for long.
    crowded: Option<Instant>,
}

impl Line {
    /// Its oldest came then, and somebody of it is let in.
    fn look(&mut self, oldest: Instant, now: Instant, patience: Duration) {
        let long = oldest + patience / LONG;
        self.crowded = (now >= long).then(|| self.crowded.unwrap_or(long));
    }

    fn is_overloaded(&self, now: Instant, patience: Duration) -> bool {
        self.crowded.is_some_and(|since| now.saturating_duration_since(since) >= patience)
    }
}

/// The lines of one class, one for each tenant.
#[derive(Debug, Default)]
struct Lines {
    lines: BTreeMap<Tenant, Line>,
    /// Whose turn it is; each tenant that waits stands here once.
    turns: VecDeque<Tenant>,
}

impl Queue {
    /// A queue of at most `max` callers, where the newest of a tenant go first once its oldest have waited for a
    /// fifth of `patience` for all of `patience`.
    pub(crate) fn new(max: usize, patience: Duration) -> Self {
        Self { max, waiting: 0, lines: Default::default(), slots: Vec::new(), free: Vec::new(), patience }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// One of those who wait.
    pub(crate) fn anybody(&self) -> Option<Id> {
        self.lines.iter().find_map(|class| class.lines.values().next()?.ids.back().copied())
    }

    /// How many would be let in before a newcomer.
    pub(crate) fn ahead(&self, caller: Caller, now: Instant) -> usize {
        let before: usize = match caller.class {
            Class::Live => 0,
            Class::Deferred => self.lines[0].lines.values().map(|line| line.ids.len()).sum(),
        };
        let lines = &self.lines[place(caller.class)].lines;
        // In an overload the newest of a line is its next.
        let own = lines.get(&caller.tenant).filter(|line| !line.is_overloaded(now, self.patience));
        let own = own.map_or(0, |line| line.ids.len());
        // Tenants take turns: of each other line as many go first as stand in ours.
        let others = lines.iter().filter(|(tenant, _)| **tenant != caller.tenant);
        before + own + others.map(|(_, line)| line.ids.len().min(own + 1)).sum::<usize>()
    }

    /// Puts a newcomer into the queue, or says that it is full. Where it is full and the newcomer's tenant
    /// has fewer in it than another one, the last of the largest line makes room; it is to be woken.
    pub(crate) fn push(&mut self, caller: Caller, now: Instant) -> Result<(Id, Option<Waker>), Full> {
        let mut displaced = None;
        if self.waiting >= self.max {
            displaced = self.displace(caller)?;
        }
        let Caller { tenant, class } = caller;
        let entry = Entry { tenant, class, stand: Stand::Waiting(None), since: now };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() - 1
        });
        self.slots[slot].1 = Some(entry);
        let id = Id { slot, round: self.slots[slot].0 };
        let Lines { lines, turns } = &mut self.lines[place(class)];
        let line = lines.entry(tenant).or_default();
        if line.ids.is_empty() {
            turns.push_back(tenant);
        }
        line.ids.push_back(id);
        self.waiting += 1;
        Ok((id, displaced))
    }

    /// Gives a place to the next one, and says whom to wake. `None` where nobody waits.
    pub(crate) fn grant(&mut self, now: Instant) -> Option<Option<Waker>> {
        let Lines { lines, turns } = self.lines.iter_mut().find(|class| !class.turns.is_empty())?;
        let tenant = turns.pop_front()?;
        let line = lines.get_mut(&tenant)?;
        let oldest = self.slots.get(line.ids.front()?.slot)?.1.as_ref()?.since;
        line.look(oldest, now, self.patience);
        let newest_first = line.is_overloaded(now, self.patience);
        let id = if newest_first { line.ids.pop_back() } else { line.ids.pop_front() }?;
        if line.ids.is_empty() {
            lines.remove(&tenant);
        } else {
            turns.push_back(tenant);
        }
        self.waiting -= 1;
        self.turn(id, Stand::Granted)
    }

    /// How one of them stands now.
    pub(crate) fn stand(&mut self, id: Id) -> Option<&mut Stand> {
        let (round, entry) = self.slots.get_mut(id.slot)?;
        (*round == id.round).then_some(())?;
        entry.as_mut().map(|entry| &mut entry.stand)
    }

    /// Takes one out, wherever it stands, and says how it stood.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Stand> {
        self.stand(id)?;
        let (round, entry) = self.slots.get_mut(id.slot)?;
        let Entry { tenant, class, stand, .. } = entry.take()?;
        *round += 1;
        self.free.push(id.slot);
        if matches!(stand, Stand::Waiting(_)) {
            self.leave(id, tenant, class);
        }
        Some(stand)
    }

    fn turn(&mut self, id: Id, stand: Stand) -> Option<Option<Waker>> {
        match std::mem::replace(self.stand(id)?, stand) {
            Stand::Waiting(waker) => Some(waker),
            Stand::Granted | Stand::Displaced => Some(None),
        }
    }

    /// Makes room for a newcomer of a tenant that has little in the queue.
    fn displace(&mut self, caller: Caller) -> Result<Option<Waker>, Full> {
        let own = self.lines[place(caller.class)].lines.get(&caller.tenant).map_or(0, |line| line.ids.len());
        // Of the deferred first, and never one that is waited for more than the newcomer.
        let classes = [Class::Deferred, Class::Live].into_iter().filter(|class| *class >= caller.class);
        for class in classes {
            let lines = &self.lines[place(class)].lines;
            let largest = lines.iter().max_by_key(|(_, line)| line.ids.len());
            let Some((tenant, line)) = largest else { continue };
            // One more than ours would have: else two tenants would push one another out for ever.
            if class == caller.class && line.ids.len() <= own + 1 {
                continue;
            }
            let (tenant, last) = (*tenant, line.ids.back().copied().ok_or(Full)?);
            self.leave(last, tenant, class);
            return Ok(self.turn(last, Stand::Displaced).flatten());
        }
        Err(Full)
    }

    /// Takes one that waits out of its line.
    fn leave(&mut self, id: Id, tenant: Tenant, class: Class) {
        let Lines { lines, turns } = &mut self.lines[place(class)];
        let Some(line) = lines.get_mut(&tenant) else { return };
        // From the back: those who give up early are the ones who came late.
        if let Some(at) = line.ids.iter().rposition(|other| *other == id) {
            line.ids.remove(at);
        }
        if line.ids.is_empty() {
            lines.remove(&tenant);
            turns.retain(|other| *other != tenant);
        }
        self.waiting -= 1;
    }
}

/// There is no room in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

fn place(class: Class) -> usize {
    match class {
        Class::Live => 0,
        Class::Deferred => 1,
    }
}

#[cfg(test)]
#[path = "queue/tests.rs"]
mod tests;
