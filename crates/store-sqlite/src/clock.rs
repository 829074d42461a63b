use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Beyond any lease and any time to live, and far from where sums overflow: some 35,000 years.
const FOREVER: i64 = 1 << 50;

/// The wall clock, in milliseconds since 1970. Where it is set back, this one goes on from where it was, so
/// that leases and answers do not last longer for it; where it is set forward, they end early.
#[derive(Clone)]
pub(crate) struct Clock {
    wall: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    wall: i64,
    /// By how much the wall clock has been set back in all.
    set_back: i64,
}

impl Clock {
    pub(crate) fn new(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { wall: Arc::new(wall), seen: Arc::default() }
    }

    pub(crate) fn now(&self) -> i64 {
        let wall = millis((self.wall)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if wall < seen.wall {
            seen.set_back += seen.wall - wall;
        }
        seen.wall = wall;
        wall + seen.set_back
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Whole milliseconds: at least one, where it is any time at all.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_nanos().div_ceil(1_000_000)).map_or(FOREVER, |millis| millis.min(FOREVER))
}

/// The time of so many milliseconds since 1970.
pub(crate) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.clamp(0, FOREVER) as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_goes_on() {
        let wall = Arc::new(AtomicI64::new(10_000));
        let read = wall.clone();
        let clock = Clock::new(move || time(read.load(Ordering::Relaxed)));
        for (wall_then, now) in
            [(10_000, 10_000), (10_500, 10_500), (2_000, 10_500), (2_300, 10_800), (9_000, 17_500)]
        {
            wall.store(wall_then, Ordering::Relaxed);
            assert_eq!(clock.now(), now);
        }
    }

    #[test]
    fn a_short_time_is_no_time_less_than_a_millisecond() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::MAX), FOREVER);
    }
}
