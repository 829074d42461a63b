//! Counters of what is held: everything a double hands out carries one, and gives it back when dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What can be held of a chat API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A place that `poll_ready` reserved and no call has used yet.
    Place,
    /// The body of a request, or what is kept of it.
    Request,
    /// A call that has no head yet.
    Call,
    /// The body of an answer.
    Body,
}

impl What {
    const ALL: [Self; 4] = [Self::Place, Self::Request, Self::Call, Self::Body];
}

/// How many of each are held now.
#[derive(Clone, Debug, Default)]
pub struct Alive(Arc<[AtomicUsize; 4]>);

/// One of them. Its `Drop` gives it back.
#[derive(Debug)]
pub struct Held {
    alive: Alive,
    what: What,
}

impl Alive {
    /// Holds one more.
    pub fn hold(&self, what: What) -> Held {
        self.0[what as usize].fetch_add(1, Ordering::Relaxed);
        Held { alive: self.clone(), what }
    }

    /// How many are held.
    pub fn count(&self, what: What) -> usize {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    /// Fails where anything is held; `when` says what has just happened.
    #[track_caller]
    pub fn assert_nothing(&self, when: &str) {
        let held: Vec<_> =
            What::ALL.iter().map(|what| (what, self.count(*what))).filter(|(_, count)| *count > 0).collect();
        assert!(held.is_empty(), "{when}, and these are still held: {held:?}");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.alive.0[self.what as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
