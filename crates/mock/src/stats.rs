use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::Kind;

/// What was counted since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Chat requests.
    pub requests: u64,
    /// Answers that were given whole.
    pub answers: u64,
    /// Answers that the client gave up before their end.
    pub cancelled: u64,
    /// Chat requests that are being answered.
    pub active: u64,
    /// The most at the same time.
    pub peak: u64,
    /// Chat requests refused for want of capacity.
    pub refused: u64,
    /// Chat requests by the fault they met.
    pub faults: BTreeMap<Kind, u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Arc<Mutex<Stats>>);

impl Counters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a chat request until the guard goes, if `admit` takes one more in beside those that are active.
    pub(crate) fn begin(&self, kind: Kind, admit: impl FnOnce(u64) -> bool) -> Option<Running> {
        let mut stats = self.lock();
        stats.requests += 1;
        if !admit(stats.active) {
            stats.refused += 1;
            return None;
        }
        stats.active += 1;
        stats.peak = stats.peak.max(stats.active);
        *stats.faults.entry(kind).or_default() += 1;
        Some(Running { counters: self.clone(), end: End::Cancelled })
    }
}

#[derive(Debug)]
enum End {
    Cancelled,
    Whole,
    Other,
}

/// A chat request that is being answered.
#[derive(Debug)]
pub(crate) struct Running {
    counters: Counters,
    end: End,
}

impl Running {
    pub(crate) fn whole(&mut self) {
        self.end = End::Whole;
    }

    /// Ended by a fault, which is nobody's giving up.
    pub(crate) fn other(&mut self) {
        self.end = End::Other;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut stats = self.counters.lock();
        stats.active = stats.active.saturating_sub(1);
        match self.end {
            End::Cancelled => stats.cancelled += 1,
            End::Whole => stats.answers += 1,
            End::Other => {}
        }
    }
}
