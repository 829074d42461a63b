use std::num::NonZeroU32;
use std::time::Duration;

/// A share of calls, above nothing and up to all of them.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// One in two.
    pub const HALF: Self = Self(0.5);
    /// Every one.
    pub const ALL: Self = Self(1.0);

    /// That share; `None` outside of `0.0 < share <= 1.0`.
    pub const fn new(share: f64) -> Option<Self> {
        if share > 0.0 && share <= 1.0 { Some(Self(share)) } else { None }
    }

    /// As a number.
    pub const fn as_f64(self) -> f64 {
        self.0
    }

    /// Whether `part` of `all` is that share at least.
    pub(crate) fn is_reached(self, part: u64, all: u64) -> bool {
        part as f64 >= self.0 * all as f64
    }
}

/// Which outcomes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// Those of the last stretch of time. With answers that take minutes, a number of calls may be an hour
    /// old.
    Time(Duration),
    /// The last so many, at most [`Over::MOST`]; for few calls at a steady pace.
    Calls(NonZeroU32),
}

impl Over {
    /// The largest window of calls.
    pub const MOST: u32 = 100_000;
}

/// When a circuit opens, how long it stays so, and how it closes again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub(crate) over: Over,
    pub(crate) min_calls: u32,
    pub(crate) failure_rate: Share,
    pub(crate) slow_first_event: Duration,
    pub(crate) slow_rate: Share,
    pub(crate) in_a_row: Option<NonZeroU32>,
    pub(crate) open_for: Duration,
    pub(crate) max_open_for: Duration,
    pub(crate) probes: u32,
    pub(crate) ramp: Option<Duration>,
}

/// How large the first share of calls is that a circuit lets through when it closes.
pub(crate) const FIRST_SHARE: f64 = 0.1;

/// The longest a circuit stays open by default: a minute, after which somebody has restarted something.
const MAX_OPEN_FOR: Duration = Duration::from_secs(60);

impl Default for Policy {
    fn default() -> Self {
        Self {
            over: Over::Time(Duration::from_secs(10)),
            min_calls: 20,
            failure_rate: Share::HALF,
            slow_first_event: Duration::from_secs(10),
            slow_rate: Share(0.8),
            in_a_row: None,
            open_for: Duration::from_secs(5),
            max_open_for: MAX_OPEN_FOR,
            probes: 3,
            ramp: None,
        }
    }
}

impl Policy {
    /// Half of at least 20 calls in 10 seconds failed, or four fifths were slow; open for 5 s, then 3 probes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which outcomes are looked at: those of the last 10 seconds by default.
    #[must_use]
    pub fn with_window(mut self, over: Over) -> Self {
        self.over = over;
        self
    }

    /// How many calls there have to be before a rate says anything; a window of fewer calls takes its size
    /// for it. At least 1.
    #[must_use]
    pub fn with_min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls.max(1);
        self
    }

    /// The share of failures, among failures, successes and calls that are still undecided, at which it
    /// opens.
    #[must_use]
    pub fn with_failure_rate(mut self, share: Share) -> Self {
        self.failure_rate = share;
        self
    }

    /// At which age a call that asked for a stream and has shown no content is slow. It is told at most a
    /// twentieth later than that. At least 20 ms.
    #[must_use]
    pub fn with_slow_first_event(mut self, age: Duration) -> Self {
        self.slow_first_event = age.max(Duration::from_millis(20));
        self
    }

    /// The share of slow calls, among those that are slow or were alive in time, at which it opens.
    #[must_use]
    pub fn with_slow_rate(mut self, share: Share) -> Self {
        self.slow_rate = share;
        self
    }

    /// Also opens at so many failures in a row, in the order in which their calls were admitted, with none
    /// between them undecided. Off by default: ten calls that meet the same hiccup are a row.
    #[must_use]
    pub fn with_failures_in_a_row(mut self, failures: Option<NonZeroU32>) -> Self {
        self.in_a_row = failures;
        self
    }

    /// How long it stays open the first time. Each time that its probes fail, or that it opens again while it
    /// closes, that doubles, up to `most`; up to a fifth is added by chance, so that many processes do not
    /// come back at once.
    #[must_use]
    pub fn with_open_for(mut self, first: Duration, most: Duration) -> Self {
        self.open_for = first.max(Duration::from_millis(1));
        self.max_open_for = most.max(self.open_for);
        self
    }

    /// The same with one minute, or `first` where that is longer, as the most.
    #[must_use]
    pub fn with_open_for_up_to_a_minute(self, first: Duration) -> Self {
        self.with_open_for(first, MAX_OPEN_FOR)
    }

    /// How many calls it lets through at once when it has been open long enough, and how many of them have to
    /// be alive before it closes. At least 1.
    #[must_use]
    pub fn with_probes(mut self, probes: u32) -> Self {
        self.probes = probes.max(1);
        self
    }

    /// How long it takes from the first tenth of the calls to all of them when it closes; as long as it
    /// stays open the first time by default.
    #[must_use]
    pub fn with_ramp(mut self, ramp: Duration) -> Self {
        self.ramp = Some(ramp);
        self
    }

    pub(crate) fn ramp(&self) -> Duration {
        self.ramp.unwrap_or(self.open_for)
    }

    /// How many calls a rate needs.
    pub(crate) fn enough(&self) -> u64 {
        let most = match self.over {
            Over::Time(_) => u32::MAX,
            Over::Calls(calls) => calls.get(),
        };
        u64::from(self.min_calls.min(most))
    }
}
