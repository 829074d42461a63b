//! Who comes, and to what.

use super::Kind;

/// How many come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// So many times what the upstream can do.
    Steady(f64),
    /// A third of the time half of what it can do, then one and a half times that, then half again.
    Step,
    /// From a fifth to one and a half times.
    Ramp,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) kind: Kind,
    pub(crate) changes: Vec<(f64, Kind)>,
    pub(crate) load: Load,
    /// For what capacity the load is meant.
    pub(crate) capacity: f64,
    pub(crate) lasts: f64,
    pub(crate) herd: usize,
    /// Seconds that a stream takes, on average.
    pub(crate) stream: f64,
    /// Lengths a hundred times apart, instead of alike within a factor of three.
    pub(crate) heavy: bool,
    pub(crate) first_event: f64,
    /// When the first event begins to take so long, at any load.
    pub(crate) shifts: Vec<(f64, f64)>,
    /// The deviation of its logarithm.
    pub(crate) jitter: f64,
    pub(crate) strays: f64,
    pub(crate) failures: f64,
    /// How long they wait for a place, and for a first event.
    pub(crate) patience: f64,
    pub(crate) deadline: f64,
    pub(crate) max: usize,
}

impl Scenario {
    pub(crate) fn new(kind: Kind, load: Load) -> Self {
        Self {
            kind,
            changes: Vec::new(),
            load,
            capacity: kind.capacity() as f64,
            lasts: 300.0,
            herd: 0,
            stream: 8.0,
            heavy: false,
            first_event: 0.5,
            shifts: Vec::new(),
            jitter: 0.2,
            strays: 0.0,
            failures: 0.0,
            patience: 20.0,
            deadline: 8.0,
            max: 10_000,
        }
    }

    pub(crate) fn noisy(self) -> Self {
        Self { heavy: true, jitter: 0.5, strays: 0.01, failures: 0.01, ..self }
    }

    /// Callers a second.
    pub(crate) fn per_second(&self, at: f64) -> f64 {
        let times = match self.load {
            Load::Steady(times) => times,
            Load::Step if (1.0 / 3.0..2.0 / 3.0).contains(&(at / self.lasts)) => 1.5,
            Load::Step => 0.5,
            Load::Ramp => 0.2 + 1.3 * at / self.lasts,
        };
        times * self.capacity / (self.stream + self.first_event)
    }

    pub(crate) fn most_per_second(&self) -> f64 {
        let times = if let Load::Steady(times) = self.load { times } else { 1.5 };
        (times * self.capacity / (self.stream + self.first_event)).max(1e-9)
    }

    /// The length of a stream.
    pub(crate) fn length(&self, random: f64) -> f64 {
        if !self.heavy {
            return self.stream * (0.5 + random);
        }
        // Bounded Pareto with exponent 1.1, from 1 to 100: its mean is 4.2.
        let (power, spread) = (1.1, 100.0f64);
        let drawn = (1.0 - random * (1.0 - spread.powf(-power))).powf(-1.0 / power);
        self.stream * drawn / 4.2
    }
}
