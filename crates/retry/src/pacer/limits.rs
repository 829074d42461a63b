use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

/// What an upstream tells of its limits, in the headers of any answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// How many requests it takes.
    pub requests: Option<Allowance>,
    /// How many tokens; where several kinds are counted, the one of which the least is left.
    pub tokens: Option<Allowance>,
}

/// One of an upstream's allowances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// The whole of it.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// When it is whole again.
    pub reset: Duration,
}

/// Keeps launches within what an upstream has told. It can only hold back: headers are hints.
///
/// An allowance is taken to refill evenly until it is whole. Where it comes back all at once, that lets
/// the next request go too early, and a refusal names the time.
#[derive(Debug, Default)]
pub(crate) struct Told {
    requests: Gauge,
    tokens: Gauge,
}

#[derive(Debug, Default)]
struct Gauge {
    told: Option<Reading>,
    /// What a request takes, as far as that has been seen; smoothed.
    cost: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The number of the launch whose answer said so.
    number: u64,
    left: f64,
    per_second: f64,
    at: Instant,
    until: Instant,
}

/// How long a reading counts at most: allowances are of a minute, and what takes longer a refusal will say.
const HEARD_FOR: Duration = Duration::from_secs(60);

/// How much a new cost counts against the old ones.
const SMOOTHING: f64 = 0.2;

impl Told {
    /// The answer to launch `number` said so.
    pub(crate) fn tell(&mut self, now: Instant, number: u64, limits: &Limits) {
        self.requests.tell(now, number, limits.requests, Some(1.0));
        self.tokens.tell(now, number, limits.tokens, None);
    }

    /// When there is enough for one more launch after launch `number`, where that is later than now.
    pub(crate) fn ready_at(&self, now: Instant, number: u64) -> Option<Instant> {
        self.requests.ready_at(now, number).max(self.tokens.ready_at(now, number))
    }
}

impl Gauge {
    fn tell(&mut self, now: Instant, number: u64, told: Option<Allowance>, cost: Option<f64>) {
        let Some(told) = told.filter(|told| told.limit > 0 && !told.reset.is_zero()) else { return };
        let before = self.told.filter(|before| now < before.until);
        if before.is_some_and(|before| before.number >= number) {
            return;
        }
        let left = told.remaining as f64;
        let missing = (told.limit as f64 - left).max(0.0);
        let reading = Reading {
            number,
            left,
            per_second: missing / told.reset.as_secs_f64(),
            at: now,
            until: now + told.reset.min(HEARD_FOR),
        };
        let seen = before.map(|before| (before.left_at(now) - left) / (number - before.number) as f64);
        self.cost = cost.or_else(|| match (self.cost, seen.filter(|seen| *seen > 0.0)) {
            (Some(old), Some(seen)) => Some(old + SMOOTHING * (seen - old)),
            (old, seen) => old.or(seen),
        });
        self.told = Some(reading);
    }

    fn ready_at(&self, now: Instant, number: u64) -> Option<Instant> {
        let told = self.told.filter(|told| now < told.until)?;
        let cost = self.cost?;
        // What was launched since then is counted by the upstream before the next one is.
        let missing = cost * (number.saturating_sub(told.number) + 1) as f64 - told.left_at(now);
        if missing <= 0.0 {
            return None;
        }
        let wait = Duration::try_from_secs_f64(missing / told.per_second).unwrap_or(Duration::MAX);
        Some(far(now, wait).min(told.until))
    }
}

impl Reading {
    fn left_at(&self, now: Instant) -> f64 {
        self.left + self.per_second * now.saturating_duration_since(self.at).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn requests(limit: u64, remaining: u64, reset: Duration) -> Limits {
        Limits { requests: Some(Allowance { limit, remaining, reset }), tokens: None }
    }

    #[test]
    fn what_is_left_may_be_used_and_then_what_comes_back() {
        let now = Instant::now();
        let mut told = Told::default();
        told.tell(now, 7, &requests(60, 2, 58 * SECOND));
        assert_eq!(told.ready_at(now, 7), None);
        assert_eq!(told.ready_at(now, 8), None);
        assert_eq!(told.ready_at(now, 9), Some(now + SECOND));
        assert_eq!(told.ready_at(now + SECOND, 9), None);
        // It is whole: nothing is known any more.
        assert_eq!(told.ready_at(now + 58 * SECOND, 200), None);
    }

    #[test]
    fn an_answer_to_an_earlier_request_changes_nothing() {
        let now = Instant::now();
        let mut told = Told::default();
        told.tell(now, 7, &requests(60, 0, 60 * SECOND));
        told.tell(now, 5, &requests(60, 50, 10 * SECOND));
        assert_eq!(told.ready_at(now, 7), Some(now + SECOND));
    }

    #[test]
    fn what_tells_no_rate_holds_nobody() {
        let now = Instant::now();
        let mut told = Told::default();
        told.tell(now, 1, &requests(0, 0, SECOND));
        told.tell(now, 2, &requests(60, 0, Duration::ZERO));
        assert_eq!(told.ready_at(now, 2), None);
    }

    #[test]
    fn an_allowance_of_a_day_holds_nobody_for_a_day() {
        let now = Instant::now();
        let mut told = Told::default();
        told.tell(now, 1, &requests(200, 0, 86_400 * SECOND));
        assert_eq!(told.ready_at(now, 1), Some(now + 60 * SECOND));
        assert_eq!(told.ready_at(now + 60 * SECOND, 1), None);
    }

    #[test]
    fn the_price_of_a_request_in_tokens_is_learnt() {
        let now = Instant::now();
        let mut told = Told::default();
        let mut tokens = |number, remaining| {
            let tokens = Some(Allowance { limit: 10_000, remaining, reset: 100 * SECOND });
            told.tell(now, number, &Limits { requests: None, tokens });
            told.ready_at(now, number)
        };
        // One reading says nothing about a request's price.
        assert_eq!(tokens(1, 2_000), None);
        assert_eq!(tokens(2, 1_000), None);
        // 1000 a request; 100 tokens a second come back.
        assert_eq!(tokens(3, 0), Some(now + 10 * SECOND));
    }
}
