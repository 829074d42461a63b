//! What no policy can beat: one queue that knows the limit, and never sends what is refused.
//!
//! With all N at once, a burst b and c a second it is `(N - b)/c` and the time of one answer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::round::Outcome;
use super::scenario::Scenario;

/// What becomes of callers who come at `arrivals` (in order), at best.
pub(crate) fn bound(scenario: &Scenario, arrivals: &[Duration]) -> Vec<Outcome> {
    let capacity = &scenario.capacity;
    let (time, head) = (scenario.answer_time(), Duration::from_millis(capacity.head_delay_ms));
    let mut bucket = (capacity.per_second > 0.0).then(|| Bucket {
        rate: capacity.per_second,
        most: capacity.burst.max(1.0),
        level: None,
    });
    let mut slots: BinaryHeap<Reverse<Duration>> = BinaryHeap::new();
    let each = arrivals.iter().map(|&came| {
        let mut at = came;
        if capacity.slots > 0 && slots.len() >= capacity.slots {
            at = at.max(slots.peek().map_or(at, |Reverse(free)| *free));
        }
        if let Some(bucket) = &bucket {
            at = bucket.next(at);
        }
        let last = at + time;
        if scenario.outage || last > came + scenario.deadline {
            return Outcome { came, first: None, done: None, over: came, why: None };
        }
        if let Some(bucket) = &mut bucket {
            bucket.take(at);
        }
        if capacity.slots > 0 {
            if slots.len() >= capacity.slots {
                slots.pop();
            }
            slots.push(Reverse(last));
        }
        Outcome { came, first: Some(at + head), done: Some(last), over: last, why: None }
    });
    each.collect()
}

/// A token bucket that is full when it is first asked.
struct Bucket {
    rate: f64,
    most: f64,
    level: Option<(f64, Duration)>,
}

impl Bucket {
    fn level(&self, at: Duration) -> f64 {
        let Some((level, since)) = self.level else { return self.most };
        (level + at.saturating_sub(since).as_secs_f64() * self.rate).min(self.most)
    }

    /// When there is a token, at `at` or later.
    fn next(&self, at: Duration) -> Duration {
        let at = at.max(self.level.map_or(at, |(_, since)| since));
        at + Duration::from_secs_f64((1.0 - self.level(at)).max(0.0) / self.rate)
    }

    fn take(&mut self, at: Duration) {
        self.level = Some(((self.level(at) - 1.0).max(0.0), at));
    }
}
