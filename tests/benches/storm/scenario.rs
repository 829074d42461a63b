//! Who comes when, and what the chat API can take.

use std::time::Duration;

use lastbyte_mock::{Capacity, Fault, Faults, Kind};

/// One thing that happens to a chat API.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// As it is asked for on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What is to be known before the figures are read.
    pub(crate) about: &'static str,
    pub(crate) arrivals: Arrivals,
    pub(crate) capacity: Capacity,
    /// Whether every request gets 503.
    pub(crate) outage: bool,
    /// The stream of one answer: content events, and milliseconds between two of them.
    pub(crate) events: usize,
    pub(crate) interval_ms: u64,
    /// How long a caller waits for the last byte.
    pub(crate) deadline: Duration,
    /// How many clients that share nothing the callers are spread over.
    pub(crate) clients: usize,
    pub(crate) look: Look,
}

/// When callers come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrivals {
    /// All within this time, evenly at random.
    Together { callers: usize, within: Duration },
    /// Independently of each other (Poisson).
    Open { per_second: f64, during: Duration },
    /// One after the other, evenly.
    Steady { per_second: f64, during: Duration },
}

/// What the figures of a scenario are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Who has an answer, and when.
    Done,
    /// When the first event is there.
    FirstEvent,
    /// What the upstream has to bear.
    Requests,
}

const S: Duration = Duration::from_secs(1);
const HEAD_DELAY_MS: u64 = 50;

impl Arrivals {
    /// When each caller comes, since the start, in order.
    pub(crate) fn times(self, seed: u64) -> Vec<Duration> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut times: Vec<Duration> = match self {
            Self::Together { callers, within } => {
                (0..callers).map(|_| within.mul_f64(random.f64())).collect()
            }
            Self::Open { per_second, during } => {
                let mut at = 0.0;
                let next = std::iter::from_fn(|| {
                    at += -(1.0 - random.f64()).ln() / per_second;
                    Some(at)
                });
                next.take_while(|at| *at < during.as_secs_f64()).map(Duration::from_secs_f64).collect()
            }
            Self::Steady { per_second, during } => {
                let callers = (during.as_secs_f64() * per_second) as u32;
                (0..callers).map(|number| Duration::from_secs_f64(f64::from(number) / per_second)).collect()
            }
        };
        times.sort();
        times
    }
}

impl Scenario {
    /// From a request that is let in to its last byte, at least.
    pub(crate) fn answer_time(&self) -> Duration {
        let gaps = self.events.saturating_sub(1) as u64;
        Duration::from_millis(self.capacity.head_delay_ms + gaps * self.interval_ms)
    }

    pub(crate) fn faults(&self) -> Faults {
        let mix = match self.outage {
            true => vec![Fault { rate: 1.0, code: Some(503), ..Fault::new(Kind::Status) }],
            false => Vec::new(),
        };
        Faults {
            mix,
            capacity: Some(self.capacity.clone()),
            chunks: self.events,
            interval_ms: self.interval_ms,
            ..Faults::default()
        }
    }

    /// 500 callers within 100 ms at `c` requests a second, answers of one second.
    fn storm(name: &'static str, title: &'static str, about: &'static str, c: f64) -> Self {
        let capacity =
            Capacity { per_second: c, burst: c, head_delay_ms: HEAD_DELAY_MS, ..Capacity::default() };
        Self {
            name,
            title,
            about,
            arrivals: Arrivals::Together { callers: 500, within: S / 10 },
            capacity,
            outage: false,
            events: 21,
            interval_ms: 50,
            deadline: 20 * S,
            clients: 1,
            look: Look::Done,
        }
    }
}

/// Every scenario of a full run.
pub(crate) fn all() -> Vec<Scenario> {
    let c50 =
        Scenario::storm("c50", "500 at once, 50 a second", "Twice the capacity that is just enough.", 50.0);
    let with = |name, title, about, change: &dyn Fn(&mut Scenario)| {
        let mut scenario = Scenario { name, title, about, ..c50.clone() };
        change(&mut scenario);
        scenario
    };
    vec![
        Scenario::storm(
            "c25",
            "500 at once, 25 a second",
            "Just enough for 98 % in 20 s: every second that is wasted costs five of a hundred callers.",
            25.0,
        ),
        c50.clone(),
        Scenario::storm("c100", "500 at once, 100 a second", "Four times what is just enough.", 100.0),
        with(
            "burst5",
            "500 at once, 50 a second, burst of 5",
            "A bucket that forgives little: whoever comes back all at once finds five places.",
            &|it| {
                it.capacity.burst = 5.0;
            },
        ),
        with(
            "slots",
            "500 at once, 60 slots",
            "Answers of 2 s, 60 at the same time: 30 a second at best.",
            &|it| {
                it.capacity = Capacity { slots: 60, head_delay_ms: HEAD_DELAY_MS, ..Capacity::default() };
                it.events = 41;
            },
        ),
        with(
            "strict",
            "500 at once, 50 a second, refusals count",
            "Some providers charge what they refuse against the limit: who keeps asking too fast is never let in.",
            &|it| {
                it.capacity.refusals_count = true;
            },
        ),
        with(
            "costly",
            "500 at once, 50 a second, refusals cost work",
            "Each refusal takes a tenth of an answer's work from the same 50 a second.",
            &|it| {
                it.capacity.refusal_cost = 0.1;
            },
        ),
        with(
            "four",
            "500 at once, 50 a second, four clients",
            "The callers of c50 spread over four clients, each with its own retry layer and its own connections, in one process: they share nothing but the processor.",
            &|it| {
                it.clients = 4;
            },
        ),
        with(
            "open",
            "70 a second arrive for 40 s, 50 a second",
            "1.4 times the capacity, from callers who do not wait for each other. One queue would just get them all through: the last of them waits 14 s. The bound serves in order of arrival.",
            &|it| {
                it.arrivals = Arrivals::Open { per_second: 70.0, during: 40 * S };
            },
        ),
        with(
            "outage",
            "Total outage",
            "Every request gets 503, 50 callers a second come for 60 s: nobody can have an answer, and what counts is what the upstream has to bear.",
            &|it| {
                it.arrivals = Arrivals::Steady { per_second: 50.0, during: 60 * S };
                it.capacity = Capacity { head_delay_ms: HEAD_DELAY_MS, ..Capacity::default() };
                it.outage = true;
                it.look = Look::Requests;
            },
        ),
        with(
            "cold",
            "500 at once, no limit, head after 50 ms",
            "Nothing is refused and no connection is open yet: what a policy costs where none is needed.",
            &|it| {
                it.capacity = Capacity { head_delay_ms: HEAD_DELAY_MS, ..Capacity::default() };
                it.look = Look::FirstEvent;
            },
        ),
        with(
            "cold1s",
            "500 at once, no limit, head after 1 s",
            "As cold, of an API that thinks for a second.",
            &|it| {
                it.capacity = Capacity { head_delay_ms: 1000, ..Capacity::default() };
                it.look = Look::FirstEvent;
            },
        ),
    ]
}

/// The storm in small: seconds, not minutes.
pub(crate) fn quick() -> Scenario {
    let capacity = Capacity { per_second: 20.0, burst: 10.0, head_delay_ms: 20, ..Capacity::default() };
    Scenario {
        name: "quick",
        title: "40 at once, 20 a second, burst of 10",
        about: "A smoke test, not a measurement.",
        arrivals: Arrivals::Together { callers: 40, within: S / 10 },
        capacity,
        outage: false,
        events: 6,
        interval_ms: 20,
        deadline: 3 * S,
        clients: 1,
        look: Look::Done,
    }
}
