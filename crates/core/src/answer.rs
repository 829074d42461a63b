use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderName;

/// How many attempts were begun when the head left.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-lastbyte-attempts");

/// The layer that refused a request.
pub const REFUSED_BY: HeaderName = HeaderName::from_static("x-lastbyte-refused-by");

/// Counts the attempts of one answer. In a response's extensions it goes on counting behind the head.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// One more was begun.
    pub fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The one that was begun last never went out: a layer further in refused it.
    pub fn take_back(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    }

    /// How many were begun.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
