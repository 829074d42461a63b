use std::time::Duration;

use tokio::time::Instant;

/// The calls that find out whether an upstream is well again.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    /// How many were alive.
    pub(crate) alive: u32,
    waiting: Vec<Probe>,
}

#[derive(Debug)]
struct Probe {
    number: u64,
    since: Instant,
    stream: bool,
}

impl Probes {
    pub(crate) fn begin(&mut self, number: u64, now: Instant, stream: bool) {
        self.waiting.push(Probe { number, since: now, stream });
    }

    /// How many have neither shown life nor ended.
    pub(crate) fn under_way(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn streams(&mut self, number: u64) {
        if let Some(probe) = self.waiting.iter_mut().find(|probe| probe.number == number) {
            probe.stream = true;
        }
    }

    pub(crate) fn alive(&mut self, number: u64) {
        self.leave(number);
        self.alive += 1;
    }

    pub(crate) fn leave(&mut self, number: u64) {
        self.waiting.retain(|probe| probe.number != number);
    }

    /// Whether a stream among them is too late. Another call of that age says nothing: it leaves its place
    /// to the next, and its ending still counts.
    pub(crate) fn are_slow(&mut self, now: Instant, slow: Duration) -> bool {
        let is_old = |probe: &Probe| now.saturating_duration_since(probe.since) >= slow;
        if self.waiting.iter().any(|probe| probe.stream && is_old(probe)) {
            return true;
        }
        self.waiting.retain(|probe| !is_old(probe));
        false
    }
}
