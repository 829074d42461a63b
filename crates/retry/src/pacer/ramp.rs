use std::time::Duration;

use tokio::time::Instant;

/// How fast an upstream may be asked that has no known limit: what was sent in the last second may be sent
/// again at once, and from there on e times as much every 70 ms.
///
/// So no steady stream of callers is ever held up, nor one that grows. A herd that comes out of nothing is
/// fanned out: 16 at once, 475 of 500 within a quarter of a second, however long the upstream takes for its
/// heads. Where there is a limit after all, its first refusals are back before most of the herd is sent.
#[derive(Debug)]
pub(crate) struct Ramp {
    /// Launches, each fading over a second.
    recent: f64,
    at: Instant,
    next: Instant,
}

/// What may always be sent at once: more would be lost where an upstream takes few, less slows the ramp.
const AT_ONCE: f64 = 16.0;

/// The time in which the ramp grows e-fold: about 0.25 s / ln(475 / 16), a little less since launches fade.
const GROWTH: Duration = Duration::from_millis(70);

/// How fast a launch is forgotten.
const MEMORY: Duration = Duration::from_secs(1);

impl Ramp {
    pub(crate) fn new(now: Instant) -> Self {
        Self { recent: 0.0, at: now, next: filled(now) }
    }

    /// When the next launch may be.
    pub(crate) fn ready_at(&self) -> Instant {
        self.next
    }

    pub(crate) fn launched(&mut self, now: Instant) {
        let at_once = self.recent(now).max(AT_ONCE);
        self.next = self.next.max(filled(now)) + GROWTH.div_f64(at_once);
        self.recent += 1.0;
    }

    /// How many launches there were in the last second.
    pub(crate) fn recent(&mut self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        self.recent *= (-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.at = self.at.max(now);
        self.recent
    }
}

/// A bucket that fills in `GROWTH`, seen as a time: where `next` is when it is full.
fn filled(now: Instant) -> Instant {
    now.checked_sub(GROWTH).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of so many that wait from the start is let go.
    fn herd(ramp: &mut Ramp, start: Instant, count: usize) -> Vec<Duration> {
        let mut now = start;
        let launch = |_| {
            now = now.max(ramp.ready_at());
            ramp.launched(now);
            now - start
        };
        (0..count).map(launch).collect()
    }

    #[test]
    fn a_herd_is_fanned_out_over_a_quarter_of_a_second() {
        let start = Instant::now();
        let times = herd(&mut Ramp::new(start), start, 500);
        assert_eq!(times[15], Duration::ZERO);
        assert!(times[17] > Duration::from_millis(4), "{:?}", times[17]);
        assert!(times[474] < Duration::from_millis(260), "{:?}", times[474]);
        assert!(times[474] > Duration::from_millis(200), "{:?}", times[474]);
    }

    #[test]
    fn what_was_sent_in_the_last_second_may_be_sent_again_at_once() {
        let start = Instant::now();
        let mut ramp = Ramp::new(start);
        herd(&mut ramp, start, 500);
        let later = start + Duration::from_millis(700);
        let times = herd(&mut ramp, later, 300);
        assert!(times[200] == Duration::ZERO && times[299] < Duration::from_millis(30), "{times:?}");
    }
}
