use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// One retry, in the units that credit is counted in: fine enough for any ratio, and the largest credit
/// there can be still fits.
const ONE: i64 = 1 << 32;

/// How long credit is kept: about ten seconds, in whole ones. With eight, a total outage of a minute that
/// follows a calm costs at most a quarter more than its first attempts (ratio 0.2, 50 callers a second).
const KEPT: usize = 8;

/// The most credit there can be, in retries. No upstream takes a million requests a second.
const MOST: f64 = (1u32 << 30) as f64;

/// How many retries failures may cause: a share of the first attempts, and a few a second.
///
/// Attempts that the upstream fails bound the work of each call, but not of all of them: when everything
/// fails, five attempts are five times the load. A budget bounds the sum (Google's SRE book, "Handling
/// Overload"; Finagle's `RetryBudget`). It is for failures: 5xx, broken connections, broken streams. A 429
/// is no failure, and is the [`Pacer`](crate::Pacer)'s business.
///
/// A first attempt is counted when it is sent ([`sent`](Self::sent)), not when it ends: streams last minutes,
/// and an outage would be over before it was seen. Unspent credit is kept for about ten seconds' worth of
/// the recent first attempts, so that a long calm does not pay for a storm.
///
/// Over any time the retries are at most `ratio` times the first attempts, plus `floor` times the seconds,
/// plus what was kept at its beginning. When everything fails they are exactly that: nothing is rounded
/// but below a billionth of a retry.
///
/// All is done with atomics: there is no lock that an upstream's callers meet at.
#[derive(Debug)]
pub struct Budget {
    ratio: f64,
    floor: f64,
    start: Instant,
    /// In units of `ONE`th retries.
    credit: AtomicI64,
    /// First attempts that have not been paid in: what they bring is reckoned when somebody asks for it, so
    /// that a call which succeeds costs two additions.
    fresh: AtomicU64,
    /// Up to when the floor has been paid in, in nanoseconds since the start.
    paid: AtomicU64,
    /// First attempts in each of the last seconds: the second in the upper half, the count in the lower.
    seconds: [AtomicU64; KEPT],
}

impl Budget {
    /// Allows `ratio` retries for each first attempt (0 to 100), and `floor` a second whatever is sent.
    ///
    /// `None` where one of them is no number, negative, or where `ratio` is over 100 or `floor` over a
    /// million. The floor's first seconds are there at once: a lone first call may be tried again.
    pub fn new(ratio: f64, floor: f64, now: Instant) -> Option<Self> {
        let valid = (0.0..=100.0).contains(&ratio) && (0.0..=1e6).contains(&floor);
        valid.then(|| Self {
            ratio,
            floor,
            start: now,
            credit: AtomicI64::new(units(floor * KEPT as f64)),
            fresh: AtomicU64::new(0),
            paid: AtomicU64::new(0),
            seconds: Default::default(),
        })
    }

    /// A first attempt is sent.
    pub fn sent(&self, now: Instant) {
        self.count(now.saturating_duration_since(self.start));
        self.fresh.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one retry out, where there is one.
    pub fn try_retry(&self, now: Instant) -> bool {
        self.pay_in(now);
        let spend = |credit: i64| (credit >= ONE).then_some(credit - ONE);
        self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    /// How many retries could be made at once.
    pub fn left(&self, now: Instant) -> f64 {
        self.pay_in(now);
        self.credit.load(Ordering::Relaxed) as f64 / ONE as f64
    }

    /// Adds what calls and time have brought, and lets go what is too old.
    fn pay_in(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        // Whoever takes them pays for them.
        let earned = self.ratio * self.fresh.swap(0, Ordering::Relaxed) as f64;
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        // Whoever moves the mark pays for the time it moved it over: nobody pays twice.
        let before = self.paid.fetch_max(nanos, Ordering::Relaxed);
        let seconds = nanos.saturating_sub(before) as f64 / 1e9;
        let brought = units(earned + self.floor * seconds);
        let kept = units(self.kept(since));
        let add = |credit: i64| Some(credit.saturating_add(brought).min(kept));
        // Always `Ok`: `add` never declines.
        let _ = self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The most credit that is kept, in retries.
    fn kept(&self, since: Duration) -> f64 {
        let now = since.as_secs();
        let recent = |slot: &AtomicU64| {
            let (second, count) = unpack(slot.load(Ordering::Relaxed));
            if second + KEPT as u64 > now { count } else { 0 }
        };
        let first: u64 = self.seconds.iter().map(recent).sum();
        // Never below two retries and what one call brings: a small share of few calls needs longer than that
        // to add up to one, and must not lose what comes on top.
        (self.ratio * first as f64 + self.floor * KEPT as f64).max(2.0 + self.ratio)
    }

    fn count(&self, since: Duration) {
        let now = since.as_secs().min(u64::from(u32::MAX));
        let slot = &self.seconds[now as usize % KEPT];
        let add = |packed: u64| {
            let (second, count) = unpack(packed);
            if second > now {
                // A second that is over eight seconds ago; somebody was held up very long.
                return None;
            }
            let count = if second == now { count + 1 } else { 1 };
            Some(now << 32 | count.min(u64::from(u32::MAX)))
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

fn unpack(packed: u64) -> (u64, u64) {
    (packed >> 32, packed & u64::from(u32::MAX))
}

fn units(retries: f64) -> i64 {
    (retries.min(MOST) * ONE as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    /// Everything fails, and is tried again as often as it may be: `per_second` first attempts for `seconds`.
    fn outage(budget: &Budget, start: Instant, per_second: f64, seconds: f64) -> u64 {
        let mut retries = 0;
        for n in 0..(per_second * seconds) as u64 {
            let now = at(start, n as f64 / per_second);
            budget.sent(now);
            while budget.try_retry(now) {
                retries += 1;
            }
        }
        retries
    }

    #[test]
    fn when_all_fails_retries_are_the_share_and_the_floor_exactly() {
        for ratio in [0.0, 0.001, 0.3, 0.7, 1.0, 1.5, 100.0] {
            for floor in [0.0, 0.1, 1.0, 7.5] {
                for (per_second, seconds) in [(100.0, 100.0), (3.0, 1_000.0), (0.5, 4_000.0)] {
                    let start = Instant::now();
                    let budget = Budget::new(ratio, floor, start).unwrap();
                    let retries = outage(&budget, start, per_second, seconds) as f64;
                    let time = seconds - 1.0 / per_second;
                    let owed = ratio * per_second * seconds + floor * time + floor * KEPT as f64;
                    // What is left is less than one retry.
                    let off = owed - retries;
                    assert!((-1e-6..1.0 + 1e-6).contains(&off), "{ratio} {floor} {per_second}: off by {off}");
                    assert!(
                        (budget.left(at(start, time)) - off).abs() < 1e-3,
                        "{ratio} {floor}: {} left",
                        budget.left(at(start, time))
                    );
                }
            }
        }
    }

    #[test]
    fn an_outage_of_a_minute_costs_a_quarter_more_even_after_a_calm() {
        for calm in [0.0, 3_600.0] {
            let start = Instant::now();
            let budget = Budget::new(0.2, 1.0, start).unwrap();
            (0..(50.0 * calm) as u64).for_each(|n| budget.sent(at(start, n as f64 / 50.0)));
            let retries = outage(&budget, at(start, calm), 50.0, 60.0);
            let per_caller = (3_000 + retries) as f64 / 3_000.0;
            assert!((1.2..=1.25).contains(&per_caller), "{per_caller}");
        }
    }

    #[test]
    fn credit_expires_with_the_traffic_that_earned_it() {
        let start = Instant::now();
        let budget = Budget::new(0.2, 0.0, start).unwrap();
        (0..100_000).for_each(|n| budget.sent(at(start, f64::from(n) / 1_000.0)));
        let left = budget.left(at(start, 100.0));
        assert!((1_400.0..=1_600.0).contains(&left), "{left}");
        // Twenty seconds later hardly anything is sent.
        budget.sent(at(start, 120.0));
        let left = budget.left(at(start, 120.0));
        assert!(left < 2.3, "{left}");
    }

    #[test]
    fn a_small_share_of_few_calls_adds_up() {
        let start = Instant::now();
        let budget = Budget::new(0.001, 0.0, start).unwrap();
        // One call in five seconds: a retry in 5 000 s.
        assert_eq!(outage(&budget, start, 0.2, 20_100.0), 4);
    }

    #[test]
    fn a_lone_first_call_may_be_tried_again_where_there_is_a_floor() {
        let start = Instant::now();
        let allowed = |floor| {
            let budget = Budget::new(0.2, floor, start).unwrap();
            budget.sent(start);
            budget.try_retry(start)
        };
        assert!(allowed(1.0));
        assert!(!allowed(0.0));
    }

    #[test]
    fn what_is_no_share_is_not_taken() {
        let now = Instant::now();
        for (ratio, floor) in [(-0.1, 1.0), (100.1, 1.0), (f64::NAN, 1.0), (0.2, -1.0), (0.2, f64::INFINITY)]
        {
            assert!(Budget::new(ratio, floor, now).is_none(), "{ratio} {floor}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_pays_nothing_twice() {
        let start = Instant::now();
        let budget = Budget::new(0.0, 1.0, start).unwrap();
        let mut retries = 0;
        for n in 0..1_000 {
            let now = at(start, if n % 2 == 0 { 50.0 } else { 10.0 });
            retries += u32::from(budget.try_retry(now));
        }
        // Eight at first, and no more than eight are kept.
        assert_eq!(retries, 8);
    }

    #[test]
    fn threads_together_never_overdraw() {
        let start = Instant::now();
        let budget = Budget::new(0.3, 2.0, start).unwrap();
        let (sent, retried) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, sent, retried) = (&budget, &sent, &retried);
                scope.spawn(move || {
                    for n in 0..20_000u32 {
                        let now = at(start, f64::from(n) / 2_000.0);
                        sent.fetch_add(1, Ordering::SeqCst);
                        budget.sent(now);
                        for _ in 0..=thread % 3 {
                            if budget.try_retry(now) {
                                // Counted before it was earned, it would be more than there can be.
                                let retried = retried.fetch_add(1, Ordering::SeqCst) + 1;
                                let most = 0.3 * sent.load(Ordering::SeqCst) as f64 + 2.0 * 10.0 + 16.0;
                                assert!(retried as f64 <= most, "{retried} of {most}");
                            }
                        }
                    }
                });
            }
        });
        let (sent, retried) = (sent.into_inner() as f64, retried.into_inner() as f64);
        assert_eq!(sent, 160_000.0);
        let owed = 0.3 * sent + 2.0 * 10.0 + 16.0;
        assert!(retried <= owed && retried > 0.99 * owed, "{retried} of {owed}");
    }
}
