use super::{Limit, Outcome, Scenario, run};

/// A herd before one upstream, with what can be reached at best.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) scenario: Scenario,
    /// When the last byte of all can be there at the earliest: `(N - b) / c`, and an answer.
    pub(crate) bound: f64,
}

/// What several seeds came to.
pub(crate) struct Summary {
    pub(crate) outcomes: Vec<Outcome>,
}

pub(crate) const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

const CALLERS: usize = 500;

impl Row {
    fn new(name: &'static str, scenario: Scenario, per_second: f64, burst: f64) -> Self {
        let bound = (CALLERS as f64 - burst).max(0.0) / per_second + scenario.answer();
        Self { name, scenario, bound }
    }

    pub(crate) fn run(&self) -> Summary {
        Summary { outcomes: SEEDS.map(|seed| run(&self.scenario, seed)).collect() }
    }
}

impl Summary {
    fn mean(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        self.outcomes.iter().map(of).sum::<f64>() / self.outcomes.len() as f64
    }

    fn most(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        self.outcomes.iter().map(of).fold(f64::MIN, f64::max)
    }

    /// The share that was done in time: on average, and of the worst seed.
    pub(crate) fn done(&self) -> (f64, f64) {
        (self.mean(Outcome::done), -self.most(|outcome| -outcome.done()))
    }

    /// When the last was done: on average, and of the worst seed.
    pub(crate) fn last(&self) -> (f64, f64) {
        (self.mean(Outcome::last), self.most(Outcome::last))
    }

    /// Requests per caller: on average, and of the worst seed.
    pub(crate) fn per_caller(&self) -> (f64, f64) {
        (self.mean(Outcome::per_caller), self.most(Outcome::per_caller))
    }
}

fn herd(limit: Limit) -> Scenario {
    Scenario::herd(CALLERS, limit)
}

fn bucket(per_second: f64, burst: f64) -> Limit {
    Limit::Bucket { per_second, burst }
}

/// 500 callers at once before every kind of upstream.
pub(crate) fn herds() -> Vec<Row> {
    let slots = |slots| Scenario { stream: 2.0, ..herd(Limit::Slots { slots }) };
    let four = |scenario| Scenario { processes: 4, ..scenario };
    let varied = |scenario| Scenario { sigma: 0.5, ..scenario };
    let work = Limit::Work { per_second: 30.0, refusal: 0.05 };
    let charged = |burst| herd(Limit::Charged { per_second: 50.0, burst });
    let strays = |strays| Scenario { strays, ..herd(Limit::None) };
    vec![
        Row::new("bucket, c = 50, b = 50", herd(bucket(50.0, 50.0)), 50.0, 50.0),
        Row::new("bucket, c = 50, b = 50, 4 processes", four(herd(bucket(50.0, 50.0))), 50.0, 50.0),
        Row::new("bucket, c = 25, b = 25", herd(bucket(25.0, 25.0)), 25.0, 25.0),
        Row::new("bucket, c = 100, b = 100", herd(bucket(100.0, 100.0)), 100.0, 100.0),
        Row::new("bucket, c = 50, b = 5", herd(bucket(50.0, 5.0)), 50.0, 5.0),
        Row::new("bucket, c = 50, b = 5, 4 processes", four(herd(bucket(50.0, 5.0))), 50.0, 5.0),
        Row::new("60 slots, streams of 2 s", slots(60), 60.0 / 2.05, 60.0),
        Row::new("60 slots, lengths differ", varied(slots(60)), 60.0 / 2.05, 60.0),
        Row::new("60 slots, lengths differ, 4 processes", four(varied(slots(60))), 60.0 / 2.05, 60.0),
        Row::new("work, c = 30, a refusal costs 0.05", herd(work), 30.0, 30.0),
        Row::new("log of a second, 50, charged", herd(Limit::Log { per_second: 50 }), 50.0, 50.0),
        Row::new(
            "log of a second, 50, charged, 4 processes",
            four(herd(Limit::Log { per_second: 50 })),
            50.0,
            50.0,
        ),
        Row::new("bucket, heads take 1 s", Scenario { head: 1.0, ..herd(bucket(50.0, 50.0)) }, 50.0, 50.0),
        Row::new(
            "bucket, refusals take 0.1 s",
            Scenario { refusal: 0.1, ..herd(bucket(50.0, 50.0)) },
            50.0,
            50.0,
        ),
        Row::new(
            "bucket, refusals take 0.3 s",
            Scenario { refusal: 0.3, ..herd(bucket(50.0, 50.0)) },
            50.0,
            50.0,
        ),
        Row::new(
            "bucket, streams of 10 s",
            Scenario { stream: 10.0, ..herd(bucket(50.0, 50.0)) },
            50.0,
            50.0,
        ),
        Row::new("bucket, c = 50, b = 50, charged", charged(50.0), 50.0, 50.0),
        Row::new("bucket, c = 50, b = 5, charged", charged(5.0), 50.0, 5.0),
        Row::new("no limit", herd(Limit::None), f64::INFINITY, 0.0),
        Row::new("no limit, 5 % refused", strays(0.05), f64::INFINITY, 0.0),
        Row::new("no limit, 10 % refused", strays(0.10), f64::INFINITY, 0.0),
    ]
}

/// The same where each refusal says `Retry-After: 1`.
pub(crate) fn pistol() -> Vec<Row> {
    let mut rows = herds();
    for row in &mut rows {
        row.scenario.retry_after = Some(1.0);
    }
    rows
}
