use std::sync::atomic::{AtomicU64, Ordering};

/// What a store counts, since it was connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps that were sent: of writers, of readers, and of the store itself.
    pub calls: u64,
    /// How often a reply was waited for. In a cluster it is as many as there are calls, for its client sends
    /// together what it can, and does not tell.
    pub round_trips: u64,
    /// Events that were written.
    pub events: u64,
    /// Calls that were let through without asking, or were refused for it, because the quotas were away.
    pub quotas_away: u64,
    /// Settlements of quotas that got lost, because too many waited or Redis was away.
    pub settlements_lost: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: AtomicU64,
    pub(crate) round_trips: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) quotas_away: AtomicU64,
    pub(crate) settlements_lost: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            calls: of(&self.calls),
            round_trips: of(&self.round_trips),
            events: of(&self.events),
            quotas_away: of(&self.quotas_away),
            settlements_lost: of(&self.settlements_lost),
        }
    }
}
