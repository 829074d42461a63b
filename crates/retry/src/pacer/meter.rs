use std::time::Duration;

use tokio::time::Instant;

/// How many launches the upstream has taken in the last ten seconds. One that is not refused counts as
/// taken: refusals come back at once, heads may take long.
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    slots: [Slot; SLOTS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: u64,
    taken: u32,
}

const SLOT: Duration = Duration::from_millis(100);
const SLOTS: u64 = 100;

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { start: now, slots: [Slot::default(); SLOTS as usize] }
    }

    pub(crate) fn launched(&mut self, now: Instant) {
        let number = self.number(now);
        let slot = &mut self.slots[(number % SLOTS) as usize];
        if slot.number < number {
            *slot = Slot { number, taken: 0 };
        }
        slot.taken = slot.taken.saturating_add(1);
    }

    /// One that was launched `then` was refused.
    pub(crate) fn refused(&mut self, then: Instant) {
        let number = self.number(then);
        let slot = &mut self.slots[(number % SLOTS) as usize];
        if slot.number == number {
            slot.taken = slot.taken.saturating_sub(1);
        }
    }

    /// How many were taken a second between `from` and `now`, ten seconds at most.
    pub(crate) fn taken(&self, from: Instant, now: Instant) -> f64 {
        let last = self.number(now);
        let first = self.number(from).max((last + 1).saturating_sub(SLOTS));
        let within = self.slots.iter().filter(|slot| (first..=last).contains(&slot.number));
        let taken: u64 = within.map(|slot| u64::from(slot.taken)).sum();
        taken as f64 / ((last + 1).saturating_sub(first).max(1) as f64 * SLOT.as_secs_f64())
    }

    /// From 1, so that an unused slot belongs to no time.
    fn number(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.start).as_nanos() / SLOT.as_nanos();
        u64::try_from(passed).unwrap_or(u64::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_was_not_taken_and_what_is_old_is_forgotten() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut meter = Meter::new(start);
        (0..20).for_each(|n| meter.launched(at(n * 50)));
        (0..10).for_each(|n| meter.refused(at(n * 100)));
        assert_eq!(meter.taken(start, at(999)), 10.0);
        assert_eq!(meter.taken(at(500), at(999)), 10.0);
        assert_eq!(meter.taken(start, at(9_999)), 1.0);
        assert_eq!(meter.taken(start, at(15_000)), 0.0);
        // A refusal that comes when its slot has been used again takes nothing from the new one.
        meter.launched(at(10_050));
        meter.refused(at(50));
        assert_eq!(meter.taken(at(10_000), at(10_099)), 10.0);
    }
}
