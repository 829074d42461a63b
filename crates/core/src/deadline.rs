use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

/// The request header with the caller's own limit for the whole call, in decimal seconds.
pub const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// When the caller wants the whole call to be over, retries included. Put into a request's extensions by
/// whoever knows it first; a later one never replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// Whether the caller asked for less than is configured.
    pub by_caller: bool,
}

impl Deadline {
    /// The deadline of a request that came `now`, under a configured limit of `total`.
    ///
    /// The header shortens it, and never lengthens it; a value that is no decimal number of seconds is
    /// ignored.
    pub fn of(headers: &HeaderMap, now: Instant, total: Duration) -> Self {
        // Looked up in every call: a constant would be made and dropped each time.
        static NAME: HeaderName = REQUEST_TIMEOUT;
        let asked = headers
            .get(&NAME)
            .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match asked.filter(|asked| *asked < total) {
            Some(asked) => Self { at: now + asked, by_caller: true },
            None => Self { at: far(now, total), by_caller: false },
        }
    }

    /// This one, unless a configured limit comes `at` an earlier moment.
    #[must_use]
    pub fn or_earlier(self, at: Instant) -> Self {
        if at < self.at { Self { at, by_caller: false } } else { self }
    }

    /// What is left of it.
    pub fn left(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

/// `now + by`, or thirty years away where the clock cannot say that.
pub fn far(now: Instant, by: Duration) -> Instant {
    // Thirty years: what tokio itself takes for "never".
    now.checked_add(by).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365 * 30))
}
