use std::time::Duration;

use tokio::time::Instant;

use crate::Capacity;

/// A token bucket. A plain value: the time is passed in.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    level: Option<(f64, Instant)>,
}

impl Bucket {
    /// Takes one request in, or says no.
    pub(crate) fn admit(&mut self, capacity: &Capacity, active: u64, now: Instant) -> bool {
        let free_slot = capacity.slots == 0 || active < capacity.slots as u64;
        if capacity.per_second <= 0.0 {
            return free_slot;
        }
        let most = capacity.burst.max(1.0);
        let level = match self.level {
            None => most,
            Some((level, at)) => {
                let since: Duration = now.saturating_duration_since(at);
                (level + since.as_secs_f64() * capacity.per_second).min(most)
            }
        };
        let admitted = free_slot && level >= 1.0;
        let left = if admitted {
            level - 1.0
        } else if capacity.refusals_count {
            (level - 1.0).max(-most)
        } else {
            level - capacity.refusal_cost.max(0.0)
        };
        self.level = Some((left, now));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_rate_is_kept_after_the_burst() {
        let capacity = Capacity { per_second: 10.0, burst: 5.0, ..Capacity::default() };
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let admitted =
            |bucket: &mut Bucket, ms: u64| bucket.admit(&capacity, 0, start + Duration::from_millis(ms));
        assert_eq!((0..20).filter(|_| admitted(&mut bucket, 0)).count(), 5);
        assert_eq!((1..=1000).filter(|ms| admitted(&mut bucket, *ms)).count(), 10);
    }

    #[tokio::test]
    async fn refusals_that_cost_work_leave_less_for_answers() {
        let capacity =
            |refusal_cost| Capacity { per_second: 10.0, burst: 5.0, refusal_cost, ..Capacity::default() };
        let start = Instant::now();
        let admitted = |capacity: &Capacity| {
            let mut bucket = Bucket::default();
            let at = |ms: u64| start + Duration::from_millis(ms);
            // 20 requests at once, then 20 a second for ten seconds.
            let burst = (0..20).filter(|_| bucket.admit(capacity, 0, at(0))).count();
            burst + (1..=200).filter(|n| bucket.admit(capacity, 0, at(n * 50))).count()
        };
        assert_eq!(admitted(&capacity(0.0)), 105);
        // Of 20 a second 7.5 are answered: 12.5 refusals of 0.2 take the rest of 10.
        let costly = admitted(&capacity(0.2));
        assert!((75..=80).contains(&costly), "{costly}");
        // Where a refusal costs as much as an answer, what is asked twice as often is never answered.
        assert_eq!(admitted(&capacity(1.0)), 5);
    }
}
