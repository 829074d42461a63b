use std::time::Duration;

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Every call goes through.
    Closed,
    /// No call does.
    Open,
    /// A few do, to find out.
    HalfOpen,
    /// A growing share does.
    Closing,
}

/// Who decides the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The endings.
    #[default]
    Auto,
    /// The endings, and every call goes through all the same: what would have been refused is counted.
    Observe,
    /// Forced open: no call goes through.
    Open,
    /// Forced closed: every call goes through.
    Closed,
}

/// What a circuit has seen of late, and what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// What it does with calls.
    pub state: State,
    /// Who decides that.
    pub mode: Mode,
    /// Calls in its window that were alive and have not failed since.
    pub successes: u64,
    /// Calls in its window that failed.
    pub failures: u64,
    /// Calls that are neither yet, and not old enough to be slow.
    pub undecided: u64,
    /// Calls in its window whose first event was late.
    pub slow: u64,
    /// How long it stays open from now on.
    pub open_for: Option<Duration>,
    /// Calls it refused since the start; where it observes, would have refused.
    pub refused: u64,
    /// How often it opened since the start.
    pub opened: u64,
}
