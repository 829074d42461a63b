//! Time, as far as it is known: the store's clock may run on while its answers are on their way.

use std::time::Duration;

use tokio::time::Instant;

/// What somebody who is not the store can say about a thing that depends on its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    Maybe,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Time that was let go by on purpose.
    passed: Duration,
    /// All that went by.
    ran: Duration,
}

impl Moment {
    /// Whether less than `time` lies between `self`, from before something was asked for, and `now`, from after
    /// something else was answered.
    fn is_surely_within(self, time: Duration, now: Self) -> bool {
        (now.passed - self.passed).max(now.ran - self.ran) < time
    }

    /// A while later, where the clock runs by itself: what comes next takes its time.
    pub(super) fn soon(self, time: Duration) -> Self {
        if self.ran > self.passed { Self { ran: self.ran + time, ..self } } else { self }
    }

    fn is_surely_over(self, time: Duration, now: Self) -> bool {
        now.passed - self.passed >= time
    }
}

/// The last time that something surely happened, and the last time that it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    surely: Moment,
    maybe: Moment,
}

impl Last {
    pub(super) fn surely(now: Moment) -> Self {
        Self { surely: now, maybe: now }
    }

    pub(super) fn maybe(&mut self, now: Moment) {
        self.maybe = now;
    }

    /// Whether it is less than `time` ago.
    pub(super) fn is_within(self, time: Duration, now: Moment) -> Known {
        if self.surely.is_surely_within(time, now) {
            Known::Yes
        } else if self.maybe.is_surely_over(time, now) {
            Known::No
        } else {
            Known::Maybe
        }
    }
}

pub(super) struct Clock {
    begin: Instant,
    passed: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), passed: Duration::ZERO }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.passed += time;
    }

    pub(super) fn now(&self) -> Moment {
        Moment { passed: self.passed, ran: self.begin.elapsed() }
    }
}
