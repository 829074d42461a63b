use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Why an upstream says 429.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// It never does.
    None,
    /// A token bucket.
    Bucket { per_second: f64, burst: f64 },
    /// A token bucket that refusals take from as well, down to a whole burst of debt.
    Charged { per_second: f64, burst: f64 },
    /// So many streams at a time.
    Slots { slots: usize },
    /// One worker with a second of queue; a refusal costs it a share of an answer.
    Work { per_second: f64, refusal: f64 },
    /// So many requests in any one second, refused ones included.
    Log { per_second: usize },
    /// So many requests in each minute of the clock; a refusal names the time to the next.
    Minute { requests: usize },
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer {
    /// It is answered, after a wait for the worker.
    Taken { queued: f64 },
    /// Too much; perhaps with a time to come back.
    Refused { retry_after: Option<f64> },
}

/// An upstream with a limit. Times are in seconds.
#[derive(Debug)]
pub(crate) struct Upstream {
    limit: Limit,
    retry_after: Option<f64>,
    /// Tokens, or the worker's queue in seconds.
    level: f64,
    at: f64,
    /// When streams end, in nanoseconds.
    ends: BinaryHeap<Reverse<u64>>,
    log: VecDeque<f64>,
    minute: (u64, usize),
}

impl Upstream {
    pub(crate) fn new(limit: Limit, retry_after: Option<f64>) -> Self {
        let level = match limit {
            Limit::Bucket { burst, .. } | Limit::Charged { burst, .. } => burst,
            _ => 0.0,
        };
        let (ends, log) = (BinaryHeap::new(), VecDeque::new());
        Self { limit, retry_after, level, at: 0.0, ends, log, minute: (0, 0) }
    }

    /// From now on another limit.
    pub(crate) fn change(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// A request comes, whose answer would take `seconds`.
    pub(crate) fn offer(&mut self, now: f64, seconds: f64) -> Offer {
        let passed = now - self.at;
        self.at = now;
        let is_taken = match self.limit {
            Limit::None => true,
            Limit::Bucket { per_second, burst } => self.bucket(passed, per_second, burst, false),
            Limit::Charged { per_second, burst } => self.bucket(passed, per_second, burst, true),
            Limit::Slots { slots } => self.slot(now, seconds, slots),
            Limit::Work { per_second, refusal } => {
                self.level = (self.level - passed).max(0.0);
                let is_taken = self.level < 1.0;
                self.level += if is_taken { 1.0 } else { refusal } / per_second;
                if is_taken {
                    return Offer::Taken { queued: self.level };
                }
                false
            }
            Limit::Log { per_second } => {
                while self.log.front().is_some_and(|at| *at <= now - 1.0) {
                    self.log.pop_front();
                }
                self.log.push_back(now);
                self.log.len() <= per_second
            }
            Limit::Minute { requests } => {
                let minute = (now / 60.0) as u64;
                if self.minute.0 != minute {
                    self.minute = (minute, 0);
                }
                self.minute.1 += 1;
                if self.minute.1 > requests {
                    let left = ((minute + 1) as f64 * 60.0 - now).ceil();
                    return Offer::Refused { retry_after: Some(left) };
                }
                true
            }
        };
        if is_taken { Offer::Taken { queued: 0.0 } } else { Offer::Refused { retry_after: self.retry_after } }
    }

    fn bucket(&mut self, passed: f64, per_second: f64, burst: f64, charges: bool) -> bool {
        self.level = (self.level + passed * per_second).min(burst);
        let is_taken = self.level >= 1.0;
        if is_taken || charges {
            self.level = (self.level - 1.0).max(-burst);
        }
        is_taken
    }

    fn slot(&mut self, now: f64, seconds: f64, slots: usize) -> bool {
        let nanos = |at: f64| (at * 1e9) as u64;
        while self.ends.peek().is_some_and(|end| end.0 <= nanos(now)) {
            self.ends.pop();
        }
        let is_free = self.ends.len() < slots;
        if is_free {
            self.ends.push(Reverse(nanos(now + seconds)));
        }
        is_free
    }
}
