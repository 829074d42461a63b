use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::nanos::Nanos;
use governor::state::{RateLimiter, StateStore};
use lastbyte_store::quota::{Rate, Settlement};

use crate::Meter;

/// When all that was used will have come back, in nanoseconds of its bucket's clock: the theoretical arrival
/// time of the algorithm. 0: nothing was used yet.
///
/// The cells of `governor` only move forward. This one moves both ways, as settling needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell(Arc<AtomicU64>);

// To `governor` it is the key and the state in one: each is itself, whatever it holds.
impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cell {}

impl Hash for Cell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Finds the state where the key is.
#[derive(Debug)]
struct InKey;

impl StateStore for InKey {
    type Key = Cell;

    fn measure_and_replace<T, F, E>(&self, cell: &Cell, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut before = cell.0.load(Ordering::Relaxed);
        loop {
            let (outcome, after) = f((before != 0).then(|| before.into()))?;
            match cell.0.compare_exchange_weak(before, after.into(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(outcome),
                Err(now) => before = now,
            }
        }
    }
}

/// The latest time that was passed in, in nanoseconds. 0 when the limiter is made, so that its cells count from
/// there, too.
#[derive(Debug, Default)]
struct Latest(AtomicU64);

impl Clock for Latest {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

/// A limit for a minute. What is used of it is in the [`Cell`] of each key. `now` is always the nanoseconds
/// since any one moment, the same for all calls.
#[derive(Debug)]
pub(crate) struct Bucket {
    limiter: RateLimiter<Cell, InKey, Latest>,
    rate: Rate,
}

/// Not now, and when at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl Bucket {
    pub(crate) fn new(per_minute: NonZeroU32, burst: Duration) -> Self {
        let rate = Rate::new(per_minute, burst);
        let quota = governor::Quota::with_period(rate.period()).map(|quota| quota.allow_burst(rate.burst()));
        // The only period without a quota is 0.
        let quota = quota.unwrap_or(governor::Quota::per_minute(per_minute));
        Self { limiter: RateLimiter::new(quota, InKey, Latest::default()), rate }
    }

    /// How many may be used at once.
    pub(crate) fn burst(&self) -> u32 {
        self.rate.burst().get()
    }

    /// Takes that many, all or none. More than the burst counts as the burst.
    pub(crate) fn take(&self, cell: &Cell, many: u64, now: u64) -> Result<(), Wait> {
        let Some(many) = NonZeroU32::new(u32::try_from(many).unwrap_or(u32::MAX)) else { return Ok(()) };
        self.limiter.clock().0.fetch_max(now, Ordering::Relaxed);
        match self.limiter.check_key_n(cell, many.min(self.rate.burst())) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Wait(not_until.wait_time_from(now.into()))),
            Err(_too_many) => Err(Wait(Duration::from_nanos(self.rate.nanos(many.get().into())))),
        }
    }

    /// Makes what was taken as `taken` what it has cost.
    pub(crate) fn settle(&self, cell: &Cell, taken: u64, cost: u64, now: u64) {
        let settlement = self.rate.settle(taken, cost);
        if settlement == Settlement::Back(0) {
            return;
        }
        let ends = now.saturating_add(self.rate.most());
        let moved = |before: u64| {
            Some(match settlement {
                Settlement::Owed(shift) => before.max(now).saturating_add(shift).min(ends),
                Settlement::Back(shift) => before.saturating_sub(shift),
            })
        };
        let _ = cell.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
    }

    pub(crate) fn meter(&self, cell: &Cell, now: u64) -> Meter {
        self.rate.meter(self.used(cell, now))
    }

    /// How long what was used takes to come back, in nanoseconds.
    pub(crate) fn used(&self, cell: &Cell, now: u64) -> u64 {
        cell.0.load(Ordering::Relaxed).saturating_sub(now)
    }
}

#[cfg(test)]
#[path = "bucket/tests.rs"]
mod tests;
