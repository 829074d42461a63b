//! What a key costs: the same streams through the gateway with a key and without one.
//!
//! The gateway is a process of its own, with a fresh store for each turn. The chat API is a thread of this
//! process, so that an event's send time and its arrival are read from one clock.

use std::time::Duration;

pub(crate) mod counts;
pub(crate) mod figure;
pub(crate) mod fsync;
pub(crate) mod readers;
pub(crate) mod report;
pub(crate) mod rounds;
pub(crate) mod store;
#[path = "../overload/target.rs"]
pub(crate) mod target;
pub(crate) mod upstream;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Streams at once.
    pub(crate) streams: usize,
    /// Over this time they begin: that of one answer, so that as many begin as end from then on.
    pub(crate) over: Duration,
    /// And so long they are measured, in each turn.
    pub(crate) time: Duration,
    /// How often each store has its turn.
    pub(crate) rounds: usize,
    /// How many flushes of a file are timed in each round.
    pub(crate) flushes: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        streams: 500,
        over: Duration::from_secs(6),
        time: Duration::from_secs(12),
        rounds: 5,
        flushes: 400,
    };
    pub(crate) const QUICK: Self = Self {
        streams: 50,
        over: Duration::from_millis(500),
        time: Duration::from_secs(2),
        rounds: 1,
        flushes: 50,
    };
}
