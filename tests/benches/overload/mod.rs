//! A chat API that is not well, and readers that do not read: does the gateway stand both?
//!
//! Readers (this process), the gateway and the mock are three processes. Calls come at a fixed rate, whatever
//! becomes of those before them: who waits for an answer before asking again spares a gateway that is slow.

use std::time::Duration;

pub(crate) mod arrivals;
pub(crate) mod beside;
pub(crate) mod crowd;
pub(crate) mod pages;
pub(crate) mod recovery;
pub(crate) mod report;
pub(crate) mod sick;
pub(crate) mod target;
pub(crate) mod upstream;

/// What texts and faults are a function of.
pub(crate) const SEED: u64 = 1;

/// What all gateways are told.
pub(crate) const COMMON: &str = "[log]\nlevel = \"error\"\n";

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Calls a second.
    pub(crate) rate: f64,
    /// For how long the calls come that are counted, while the chat API is sick.
    pub(crate) counted: Duration,
    /// How long it stays sick behind that, so that retries of what is counted meet it too.
    pub(crate) tail: Duration,
    /// How long a caller waits for its last byte.
    pub(crate) patience: Duration,
    /// How many calls come at once, where they do.
    pub(crate) at_once: usize,
    /// How long a recovery is looked at.
    pub(crate) recovery: Duration,
    /// What the breaker is told, and what two of its settings are with that.
    pub(crate) breaker: &'static str,
    pub(crate) slow_first_event: Duration,
    pub(crate) open_for: Duration,
}

impl Size {
    /// The breaker's settings are those of the gateway.
    pub(crate) const FULL: Self = Self {
        rate: 60.0,
        counted: Duration::from_secs(20),
        tail: Duration::from_secs(5),
        patience: Duration::from_secs(30),
        at_once: 500,
        recovery: Duration::from_secs(120),
        breaker: "",
        slow_first_event: Duration::from_secs(10),
        open_for: Duration::from_secs(5),
    };
    pub(crate) const QUICK: Self = Self {
        rate: 60.0,
        counted: Duration::from_secs(2),
        tail: Duration::from_millis(500),
        patience: Duration::from_secs(2),
        at_once: 100,
        recovery: Duration::from_secs(10),
        breaker: "slow_first_event = \"500ms\"\nopen_for = \"500ms\"\n",
        slow_first_event: Duration::from_millis(500),
        open_for: Duration::from_millis(500),
    };
}
