use super::Limit;

/// What is tried. Times are in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// When each caller comes.
    pub(crate) arrivals: Vec<f64>,
    /// How long each of them waits for its last byte.
    pub(crate) patience: f64,
    /// Requests that each of them may cost.
    pub(crate) attempts: u32,
    /// Over how many processes they are spread, each with a pacer of its own.
    pub(crate) processes: usize,
    pub(crate) tenants: u64,
    pub(crate) limit: Limit,
    /// Limits that come later.
    pub(crate) changes: Vec<(f64, Limit)>,
    /// The header of a refusal.
    pub(crate) retry_after: Option<f64>,
    /// From a request's coming upstream to its head.
    pub(crate) head: f64,
    /// From the head to the last byte.
    pub(crate) stream: f64,
    /// From a request's coming upstream to its refusal.
    pub(crate) refusal: f64,
    /// How streams differ in length: sigma of a log-normal distribution.
    pub(crate) sigma: f64,
    /// A refusal out of the blue at this time.
    pub(crate) stray: Option<f64>,
    /// The share of the requests that are refused out of the blue.
    pub(crate) strays: f64,
    /// Without a pacer: everybody asks at once, and once.
    pub(crate) direct: bool,
}

impl Scenario {
    /// So many callers at once.
    pub(crate) fn herd(callers: usize, limit: Limit) -> Self {
        Self {
            arrivals: vec![0.0; callers],
            patience: 20.0,
            attempts: 5,
            processes: 1,
            tenants: 1,
            limit,
            changes: Vec::new(),
            retry_after: None,
            head: 0.05,
            stream: 1.0,
            refusal: 0.0,
            sigma: 0.0,
            stray: None,
            strays: 0.0,
            direct: false,
        }
    }

    /// Callers at random times, `per_second(time)` of them at each time.
    pub(crate) fn open(seconds: f64, limit: Limit, seed: u64, per_second: impl Fn(f64) -> f64) -> Self {
        let mut random = fastrand::Rng::with_seed(!seed);
        let mut arrivals = Vec::new();
        let mut at = 0.0;
        loop {
            at -= (1.0 - random.f64()).ln() / per_second(at);
            if at > seconds {
                return Self { arrivals, ..Self::herd(0, limit) };
            }
            arrivals.push(at);
        }
    }

    /// How long an answer takes that is asked for once: two ways, the head, the stream.
    pub(crate) fn answer(&self) -> f64 {
        0.020 + self.head + self.stream
    }
}
