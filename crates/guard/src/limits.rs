use std::time::Duration;

use lastbyte_core::{Cause, Deadline, Phase, far};
use tokio::time::Instant;

/// The timeouts of one attempt, as durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) first_event: Duration,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

/// The same as moments, once the attempt has begun. A plain value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    first_event: Instant,
    idle: Duration,
    deadline: Deadline,
}

/// The limit that comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) at: Instant,
    pub(crate) cause: Cause,
    pub(crate) by_caller: bool,
}

impl Limits {
    pub(crate) fn new(timeouts: Timeouts, deadline: Deadline, now: Instant) -> Self {
        Self { first_event: far(now, timeouts.first_event), idle: timeouts.idle, deadline }
    }

    /// While there is no head: only a call that asked for a stream has to show content soon.
    pub(crate) fn head(&self, stream_asked: bool) -> Limit {
        let first = Limit { at: self.first_event, cause: Cause::FirstEvent, by_caller: false };
        if stream_asked { self.total().or(first) } else { self.total() }
    }

    /// While an event stream has been silent `since`.
    pub(crate) fn stream(&self, phase: Phase, since: Instant) -> Limit {
        let idle = Limit { at: far(since, self.idle), cause: Cause::Idle, by_caller: false };
        let limit = self.total().or(idle);
        if phase == Phase::Stream {
            limit
        } else {
            limit.or(Limit { at: self.first_event, cause: Cause::FirstEvent, by_caller: false })
        }
    }

    /// The whole call.
    pub(crate) fn total(&self) -> Limit {
        Limit { at: self.deadline.at, cause: Cause::Total, by_caller: self.deadline.by_caller }
    }
}

impl Limit {
    fn or(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn limits(first: u32, idle: u32, total: u32) -> (Limits, Instant) {
        let now = Instant::now();
        let timeouts = Timeouts { first_event: S * first, idle: S * idle, total: S * total };
        let deadline = Deadline { at: now + timeouts.total, by_caller: true };
        (Limits::new(timeouts, deadline, now), now)
    }

    #[tokio::test]
    async fn the_head_of_a_plain_answer_has_only_the_total() {
        let (limits, now) = limits(5, 1, 60);
        assert_eq!(limits.head(false), Limit { at: now + S * 60, cause: Cause::Total, by_caller: true });
        assert_eq!(limits.head(true).cause, Cause::FirstEvent);
    }

    #[tokio::test]
    async fn pings_put_off_the_idle_limit_and_not_the_first_event() {
        let (limits, now) = limits(5, 2, 60);
        assert_eq!(limits.stream(Phase::FirstEvent, now).cause, Cause::Idle);
        assert_eq!(limits.stream(Phase::FirstEvent, now + S * 4).at, now + S * 5);
        assert_eq!(limits.stream(Phase::FirstEvent, now + S * 4).cause, Cause::FirstEvent);
    }

    #[tokio::test]
    async fn content_lifts_the_first_event_limit_for_good() {
        let (limits, now) = limits(5, 2, 60);
        assert_eq!(limits.stream(Phase::Stream, now + S * 10).at, now + S * 12);
        assert_eq!(limits.stream(Phase::Stream, now + S * 59).cause, Cause::Total);
    }

    #[tokio::test]
    async fn a_limit_beyond_the_clock_is_never_reached() {
        let now = Instant::now();
        let timeouts = Timeouts { first_event: Duration::MAX, idle: Duration::MAX, total: Duration::MAX };
        let deadline = Deadline::of(&http::HeaderMap::new(), now, timeouts.total);
        let limits = Limits::new(timeouts, deadline, now);
        assert!(limits.stream(Phase::FirstEvent, now).at > now + S * 86_400 * 365);
    }
}
