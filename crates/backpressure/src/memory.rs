use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes all streams together may hold. A clone is the same budget.
///
/// It counts what is told to it: each call's share, and what is read ahead for slow readers. A process holds
/// more than that, so the budget is set below what the machine has.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Shared>);

struct Shared {
    total: usize,
    used: AtomicUsize,
}

/// Bytes of a budget. They go back when this is dropped.
pub struct Charge {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// So many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Shared { total: bytes, used: AtomicUsize::new(0) }))
    }

    /// Takes so many bytes, where that many are left.
    pub fn charge(&self, bytes: usize) -> Option<Charge> {
        let mut share = self.share();
        share.resize(bytes).then_some(share)
    }

    /// A share of nothing yet, to be [resized](Charge::resize).
    pub fn share(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.0.total);
        self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// How many bytes are taken.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.0.total
    }
}

impl Charge {
    /// Takes `bytes` instead of what it took so far. `false` where there are not that many left; then it
    /// keeps what it has.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        if let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) {
            if !self.budget.take(more) {
                return false;
            }
        } else {
            self.budget.0.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }

    /// How many bytes it took.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBudget({} of {})", self.used(), self.total())
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_goes_back_and_no_more_is_given_than_there_is() {
        let budget = MemoryBudget::new(100);
        let first = budget.charge(60).unwrap();
        assert!(budget.charge(41).is_none());
        let mut second = budget.charge(40).unwrap();
        assert!(!second.resize(41) && second.resize(10));
        assert_eq!(budget.used(), 70);
        drop(first);
        assert!(second.resize(100) && !second.resize(usize::MAX));
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
