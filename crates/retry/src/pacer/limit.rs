use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

use super::rate::Rate;
use super::slots::Slots;

/// What is known of an upstream that has refused: a rate, perhaps a number of streams, and a wait after each
/// refusal that names no time.
///
/// After every wait one asks first, and the others go when it was taken. So an upstream that is not ready
/// yet costs one refusal and not a herd of them.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) rate: Rate,
    pub(crate) slots: Slots,
    /// Our own wait, where the upstream named none.
    hold: Instant,
    /// Waits in a row after which the first was refused again: each doubles the next.
    blocked: u32,
    question: Option<Question>,
    since: Instant,
    refused_at: Instant,
    /// How long the last refusal stopped everybody, in the upstream's own words.
    stop: Option<Duration>,
    /// The launches that are judged together: those up to the last refusal that was judged, and after the
    /// one before it.
    after: u64,
    upto: u64,
    /// Launches since then.
    sent: u32,
    /// When callers began to wait for the rate alone.
    waiting_since: Option<Instant>,
}

/// A launch whose fate decides for others.
#[derive(Clone, Copy, Debug)]
struct Question {
    number: u64,
    kind: Kind,
    /// Not refused by then: taken.
    due: Instant,
}

/// Why a launch was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// It was due.
    Due,
    /// It asks for all, after a wait; within the window of streams or not.
    First { within: bool },
    /// It asks whether there is a place beyond the window.
    Probe,
}

/// A launch, as its ticket remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Launch {
    pub(crate) number: u64,
    pub(crate) at: Instant,
    /// How many others were under way.
    pub(crate) beside: u64,
    pub(crate) kind: Kind,
}

/// The first wait where no time is named: some round trips, and short beside a stream.
const HOLD: Duration = Duration::from_millis(100);

/// How often it doubles: up to 3.2 s. Longer waits cost those who come when all is well again; shorter ones
/// cost attempts where places become free every few seconds only.
const DOUBLINGS: u32 = 5;

/// How long before what was taken in a second says something about the limit, and not about a burst at the
/// beginning or the first streams that have not ended yet.
const SETTLED: Duration = Duration::from_secs(3);

/// How long a limit is believed in that nobody meets any more.
const BELIEVED: Duration = Duration::from_secs(60);

/// The same, in units of the time that a refusal stopped everybody.
const BELIEVED_STOPS: u32 = 10;

impl Limit {
    /// The upstream's first refusal. `launched` is what was sent in the second before, `upto` the last of it.
    pub(crate) fn new(
        now: Instant,
        launch: &Launch,
        launched: f64,
        upto: u64,
        stop: Option<Duration>,
        random: f64,
    ) -> Self {
        let mut limit = Self {
            rate: Rate::guess(now, launched, stop),
            slots: Slots::new(now, launch.beside),
            hold: now,
            blocked: 0,
            question: None,
            since: now,
            refused_at: now,
            stop,
            after: 0,
            upto,
            sent: 0,
            waiting_since: None,
        };
        limit.hold_back(now, random);
        limit
    }

    /// Brings it up to now. `false`: it has not been met for so long that it is forgotten.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        let stop = self.stop.unwrap_or_default();
        if let Some(question) = self.question.filter(|question| now >= question.due) {
            self.answered(now, question);
        }
        if let Some(since) = &mut self.waiting_since {
            self.rate.grow(now, now.saturating_duration_since(*since), stop);
            *since = now;
        }
        now.saturating_duration_since(self.refused_at) < BELIEVED.max(stop.saturating_mul(BELIEVED_STOPS))
    }

    /// When the next launch may be, if not now; else whether it may well be refused. `ramp` is when one may be
    /// that nothing but the ramp holds back.
    pub(crate) fn ready(&mut self, now: Instant, flight: u64, ramp: Instant) -> Result<bool, Instant> {
        self.waiting_since = None;
        if now < self.hold {
            return Err(self.hold);
        }
        if let Some(window) = self.slots.window() {
            if flight < window {
                return if now < ramp { Err(ramp) } else { Ok(false) };
            }
            let at = self.question.map_or(self.slots.probe_at(), |question| question.due);
            return if now < at { Err(at) } else { Ok(true) };
        }
        if let Some(question) = self.question {
            return Err(question.due);
        }
        if now < self.rate.ready_at() {
            self.waiting_since = Some(now);
            return Err(self.rate.ready_at());
        }
        Ok(self.sent == 0)
    }

    pub(crate) fn nobody_waits(&mut self) {
        self.waiting_since = None;
    }

    /// A launch beside `flight` others. Where it decides for others, it is taken if not refused by `due`.
    pub(crate) fn launched(
        &mut self,
        now: Instant,
        number: u64,
        flight: u64,
        due: Instant,
        stopped: Instant,
    ) -> Kind {
        let within = self.slots.has_room(flight);
        let kind = match (self.slots.window(), self.sent) {
            (Some(_), _) if !within => Kind::Probe,
            (_, 0) => Kind::First { within },
            _ => Kind::Due,
        };
        if kind != Kind::Due {
            self.question = Some(Question { number, kind, due });
        }
        // Nothing is made up for of a stop that the upstream asked for, nor of a wait that did not help.
        let since = if self.blocked > 0 { now } else { stopped };
        self.rate.launched(now, since);
        self.sent = self.sent.saturating_add(1);
        kind
    }

    /// A head came.
    pub(crate) fn taken(&mut self, now: Instant, launch: &Launch) {
        self.slots.taken(now, launch.beside);
        if let Some(question) = self.question.filter(|question| question.number == launch.number) {
            self.answered(now, question);
        }
    }

    /// A stream has ended: where places are what is limited, there is one now.
    pub(crate) fn ended(&mut self, now: Instant, flight: u64) {
        if self.slots.is_suspected() && self.sent == 0 && self.slots.has_room(flight) {
            self.hold = self.hold.min(now);
            self.rate.due(now);
        }
    }

    /// A refusal. `taken(since)` is what was taken a second since then, `upto` the last launch there was.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        launch: &Launch,
        upto: u64,
        stop: Option<Duration>,
        taken: impl Fn(Instant) -> f64,
        random: f64,
    ) {
        self.refused_at = now;
        self.question = self.question.filter(|question| question.number != launch.number);
        self.stop = stop.or(self.stop.filter(|_| launch.number <= self.upto));
        let taken = (now >= far(self.since, SETTLED)).then(|| taken(self.since));
        if launch.kind == Kind::Probe && self.slots.window().is_some() {
            self.sent = self.sent.saturating_sub(1);
            return self.slots.probe_refused(now, launch.beside, stop.unwrap_or_default());
        }
        if launch.number <= self.upto {
            // Sent before the last one was judged: judged with it.
            if launch.number > self.after {
                self.slots.narrow(launch.beside);
                if self.blocked == 0 {
                    self.rate.refused_more(stop, taken);
                }
            }
            return;
        }
        let is_first = matches!(launch.kind, Kind::First { .. });
        if self.slots.bears(now, launch.beside) {
            self.blocked = 0;
        } else {
            self.slots.refused(now, launch.beside, is_first, stop);
            if is_first {
                // It says that the upstream is not ready, and nothing about how much it takes.
                self.blocked = (self.blocked + 1).min(DOUBLINGS);
            } else {
                self.blocked = 0;
                self.rate.refused(self.sent, stop, taken);
            }
        }
        (self.after, self.upto, self.sent) = (self.upto, upto, 0);
        self.hold_back(now, random);
    }

    /// Waits where the upstream named no time.
    fn hold_back(&mut self, now: Instant, random: f64) {
        if self.stop.is_none() {
            let hold = HOLD * 2u32.pow(self.blocked);
            self.hold = now + hold + hold.mul_f64(random / 2.0);
        }
    }

    /// After a refusal: rests until some time after `until`.
    pub(crate) fn rest(&mut self, until: Instant) {
        self.rate.rest(until.max(self.hold), self.stop.unwrap_or_default());
    }

    pub(crate) fn hold(&self) -> Instant {
        self.hold
    }

    /// Since when it is known.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    fn answered(&mut self, now: Instant, question: Question) {
        self.question = None;
        match question.kind {
            Kind::First { within } => {
                self.blocked = 0;
                self.slots.first_taken(now, within, self.stop.unwrap_or_default());
            }
            Kind::Probe => self.slots.probe_taken(now),
            Kind::Due => {}
        }
    }
}
