use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

/// A caller's place in a [`Pacer`](super::Pacer)'s queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaiterId {
    tenant: u64,
    place: i64,
}

/// First come, first served within a tenant; the tenants take turns.
///
/// A tenant is known only while somebody of it waits, so all that is held is bounded by who waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lines: HashMap<u64, Line>,
    /// Whose turn it is, the next one first.
    turns: BTreeMap<u64, u64>,
    waiting: usize,
    next_turn: u64,
    /// Places count up at the back of the lines and down at their front: none is used twice.
    back: i64,
    front: i64,
}

#[derive(Debug)]
struct Line {
    turn: u64,
    places: BTreeMap<i64, Waiter>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// The last moment at which a turn is of use.
    pub(crate) deadline: Instant,
    /// How often it has been refused.
    pub(crate) refused: u32,
}

/// One that is let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) id: WaiterId,
    pub(crate) refused: u32,
    /// The turn its tenant used up for it.
    pub(crate) turn: u64,
}

/// How far into a line one is looked for that can best afford to be refused.
const LOOK: usize = 8;

impl WaiterId {
    pub(crate) fn tenant(self) -> u64 {
        self.tenant
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// How many of the tenant wait.
    pub(crate) fn of(&self, tenant: u64) -> usize {
        self.lines.get(&tenant).map_or(0, |line| line.places.len())
    }

    /// Takes a place at the back of the tenant's line.
    pub(crate) fn push(&mut self, tenant: u64, waiter: Waiter) -> WaiterId {
        self.back += 1;
        self.put(tenant, self.back, waiter, None)
    }

    /// Takes a place at its front, and gives the tenant back the turn that was used in vain.
    pub(crate) fn push_front(&mut self, tenant: u64, waiter: Waiter, turn: Option<u64>) -> WaiterId {
        self.front -= 1;
        self.put(tenant, self.front, waiter, turn)
    }

    fn put(&mut self, tenant: u64, place: i64, waiter: Waiter, back: Option<u64>) -> WaiterId {
        let turns = &mut self.turns;
        let line = self.lines.entry(tenant).or_insert_with(|| {
            let turn = self.next_turn;
            self.next_turn += 1;
            turns.insert(turn, tenant);
            Line { turn, places: BTreeMap::new() }
        });
        // A turn is given back once only, so nobody else has it.
        if let Some(turn) = back.filter(|turn| *turn < line.turn) {
            turns.remove(&line.turn);
            turns.insert(turn, tenant);
            line.turn = turn;
        }
        line.places.insert(place, waiter);
        self.waiting += 1;
        WaiterId { tenant, place }
    }

    /// Lets the next one go. Where it may well be refused (`risky`), that is the one among the first of the
    /// line that was refused least: attempts are few, and whoever stands in front would use up all of its own.
    pub(crate) fn pop(&mut self, risky: bool) -> Option<Served> {
        let (&turn, &tenant) = self.turns.first_key_value()?;
        let line = self.lines.get_mut(&tenant)?;
        let look = if risky { LOOK } else { 1 };
        let (&place, &waiter) = line.places.iter().take(look).min_by_key(|(_, waiter)| waiter.refused)?;
        line.places.remove(&place);
        self.waiting -= 1;
        self.turns.remove(&turn);
        if line.places.is_empty() {
            self.lines.remove(&tenant);
        } else {
            line.turn = self.next_turn;
            self.turns.insert(self.next_turn, tenant);
            self.next_turn += 1;
        }
        Some(Served { id: WaiterId { tenant, place }, refused: waiter.refused, turn })
    }

    /// Closes up the place of one that leaves. `false`: it was not there.
    pub(crate) fn remove(&mut self, id: WaiterId) -> bool {
        let Some(line) = self.lines.get_mut(&id.tenant) else { return false };
        if line.places.remove(&id.place).is_none() {
            return false;
        }
        self.waiting -= 1;
        if line.places.is_empty() {
            self.turns.remove(&line.turn);
            self.lines.remove(&id.tenant);
        }
        true
    }

    /// How many are served, at most, before one that would wait at the back of the tenant's line.
    pub(crate) fn ahead(&self, tenant: u64) -> usize {
        let own = self.of(tenant);
        let tenants = self.lines.len() + usize::from(own == 0);
        self.waiting.min((own + 1).saturating_mul(tenants) - 1)
    }

    /// Takes out all for whom `is_lost(how many are served before them at most, the last moment of use)`.
    /// Says who they were, and how many would have been served before each.
    pub(crate) fn remove_lost(&mut self, is_lost: impl Fn(usize, Instant) -> bool) -> Vec<(WaiterId, usize)> {
        let ahead = self.served_before_round_ends();
        let mut lost = Vec::new();
        for (&tenant, line) in &self.lines {
            for (&ahead, (&place, waiter)) in ahead.iter().zip(&line.places) {
                if is_lost(ahead, waiter.deadline) {
                    lost.push((WaiterId { tenant, place }, ahead));
                }
            }
        }
        for (id, _) in &lost {
            self.remove(*id);
        }
        lost
    }

    /// For each place in a line: how many are served before the last tenant has had its turn for that place.
    fn served_before_round_ends(&self) -> Vec<usize> {
        let longest = self.lines.values().map(|line| line.places.len()).max().unwrap_or(0);
        let mut served = vec![0usize; longest];
        for line in self.lines.values() {
            // In round k all are served whose line is longer than k: counted here by where lines end.
            if let Some(last) = line.places.len().checked_sub(1) {
                served[last] += 1;
            }
        }
        let (mut longer, mut before) = (0, 0);
        for count in served.iter_mut().rev() {
            longer += *count;
            *count = longer;
        }
        for count in &mut served {
            before += *count;
            *count = before - 1;
        }
        served
    }
}
