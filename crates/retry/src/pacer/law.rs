use std::time::Duration;

use tokio::time::Instant;

use super::limit::{Kind, Launch, Limit};
use super::limits::{Limits, Told};
use super::meter::Meter;
use super::ramp::Ramp;
use super::strays::{Says, Strays};

/// When the next launch may be, over all that is known.
#[derive(Debug)]
pub(crate) struct Law {
    ramp: Ramp,
    meter: Meter,
    told: Told,
    strays: Strays,
    /// What refusals have taught; none for a minute: nothing.
    limit: Option<Limit>,
    /// When the upstream wants to be asked again, and a little later.
    stopped: Instant,
    /// How long a refusal takes to come, rather more than less.
    refusal_takes: Duration,
    launches: u64,
    random: fastrand::Rng,
}

/// When the next launch may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ready {
    /// At once. `risky`: it may well be refused.
    Now { risky: bool },
    /// Not before.
    At(Instant),
}

/// What those who wait can expect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    stop: Duration,
    per_second: Option<f64>,
}

impl Outlook {
    /// How long until the turn of one that has so many before it. What is not known is left out.
    pub(crate) fn wait(&self, ahead: usize) -> Duration {
        let turns = self.per_second.map(|per_second| Duration::try_from_secs_f64(ahead as f64 / per_second));
        self.stop.saturating_add(turns.map_or(Duration::ZERO, |turns| turns.unwrap_or(Duration::MAX)))
    }
}

/// On top of a time that the upstream named, at most: others were told the same.
const SPREAD: f64 = 0.1;

/// The longest that one refusal stops everybody, as long as the longest answer: a day's quota of one model,
/// or a header that is wrong, does not shut an upstream for good.
const LONGEST_STOP: Duration = Duration::from_secs(600);

/// How long a limit has to be known before it tells how long a queue will take.
const PREDICTED_AFTER: Duration = Duration::from_secs(3);

/// What was taken over so long tells how a queue will go on; it sees over stops and probes.
const LONG: Duration = Duration::from_secs(10);

/// What was taken lately, and the learnt rate, tell sooner that a limit has risen. They go up and down by a
/// tenth without that, so only what is beyond it counts.
const SHORT: Duration = Duration::from_secs(3);
const SURELY: f64 = 0.9;

/// What a launch is given on top of the time that a refusal takes, before it counts as taken.
const MARGIN: Duration = Duration::from_millis(10);

/// The longest that anybody waits for another's fate.
const AWAITED: Duration = Duration::from_secs(1);

impl Law {
    pub(crate) fn new(now: Instant, random: fastrand::Rng) -> Self {
        Self {
            ramp: Ramp::new(now),
            meter: Meter::new(now),
            told: Told::default(),
            strays: Strays::new(now),
            limit: None,
            stopped: now,
            refusal_takes: Duration::ZERO,
            launches: 0,
            random,
        }
    }

    pub(crate) fn ready(&mut self, now: Instant, flight: u64) -> Ready {
        self.advance(now);
        if now < self.stopped {
            self.nobody_waits();
            return Ready::At(self.stopped);
        }
        if let Some(at) = self.told.ready_at(now, self.launches) {
            self.nobody_waits();
            return Ready::At(at);
        }
        match &mut self.limit {
            Some(limit) => match limit.ready(now, flight, self.ramp.ready_at()) {
                Ok(risky) => Ready::Now { risky },
                Err(at) => Ready::At(at),
            },
            None if now < self.ramp.ready_at() => Ready::At(self.ramp.ready_at()),
            None => Ready::Now { risky: false },
        }
    }

    /// Nobody waits for the rate now: it has no reason to grow.
    pub(crate) fn nobody_waits(&mut self) {
        if let Some(limit) = &mut self.limit {
            limit.nobody_waits();
        }
    }

    /// A launch beside `flight` others.
    pub(crate) fn launched(&mut self, now: Instant, flight: u64) -> Launch {
        self.launches += 1;
        self.ramp.launched(now);
        self.meter.launched(now);
        let number = self.launches;
        self.strays.launched(now, number);
        let due = now + (self.refusal_takes.mul_f64(1.5) + MARGIN).min(AWAITED);
        let stopped = self.stopped;
        let kind =
            self.limit.as_mut().map_or(Kind::Due, |limit| limit.launched(now, number, flight, due, stopped));
        Launch { number, at: now, beside: flight, kind }
    }

    pub(crate) fn taken(&mut self, now: Instant, launch: &Launch) {
        self.advance(now);
        if let Some(limit) = &mut self.limit {
            limit.taken(now, launch);
        }
    }

    /// A stream has ended, and `flight` others are under way.
    pub(crate) fn ended(&mut self, now: Instant, flight: u64) {
        if let Some(limit) = &mut self.limit {
            limit.ended(now, flight);
        }
    }

    pub(crate) fn limits(&mut self, now: Instant, launch: &Launch, limits: &Limits) {
        self.told.tell(now, launch.number, limits);
    }

    /// A refusal. `true`: it is a stray, and changes nothing for the others.
    pub(crate) fn refused(&mut self, now: Instant, launch: &Launch, stop: Option<Duration>) -> bool {
        self.advance(now);
        self.meter.refused(launch.at);
        let took = now.saturating_duration_since(launch.at);
        self.refusal_takes = took.max(self.refusal_takes.mul_f64(0.9) + took.mul_f64(0.1));
        let says = match self.strays.refused(launch.number, self.limit.is_some()) {
            // It was asked to find out.
            _ if launch.kind != Kind::Due => Says::Limit,
            Says::Wait if stop.is_none() => Says::Stray,
            says => says,
        };
        if says == Says::Stray {
            return true;
        }
        let stop = stop.map(|stop| stop.min(LONGEST_STOP));
        if let Some(stop) = stop {
            let spread = stop.mul_f64(SPREAD * self.random.f64());
            self.stopped = self.stopped.max(now + stop + spread);
        }
        if says == Says::Wait {
            return false;
        }
        let limit = match &mut self.limit {
            Some(limit) => {
                let meter = &self.meter;
                let taken = |since| meter.taken(since, now);
                limit.refused(now, launch, self.launches, stop, taken, self.random.f64());
                limit
            }
            None => {
                let launched = self.ramp.recent(now);
                let random = self.random.f64();
                self.limit.insert(Limit::new(now, launch, launched, self.launches, stop, random))
            }
        };
        limit.rest(self.stopped);
        false
    }

    /// How the queue will go on, as far as that can be told.
    pub(crate) fn outlook(&self, now: Instant) -> Outlook {
        let Some(limit) = &self.limit else {
            return Outlook { stop: self.stopped.saturating_duration_since(now), per_second: None };
        };
        let stop = self.stopped.max(limit.hold()).saturating_duration_since(now);
        let is_known =
            limit.rate.is_known() && now.saturating_duration_since(limit.since()) >= PREDICTED_AFTER;
        let per_second = is_known.then(|| {
            let ago = |by| now.checked_sub(by).unwrap_or(now).max(limit.since());
            let taken = |by| self.meter.taken(ago(by), now);
            taken(LONG).max(SURELY * taken(SHORT).max(limit.rate.per_second()))
        });
        Outlook { stop, per_second }
    }

    pub(crate) fn rate(&self) -> Option<f64> {
        self.limit.as_ref().map(|limit| limit.rate.per_second())
    }

    pub(crate) fn window(&self) -> Option<u64> {
        self.limit.as_ref().and_then(|limit| limit.slots.window())
    }

    fn advance(&mut self, now: Instant) {
        // Gone where it has not been met for long.
        let _ = self.limit.take_if(|limit| !limit.advance(now));
    }
}
