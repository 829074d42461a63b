/// What became of a caller. Times are in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) came: f64,
    pub(crate) requests: u32,
    /// When it was first let go.
    pub(crate) launched: Option<f64>,
    pub(crate) first_event: Option<f64>,
    pub(crate) done: Option<f64>,
    /// When it was told that its turn comes too late, and after how long to come back.
    pub(crate) too_late: Option<(f64, f64)>,
    /// Refused at its last attempt.
    pub(crate) given_up: bool,
}

/// A request upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) at: f64,
    pub(crate) taken: bool,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) patience: f64,
    pub(crate) callers: Vec<Caller>,
    pub(crate) requests: Vec<Request>,
}

impl Outcome {
    /// The share of callers that had their last byte in time.
    pub(crate) fn done(&self) -> f64 {
        let done = |caller: &&Caller| caller.done.is_some_and(|at| at - caller.came <= self.patience);
        self.callers.iter().filter(done).count() as f64 / self.callers.len() as f64
    }

    /// When the last byte of all came.
    pub(crate) fn last(&self) -> f64 {
        self.callers.iter().filter_map(|caller| caller.done).fold(0.0, f64::max)
    }

    /// Requests upstream per caller.
    pub(crate) fn per_caller(&self) -> f64 {
        self.requests.len() as f64 / self.callers.len() as f64
    }

    /// A quantile of the time to the first event.
    pub(crate) fn first_event(&self, q: f64) -> f64 {
        quantile(q, self.callers.iter().map(|it| it.first_event.map_or(f64::INFINITY, |at| at - it.came)))
    }

    /// How long those were held back that came within a time.
    pub(crate) fn held(&self, from: f64, to: f64) -> impl Iterator<Item = f64> {
        let within = self.callers.iter().filter(move |caller| caller.came >= from && caller.came < to);
        within.filter_map(|caller| caller.launched.map(|at| at - caller.came))
    }

    /// Requests a second that were taken within a time.
    pub(crate) fn taken(&self, from: f64, to: f64) -> f64 {
        let within = |it: &&Request| it.taken && it.at >= from && it.at < to;
        self.requests.iter().filter(within).count() as f64 / (to - from)
    }

    pub(crate) fn refused(&self) -> usize {
        self.requests.iter().filter(|request| !request.taken).count()
    }
}

/// Of the sorted values the one at `q`.
pub(crate) fn quantile(q: f64, values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = (q * values.len() as f64).ceil() as usize;
    values.get(at.clamp(1, values.len().max(1)) - 1).copied().unwrap_or_default()
}
