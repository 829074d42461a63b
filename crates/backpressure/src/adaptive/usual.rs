use std::time::Duration;

/// How many values of a round are looked at: enough for a median that one slow call does not move.
const MOST: usize = 63;

/// How few say nothing.
const LEAST: usize = 7;

/// The weight of a round in what is usual, where it was faster than that.
const FASTER: f64 = 0.05;

/// The same where it was slower, and a limit was not what held the load back: then it is how things are now.
const SLOWER: f64 = 0.01;

/// The same where it was slower and there was as much as was let in, or so slow that it may be an overload:
/// if that counted, an overload would become what is usual.
const LOADED: f64 = 0.0005;

/// What is usual of a time, and what was seen of it of late.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    /// In seconds.
    usual: Option<f64>,
    seen: Vec<Duration>,
    count: usize,
    recent: Duration,
}

/// What a round has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seen {
    /// Too little.
    Unknown,
    /// So many times of what would be too slow.
    Times(f64),
}

impl Seen {
    /// Above 1 where it is too slow.
    pub(crate) fn excess(self) -> f64 {
        match self {
            Self::Unknown => 0.0,
            Self::Times(times) => times,
        }
    }
}

impl Usual {
    pub(crate) fn see(&mut self, value: Duration) {
        if self.seen.len() < MOST {
            self.seen.push(value);
        } else {
            // The newest ones, in a ring.
            self.seen[self.count % MOST] = value;
        }
        self.count += 1;
    }

    /// Forgets what was seen of late, not what is usual.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
        self.count = 0;
    }

    /// Ends a round: the median of it, beside `slow` times the usual one. `loaded` where the limit was
    /// reached in it.
    pub(crate) fn judge(&mut self, slow: f64, loaded: bool) -> Seen {
        if self.seen.len() < LEAST {
            return Seen::Unknown;
        }
        self.seen.sort_unstable();
        self.recent = self.seen[self.seen.len() / 2];
        let quick = self.seen[self.seen.len() / 4];
        self.forget();
        let recent = self.recent.as_secs_f64();
        // The first round may have begun in a herd: its quicker ones are nearer to what is usual.
        let usual = self.usual.get_or_insert(quick.as_secs_f64());
        let times = recent / (*usual * slow).max(1e-6);
        let weight = match recent > *usual {
            false => FASTER,
            true if loaded || times > 1.0 => LOADED,
            true => SLOWER,
        };
        *usual += (recent - *usual) * weight;
        Seen::Times(times)
    }

    /// What is usual, once a round has shown it.
    pub(crate) fn usual(&self) -> Option<Duration> {
        self.usual.map(Duration::from_secs_f64)
    }

    /// The median of the last round.
    pub(crate) fn recent(&self) -> Duration {
        self.recent
    }

    /// What was seen last is what is usual from now on.
    pub(crate) fn accept(&mut self) {
        self.usual = Some(self.recent.as_secs_f64()).filter(|recent| *recent > 0.0);
    }
}
