//! One limit and its calls, driven by hand.

use std::time::Duration;

use crate::adaptive::{Adaptive, Admission, Outcome};
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) adaptive: Adaptive,
    pub(crate) now: Instant,
    pub(crate) calls: Vec<Admission>,
}

pub(crate) const MODEL: u64 = 7;

impl Bench {
    pub(crate) fn new(max: usize) -> Self {
        Self { adaptive: Adaptive::new(max, 1), now: Instant::now(), calls: Vec::new() }
    }

    pub(crate) fn limit(&mut self) -> usize {
        self.adaptive.limit(self.now)
    }

    pub(crate) fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    /// Admits up to so many at a time, as far as there is room.
    pub(crate) fn fill(&mut self, to: usize) {
        while self.calls.len() < to && self.adaptive.in_flight() < self.limit() {
            self.calls.push(self.adaptive.admitted(self.now, MODEL));
        }
    }

    pub(crate) fn end(&mut self, call: usize, outcome: Outcome) {
        let admission = self.calls.remove(call);
        self.adaptive.ended(admission, outcome, self.now);
    }

    pub(crate) fn end_all(&mut self, outcome: Outcome) {
        while !self.calls.is_empty() {
            self.end(0, outcome);
        }
    }

    /// All that are under way show their first event.
    pub(crate) fn first_events(&mut self) {
        for admission in &mut self.calls {
            self.adaptive.first_event(admission, self.now);
        }
    }

    /// `callers` at a time ask an upstream that is well, for so many seconds: half a second to a first event,
    /// a tenth of the streams end each half second.
    pub(crate) fn goes_well(&mut self, callers: usize, seconds: f64) {
        for _ in 0..(seconds * 2.0) as usize {
            self.fill(callers);
            self.pass(0.5);
            self.first_events();
            let ends = self.calls.len().div_ceil(10);
            (0..ends).for_each(|_| self.end(0, Outcome::Success));
        }
        self.fill(callers);
    }

    /// Comes down to `limit`: that many are taken, and the others refused.
    pub(crate) fn meets(&mut self, limit: usize) {
        self.fill(limit + 20);
        self.pass(0.05);
        while self.calls.len() > limit {
            self.end(limit, Outcome::Refused);
        }
    }
}
