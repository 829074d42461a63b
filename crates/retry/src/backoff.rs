use std::time::Duration;

/// How attempts are spread out in time. A plain value: the random number is passed in.
///
/// Full jitter: each wait is drawn from zero up to the exponential bound, which spreads callers that
/// failed together furthest apart (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    initial: Duration,
    cap: Duration,
}

/// On top of a wait that the upstream named, so that all it named it to do not come back at once.
const SPREAD: f64 = 0.1;

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), cap: Duration::from_secs(20) }
    }
}

impl Backoff {
    /// Waits below `initial` after the first attempt, twice that after each further one, at most `cap`.
    pub fn new(initial: Duration, cap: Duration) -> Self {
        Self { initial, cap: cap.max(initial) }
    }

    /// The longest wait behind attempt number `attempt` (from 1).
    pub fn bound(&self, attempt: u32) -> Duration {
        let factor = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.cap)
    }

    /// The wait behind attempt number `attempt`, for a random number in `0.0..1.0`.
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        self.bound(attempt).mul_f64(random)
    }

    /// The wait where the upstream asks for `asked`: never less, at most a tenth more.
    pub fn asked(&self, asked: Duration, random: f64) -> Duration {
        asked + asked.mul_f64(SPREAD * random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<u64> = (1..=7).map(|attempt| Backoff::default().bound(attempt).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(Backoff::default().bound(u32::MAX).as_secs(), 20);
    }

    #[test]
    fn jitter_uses_the_whole_range_and_never_more() {
        let mut random = fastrand::Rng::with_seed(7);
        let waits: Vec<f64> =
            (0..10_000).map(|_| Backoff::default().wait(3, random.f64()).as_secs_f64()).collect();
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        assert!((1.95..2.05).contains(&mean), "{mean}");
        assert!(waits.iter().all(|wait| *wait < 4.0) && waits.iter().any(|wait| *wait < 0.01));
    }

    #[test]
    fn what_is_asked_for_is_never_undercut() {
        let asked = Duration::from_secs(10);
        assert_eq!(Backoff::default().asked(asked, 0.0), asked);
        assert!(Backoff::default().asked(asked, 0.999) <= Duration::from_secs(11));
    }
}
