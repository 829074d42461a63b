use std::num::NonZeroU32;
use std::time::Duration;

use super::Meter;

/// The time that a limit is for.
const MINUTE: Duration = Duration::from_secs(60);

/// The most that one call can owe, as time: a chat API that counts wrongly must not shut a key out for longer.
const MAX_OWED: u64 = 600_000_000_000;

/// The most debt that a key can have beyond what it may use at once, as time, of all its calls together.
const MAX_DEBT: u64 = 3_600_000_000_000;

/// A limit for a minute, and the arithmetic of what is used of it, the same wherever that is kept. What is used is
/// counted as the time that it takes to come back, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    limit: NonZeroU32,
    burst: NonZeroU32,
    period: Duration,
}

/// What settling changes, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// So much less is used; never less than nothing.
    Back(u64),
    /// So much more is used; never more than [`Rate::most`].
    Owed(u64),
}

impl Rate {
    /// So many a minute, and at once as many as come back in `burst`, one at least.
    pub fn new(per_minute: NonZeroU32, burst: Duration) -> Self {
        let period = (MINUTE / per_minute.get()).max(Duration::from_nanos(1));
        let cells = burst.as_nanos() / period.as_nanos();
        let burst = NonZeroU32::new(u32::try_from(cells).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        Self { limit: per_minute, burst, period }
    }

    /// How many a minute.
    pub fn limit(&self) -> NonZeroU32 {
        self.limit
    }

    /// How many at once.
    pub fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// The time that one takes to come back: a nanosecond at least.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The time that so many take to come back, in nanoseconds.
    pub fn nanos(&self, many: u64) -> u64 {
        (self.period.as_nanos() as u64).saturating_mul(many)
    }

    /// The time that what may be used at once takes to come back, in nanoseconds.
    pub fn burst_nanos(&self) -> u64 {
        self.nanos(self.burst.get().into())
    }

    /// The most that can be used, debts included, in nanoseconds.
    pub fn most(&self) -> u64 {
        self.burst_nanos().saturating_add(MAX_DEBT)
    }

    /// What it changes that a call has cost `cost`, for which `taken` was taken. A call never took more than the
    /// burst.
    pub fn settle(&self, taken: u64, cost: u64) -> Settlement {
        let taken = taken.min(self.burst.get().into());
        let shift = self.nanos(cost.abs_diff(taken));
        if cost > taken {
            Settlement::Owed(shift.min(self.burst_nanos().max(MAX_OWED)))
        } else {
            Settlement::Back(shift)
        }
    }

    /// What is left where so much is used, in nanoseconds.
    pub fn meter(&self, used: u64) -> Meter {
        let left = self.burst_nanos().saturating_sub(used) / self.period.as_nanos() as u64;
        Meter {
            limit: self.limit.get(),
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset: Duration::from_nanos(used),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_what_a_minute_allows() {
        let rate = Rate::new(NonZeroU32::new(600).unwrap(), Duration::from_secs(10));
        assert_eq!((rate.period(), rate.burst().get()), (Duration::from_millis(100), 100));
        assert_eq!(rate.settle(50, 20), Settlement::Back(3_000_000_000));
        assert_eq!(rate.settle(200, 101), Settlement::Owed(100_000_000));
        assert_eq!(rate.settle(0, u64::MAX), Settlement::Owed(600_000_000_000));
        assert_eq!(rate.meter(2_500_000_000).remaining, 75);
        assert_eq!(rate.meter(u64::MAX).remaining, 0);
    }
}
