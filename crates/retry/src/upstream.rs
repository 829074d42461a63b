use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Budget;
use crate::latency::Latency;
use crate::pace::Pace;

/// What all calls to one upstream share.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// `None` where retries are not bounded, or callers not paced.
    budget: Option<Budget>,
    pub(crate) pace: Option<Arc<Pace>>,
    latency: Mutex<Latency>,
}

impl Upstream {
    pub(crate) fn new(budget: Option<Budget>, pace: Option<Pace>) -> Self {
        Self { budget, pace: pace.map(Arc::new), latency: Mutex::default() }
    }

    pub(crate) fn has_budget(&self) -> bool {
        self.budget.is_some()
    }

    /// A first attempt is sent.
    pub(crate) fn sent(&self, now: Instant) {
        if let Some(budget) = &self.budget {
            budget.sent(now);
        }
    }

    /// Whether there may be a retry now; it is counted.
    pub(crate) fn try_retry(&self, now: Instant) -> bool {
        self.budget.as_ref().is_none_or(|budget| budget.try_retry(now))
    }

    /// An attempt's first content came, so long after it was sent.
    pub(crate) fn came(&self, took: Duration) {
        self.latency().add(took);
    }

    /// After how long a second attempt may be worth it.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.latency().quantile(0.95)
    }

    fn latency(&self) -> MutexGuard<'_, Latency> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
