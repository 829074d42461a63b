use std::num::NonZeroU32;
use std::time::Duration;

/// What may be used at once where nothing else is said: a minute's allowance, as a limit for a minute suggests.
const BURST: Duration = Duration::from_secs(60);

/// How much one key may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    requests: Option<NonZeroU32>,
    tokens: Option<NonZeroU32>,
    burst: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self::new()
    }
}

impl Allowance {
    /// The longest burst: beyond it a limit for a minute limits nothing that anyone would notice.
    pub const LONGEST_BURST: Duration = Duration::from_secs(3600);

    /// No limit, until one is set.
    pub fn new() -> Self {
        Self { requests: None, tokens: None, burst: BURST }
    }

    /// So many requests a minute; 0: no limit.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.requests = NonZeroU32::new(requests);
        self
    }

    /// So many tokens a minute, of prompts and answers together; 0: no limit.
    #[must_use]
    pub fn with_tokens_per_minute(mut self, tokens: u32) -> Self {
        self.tokens = NonZeroU32::new(tokens);
        self
    }

    /// How much may be used at once: the allowance of so much time, 60 seconds by default, an hour at most; one
    /// request and one token always.
    #[must_use]
    pub fn with_burst(mut self, burst: Duration) -> Self {
        self.burst = burst.min(Self::LONGEST_BURST);
        self
    }

    /// Requests a minute.
    pub fn requests_per_minute(&self) -> Option<NonZeroU32> {
        self.requests
    }

    /// Tokens a minute.
    pub fn tokens_per_minute(&self) -> Option<NonZeroU32> {
        self.tokens
    }

    /// How much may be used at once, as time.
    pub fn burst(&self) -> Duration {
        self.burst
    }

    /// Whether it limits nothing.
    pub fn is_unlimited(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}
