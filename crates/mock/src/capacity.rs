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
        let taken = if admitted || capacity.refusals_count { 1.0 } else { 0.0 };
        self.level = Some(((level - taken).max(-most), now));
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
}
