//! What was broken where nobody can be told at once: a seal turns a panic into an honest error.

use std::sync::{Arc, Mutex, PoisonError};

/// The list of what was broken. A check looks at it when it is done.
#[derive(Clone, Debug, Default)]
pub struct Violations(Arc<Mutex<Vec<String>>>);

impl Violations {
    /// One more.
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }

    /// Fails where there is one.
    #[track_caller]
    pub fn assert_none(&self) {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(found.is_empty(), "{}", found.join("; "));
    }
}
