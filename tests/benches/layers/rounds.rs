//! Interleaved rounds: every subject runs in every round, so that a busy moment of the machine meets all
//! of them alike and a ratio taken within one round is worth more than its two times.

use std::time::{Duration, Instant};

/// What one batch took, for each of its units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) ns: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// Times `work` over `units` units and counts what it takes from the heap.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn sample(units: usize, work: impl FnOnce()) -> Sample {
    let begun = Instant::now();
    let ((), heap) = densa_alloc::measure(work);
    let ns = begun.elapsed().as_secs_f64() * 1e9;
    let units = units as f64;
    // A block that grows counts like a new one: it may have to move.
    let allocations = (heap.allocs + heap.reallocs) as f64 / units;
    Sample { ns: ns / units, allocations, bytes: heap.bytes_allocated as f64 / units }
}

/// Something measured, and the batch that measures it once.
pub(crate) struct Subject {
    name: String,
    batch: Box<dyn FnMut() -> Sample>,
}

impl Subject {
    pub(crate) fn new(name: impl Into<String>, batch: impl FnMut() -> Sample + 'static) -> Self {
        Self { name: name.into(), batch: Box::new(batch) }
    }

    /// The median batch of so much time: one that was interrupted does not count.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    fn round(&mut self, time: Duration) -> Sample {
        let begun = Instant::now();
        let mut batches = vec![(self.batch)()];
        while begun.elapsed() < time || batches.len() < 3 {
            batches.push((self.batch)());
        }
        batches.sort_by(|a, b| a.ns.total_cmp(&b.ns));
        batches[batches.len() / 2]
    }
}

/// A subject after all rounds.
pub(crate) struct Series {
    pub(crate) name: String,
    /// One for each round.
    pub(crate) ns: Vec<f64>,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

impl Series {
    /// The quietest round.
    pub(crate) fn min(&self) -> f64 {
        Spread::of(self.ns.iter().copied()).min
    }

    /// This over `other`, round by round.
    pub(crate) fn ratio(&self, other: &Self) -> Spread {
        Spread::of(self.ns.iter().zip(&other.ns).map(|(own, other)| own / other))
    }

    /// What this takes more than `other`, in ns, round by round.
    pub(crate) fn over(&self, other: &Self) -> Spread {
        Spread::of(self.ns.iter().zip(&other.ns).map(|(own, other)| own - other))
    }
}

/// How far the rounds lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        Self { min: sorted[0], median: sorted[sorted.len() / 2], max: sorted[sorted.len() - 1] }
    }
}

/// The subjects of one table, in its order.
pub(crate) fn run(mut subjects: Vec<Subject>, rounds: usize, time: Duration) -> Vec<Series> {
    let mut table: Vec<Series> = subjects
        .iter()
        .map(|subject| Series {
            name: subject.name.clone(),
            ns: Vec::with_capacity(rounds),
            allocations: 0.0,
            bytes: 0.0,
        })
        .collect();
    for subject in &mut subjects {
        // Caches and branch predictors warm up, and the allocator gets its blocks.
        (subject.batch)();
    }
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            // Each round begins with another subject: none always comes first after a pause.
            let at = (turn + round) % subjects.len();
            let sample = subjects[at].round(time);
            table[at].ns.push(sample.ns);
            (table[at].allocations, table[at].bytes) = (sample.allocations, sample.bytes);
        }
    }
    table
}
