//! What counters of the system, of a store and of the gateway say, and how much that grew.

use std::collections::BTreeMap;

use crate::support::process::Listening;

/// What is counted. Times are in seconds of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Count {
    /// Processor time of the gateway, and bytes that it gave the disk to write.
    GatewayCpu,
    GatewayWritten,
    /// Processor time of the readers and the chat API.
    OwnCpu,
    /// Processor time that the machine gave to anybody, or that another machine on its hardware took.
    MachineBusy,
    /// Bytes of SQLite's file and its log, and transactions.
    FileBytes,
    Commits,
    /// What Redis read from sockets, how often; the scripts it ran; its memory; its log; its processor time.
    Reads,
    Steps,
    Memory,
    Log,
    RedisCpu,
}

/// What was counted so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<Count, f64>);

impl FromIterator<(Count, Option<f64>)> for Counts {
    fn from_iter<T: IntoIterator<Item = (Count, Option<f64>)>>(counts: T) -> Self {
        Self(counts.into_iter().filter_map(|(count, value)| Some((count, value?))).collect())
    }
}

impl Counts {
    /// Of the gateway and of the machine.
    pub(crate) fn of(gateway: &Listening) -> Self {
        [
            (Count::GatewayCpu, gateway.cpu()),
            (Count::GatewayWritten, gateway.written().map(|bytes| bytes as f64)),
            (Count::OwnCpu, own_cpu()),
            (Count::MachineBusy, machine_busy()),
        ]
        .into_iter()
        .collect()
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn get(&self, count: Count) -> Option<f64> {
        self.0.get(&count).copied()
    }

    /// How much was added since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        self.0.iter().map(|(count, now)| (*count, before.get(*count).map(|before| now - before))).collect()
    }
}

#[cfg(target_os = "linux")]
fn own_cpu() -> Option<f64> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(target_os = "linux")]
fn machine_busy() -> Option<f64> {
    use procfs::CurrentSI as _;
    let total = procfs::KernelStats::current().ok()?.total;
    let busy = total.user + total.nice + total.system;
    let busy = busy + total.irq.unwrap_or(0) + total.softirq.unwrap_or(0) + total.steal.unwrap_or(0);
    Some(busy as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(not(target_os = "linux"))]
fn own_cpu() -> Option<f64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn machine_busy() -> Option<f64> {
    None
}
