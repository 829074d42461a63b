use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

/// How many launches a second an upstream takes that has refused some.
///
/// The first guess is what it took at its first refusal, in a second: most limits are of a second, and
/// their burst too. From there the rate grows fast until it is refused, and is then known. Known, it is cut
/// by the share that was refused, rests, and grows again, slowly at first and faster the longer it is not
/// refused. It only grows while callers wait for nothing else.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    /// When the next launch is due.
    next: Instant,
    stage: Stage,
    /// What the stage began with.
    guess: f64,
    rests_until: Instant,
    cut: Cut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Guessed; refusals of what was sent before still correct it.
    Guessed,
    /// Growing toward a limit that has not been met.
    Seeking,
    Known,
}

/// A cut, and what it is reckoned from: more refusals of the same launches deepen it.
#[derive(Clone, Copy, Debug)]
struct Cut {
    before: f64,
    sent: f64,
    refused: f64,
    was_seeking: bool,
}

/// What is asked for of what was learnt: a rate a little below the limit is refused rarely, one at the limit
/// is refused at every unevenness. Where refusals count against the limit, only the first is bearable.
const AIM: f64 = 0.95;

/// A cut is reckoned as if so many more had been taken: few launches say little.
const PRIOR: f64 = 10.0;

/// The deepest cut at once.
const DEEPEST: f64 = 0.5;

/// The cut where the upstream stops everybody for a time: nothing more is refused then, so nothing tells by
/// how much the rate was too high, and the next refusal costs another stop.
const STOPPED: f64 = 0.75;

/// What a rate is cut to that overshot while seeking: at the growth below, it is about half too high.
const OVERSHOT: f64 = 0.65;

/// Growth a second while seeking, as an exponent: fourfold.
const SEEK: f64 = 1.4;

/// The same for a known rate, at first. It doubles every second, up to `FASTEST`: twofold. A slow rate
/// grows by no more than `PER_LAUNCH` from one launch to the next, or it would not hear of its limit.
const SLOWEST: f64 = 0.1;
const FASTEST: f64 = 0.7;
const PER_LAUNCH: f64 = 0.1;

/// How long a known rate rests after it was refused: so long, and so many launches, and so many times as long
/// as the refusal stopped everybody. So probes cost a small share of the requests, and of the time.
const REST: Duration = Duration::from_secs(1);
const REST_LAUNCHES: f64 = 10.0;
const REST_STOPS: u32 = 5;

/// How much may be made up for when launches came late, so that timers and verdicts cost nothing.
const CREDIT: Duration = Duration::from_millis(50);

/// What is taken in a few seconds cannot show a limit that is lower than this.
const LEAST_LIMIT: f64 = 0.5;

/// The bounds of any rate, in launches a second.
const LEAST: f64 = 1.0 / 60.0;
const MOST: f64 = 1e6;

impl Rate {
    /// Guessed from how many were `launched` in the second before the first refusal. `stop` is how long the
    /// upstream wants to be left alone.
    pub(crate) fn guess(now: Instant, launched: f64, stop: Option<Duration>) -> Self {
        let cut = Cut { before: launched, sent: launched, refused: 0.0, was_seeking: false };
        let mut rate = Self {
            per_second: launched,
            next: now,
            stage: Stage::Guessed,
            guess: launched,
            rests_until: now,
            cut,
        };
        rate.refused_more(stop, None);
        rate
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.per_second
    }

    pub(crate) fn is_known(&self) -> bool {
        self.stage == Stage::Known
    }

    pub(crate) fn ready_at(&self) -> Instant {
        self.next
    }

    /// A launch. Lost time is made up for from `since` on.
    pub(crate) fn launched(&mut self, now: Instant, since: Instant) {
        if self.stage == Stage::Guessed {
            self.stage = Stage::Seeking;
        }
        let late = now.checked_sub(CREDIT).unwrap_or(now).max(since.min(now));
        self.next = self.next.max(late) + Duration::from_secs_f64(1.0 / self.per_second);
    }

    /// No launch was due before.
    pub(crate) fn due(&mut self, now: Instant) {
        self.next = self.next.min(now);
    }

    /// Callers have waited for the rate alone, for so long.
    pub(crate) fn grow(&mut self, now: Instant, waited: Duration, stop: Duration) {
        let speed = match self.stage {
            // A refusal that costs a long stop is not sought in a hurry.
            Stage::Guessed | Stage::Seeking => SEEK / (stop.as_secs_f64() / 4.0).max(1.0),
            Stage::Known => match now.checked_duration_since(self.rests_until) {
                Some(grown) if now > self.rests_until => {
                    (SLOWEST * grown.as_secs_f64().exp2()).min(FASTEST).min(PER_LAUNCH * self.per_second)
                }
                _ => 0.0,
            },
        };
        let before = self.per_second;
        self.per_second = (before * (speed * waited.as_secs_f64().min(1.0)).exp()).min(MOST);
        // What is left of the wait is at the new rate: a first guess may be one launch in many seconds.
        if let Some(left) = self.next.checked_duration_since(now) {
            self.next = now + left.mul_f64(before / self.per_second);
        }
    }

    /// Refused, after `sent` launches since the last time. `taken` is what the upstream took a second, where
    /// that has been seen for long enough.
    pub(crate) fn refused(&mut self, sent: u32, stop: Option<Duration>, taken: Option<f64>) {
        let was_seeking = self.stage != Stage::Known;
        self.cut = Cut { before: self.per_second, sent: f64::from(sent), refused: 0.0, was_seeking };
        self.stage = Stage::Known;
        self.refused_more(stop, taken);
    }

    /// One more of those that were sent before the cut.
    pub(crate) fn refused_more(&mut self, stop: Option<Duration>, taken: Option<f64>) {
        self.cut.refused += 1.0;
        let Cut { before, sent, refused, was_seeking } = self.cut;
        if self.stage == Stage::Guessed {
            let seconds = stop.map_or(1.0, |stop| stop.as_secs_f64().max(1.0));
            self.guess = (AIM * (sent - refused).max(1.0) / seconds).clamp(LEAST, MOST);
            self.per_second = self.guess;
            return;
        }
        let mut rate = match stop {
            Some(_) => before * STOPPED,
            None => before * (AIM * (1.0 - refused / (sent + PRIOR))).max(DEEPEST),
        };
        if was_seeking {
            rate = rate.min((OVERSHOT * before).max(self.guess));
        }
        if let Some(taken) = taken.filter(|_| stop.is_none()) {
            // What was taken for seconds is no more than the limit, and hardly less than half of it.
            rate = rate.clamp(AIM * taken, (2.0 * taken).max(LEAST_LIMIT));
        }
        self.per_second = rate.min(self.per_second).max(LEAST);
    }

    /// Rests until some time after `until`.
    pub(crate) fn rest(&mut self, until: Instant, stop: Duration) {
        let rest = REST
            .max(Duration::from_secs_f64(REST_LAUNCHES / self.per_second))
            .max(stop.saturating_mul(REST_STOPS));
        self.rests_until = far(until, rest);
    }
}
