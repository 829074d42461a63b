//! Interleaved rounds: every subject runs in every round, so that a busy moment of the machine meets all of them alike.

use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// How long a subject runs in a round, if once does not take longer.
    pub(crate) time: Duration,
    /// The length of a usual text, in bytes.
    pub(crate) length: usize,
    /// How many texts the search tries.
    pub(crate) tries: usize,
}

impl Effort {
    pub(crate) const FULL: Self =
        Self { rounds: 21, time: Duration::from_millis(4), length: 1 << 20, tries: 4000 };
    pub(crate) const NONE: Self = Self { rounds: 1, time: Duration::ZERO, length: 1 << 13, tries: 4 };
}

/// Something measured, and what it does once.
pub(crate) struct Subject<'a> {
    once: Box<dyn FnMut() + 'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(once: impl FnMut() + 'a) -> Self {
        Self { once: Box::new(once) }
    }

    /// The median of so much time: one that was interrupted does not count.
    fn round(&mut self, time: Duration) -> f64 {
        let begun = now();
        let mut all = Vec::new();
        while all.is_empty() || begun.elapsed() < time {
            let begun = now();
            (self.once)();
            all.push(begun.elapsed().as_secs_f64());
        }
        Spread::of(all).median
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What a subject took, in seconds, round by round.
#[derive(Clone, Default)]
pub(crate) struct Series {
    pub(crate) rounds: Vec<f64>,
}

impl Series {
    /// MB/s, if it went over so many bytes.
    pub(crate) fn rates(&self, bytes: usize) -> Spread {
        Spread::of(self.rounds.iter().map(|taken| bytes as f64 / taken / 1e6).collect())
    }

    /// How many times as long as this one another took, within each round.
    pub(crate) fn times(&self, other: &Self) -> Spread {
        Spread::of(self.rounds.iter().zip(&other.rounds).map(|(own, other)| other / own).collect())
    }
}

/// The smallest, the one in the middle, and the largest.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self { least: all[0], median: all[all.len() / 2], most: all[all.len() - 1] }
    }
}

/// Runs all subjects in turn, each time from another one on.
pub(crate) fn run(mut subjects: Vec<Subject<'_>>, effort: Effort) -> Vec<Series> {
    let mut series = vec![Series::default(); subjects.len()];
    subjects.iter_mut().for_each(|subject| {
        subject.round(Duration::ZERO);
    });
    for round in 0..effort.rounds {
        for turn in 0..subjects.len() {
            let at = (turn + round) % subjects.len();
            series[at].rounds.push(subjects[at].round(effort.time));
        }
    }
    series
}
