use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

mod models;
mod pace;
mod slope;
mod strays;
mod window;

use pace::{Advice, Pace};
use strays::Strays;
use window::Window;

/// A limit on the streams that are under way toward one upstream at a time, which finds out by itself how
/// many that should be.
///
/// A stream counts until its last byte. How long it takes says nothing about load: answers differ a
/// hundredfold in length. It listens to three things, in this order:
///
/// 1. **Refusals** (429, 503, 529), and quota headers that say that nothing is left.
/// 2. **The time to the first event**, against what is usual for the model: twice as long is slow.
/// 3. **The time between events**, likewise: three times as long is slow. An engine that works on many
///    streams at once is expected to be slower for each of them.
///
/// It begins at its maximum, and comes down at the first sign of trouble. A start from 16 that doubles with
/// each round of first events would hold the last of 500 callers for five times the time to a first event,
/// which is half a minute where models think; and what it would save before a small upstream is one round
/// of refusals, which is paced elsewhere. The first refusals say at once how many streams fit: as many as
/// the refused one was admitted beside.
///
/// # What it keeps to
///
/// * Never below one, never above the maximum.
/// * It grows only where all the places that it is sure of are taken, or where a cut turns out not to have
///   helped.
/// * Calls that were admitted before the last cut have no say in the next.
/// * Fewer than one refusal in eight calls, or some slow first events among many, are chance.
/// * A model that is slower for good, at any load, is the usual one after some readings.
/// * After any history the limit reaches what is asked for within twenty seconds and a dozen first events,
///   where the upstream is well: each probe is twice as large as the one before.
///
/// In simulation it gets at least 85 % done of what the best fixed limit does, and mostly more than 95 %,
/// before upstreams with 8 slots, with 60, with 60 that fall to 20 and rise again, and before engines that
/// queue or thrash beyond 32 streams; under steady, stepped and rising load, with and without noise
/// (its tests hold it to that).
///
/// All calls take constant time. It holds no more than sixteen models' averages, twice: about five kilobytes.
///
/// # How to use it
///
/// Where fewer than [`limit`](Self::limit) are under way, [`admitted`](Self::admitted) gives an
/// [`Admission`], which must find its way back by [`ended`](Self::ended), whatever becomes of the call. Every
/// call of it may make room. Time alone makes room too, at [`rises_at`](Self::rises_at).
///
/// # What it cannot do
///
/// * It is right only about an upstream that gets all its calls through it, or whose other callers are few.
/// * An upstream whose first events become twice as slow long before it is full is held at that point.
/// * A herd that finds it cold is sent at once, also to an engine that refuses nothing: it hears of that one
///   only by the first events that do not come.
/// * Before an engine with few seats that thrashes a limit two or three too high costs about a fifth.
#[derive(Debug)]
pub(crate) struct Adaptive {
    window: Window,
    strays: Strays,
    first_events: Pace,
    gaps: Pace,
    in_flight: usize,
    admissions: u64,
    /// Cuts so far.
    round: u64,
    spent: Option<Spent>,
    next_gap: Option<Instant>,
    random: fastrand::Rng,
}

/// Nothing is left of a quota.
#[derive(Clone, Copy, Debug)]
struct Spent {
    until: Instant,
    /// The limit until then.
    limit: usize,
}

/// A call under way. It has to be given back to [`Adaptive::ended`], exactly once.
#[derive(Debug)]
#[must_use = "a call that never ends takes its place for good"]
pub(crate) struct Admission {
    number: u64,
    round: u64,
    at: Instant,
    /// How many streams there were then, this one included.
    load: usize,
    model: u64,
    heard: bool,
}

/// What became of a call, as far as the limit is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The upstream had no place for it: 429, 503, 529, or an error event that says the same.
    Refused,
    /// The upstream did its work.
    Success,
    /// It did not, or not in time.
    Failure,
    /// It says nothing about the upstream: the caller left, or the request was at fault.
    Neutral,
}

/// Slow first events: a queue in the upstream is seen as soon as it is as long as the work itself, and
/// the ordinary ups and downs are not.
const SLOW_FIRST_EVENT: f64 = 2.0;

/// Slow events. Engines that batch become two to three times slower up to where they are full, and do more
/// in all.
const SLOW_GAP: f64 = 3.0;

/// Gaps come by the hundred a second, and look alike within one. Twenty a second make a reading in 0.8 s.
const BETWEEN_GAPS: Duration = Duration::from_millis(50);

/// What a cut for refusals leaves. A little less than halves, as usual for shared links, since a place that
/// is not asked for stays empty for as long as a stream.
const LEFT: f64 = 0.8;

/// The longest that a quota is believed to be spent: a header that is wrong must not shut an upstream.
const LONGEST_SPENT: Duration = Duration::from_secs(60);

impl Adaptive {
    /// A limit between 1 and `max` streams; a maximum of 0 counts as 1. `seed` spreads the probes of several
    /// processes.
    pub(crate) fn new(max: usize, seed: u64) -> Self {
        Self {
            window: Window::new(max),
            strays: Strays::default(),
            first_events: Pace::new(SLOW_FIRST_EVENT),
            gaps: Pace::new(SLOW_GAP),
            in_flight: 0,
            admissions: 0,
            round: 0,
            spent: None,
            next_gap: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// How many streams may be under way now.
    pub(crate) fn limit(&mut self, now: Instant) -> usize {
        self.window.advance(now);
        let _ = self.spent.take_if(|spent| now >= spent.until);
        let limit = self.window.limit();
        self.spent.map_or(limit, |spent| spent.limit.min(limit))
    }

    /// How many are under way.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// When the limit rises though nothing happens. `None`: not by itself.
    pub(crate) fn rises_at(&self) -> Option<Instant> {
        let spent = self.spent.map(|spent| spent.until);
        spent.into_iter().chain(self.window.rests_until()).min()
    }

    /// A call is sent now, to a model (any number that stands for it).
    ///
    /// It is counted even where there is no room: whether to let it pass is the caller's decision.
    pub(crate) fn admitted(&mut self, now: Instant, model: u64) -> Admission {
        self.in_flight += 1;
        self.admissions += 1;
        Admission {
            number: self.admissions,
            round: self.round,
            at: now,
            load: self.in_flight,
            model,
            heard: false,
        }
    }

    /// Its first event came. Only the first call for each admission counts.
    pub(crate) fn first_event(&mut self, admission: &mut Admission, now: Instant) {
        self.window.advance(now);
        if std::mem::replace(&mut admission.heard, true) || admission.round != self.round {
            return;
        }
        let took = now.saturating_duration_since(admission.at);
        let slow = self.first_events.is_slow(admission.model, took);
        if self.window.heard(admission.load, slow) {
            return self.probe_failed(now);
        }
        let sure = self.window.sure();
        let advice = self.first_events.heard(admission.model, admission.at, took, admission.load, sure);
        self.follow(now, advice);
    }

    /// So long passed between two of its events. It may be told of each; few are looked at.
    pub(crate) fn gap(&mut self, admission: &Admission, gap: Duration, now: Instant) {
        // While more streams than that are left from before a cut, it shows the load of before.
        if self.next_gap.is_some_and(|next| now < next) || self.in_flight > self.limit(now) {
            return;
        }
        self.next_gap = Some(now + BETWEEN_GAPS);
        let advice = self.gaps.heard(admission.model, now, gap, self.in_flight, self.window.sure());
        self.follow(now, advice);
    }

    /// The upstream says that nothing is left of a quota until then. Until then, a minute at most, no more
    /// are let in than are under way now.
    pub(crate) fn spent(&mut self, until: Instant, now: Instant) {
        let until = until.min(far(now, LONGEST_SPENT));
        if now < until {
            self.spent = Some(Spent { until, limit: self.in_flight.max(1) });
        }
    }

    /// It is over, in whatever way.
    pub(crate) fn ended(&mut self, admission: Admission, outcome: Outcome, now: Instant) {
        self.window.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if admission.round != self.round {
            return;
        }
        match outcome {
            Outcome::Refused => self.refused(&admission, now),
            _ if admission.heard => {}
            Outcome::Success => {
                // An answer in one piece: it was taken, and the time that it took is its length.
                if self.window.heard(admission.load, false) {
                    self.probe_failed(now);
                }
            }
            Outcome::Failure | Outcome::Neutral => {
                let waited = now.saturating_duration_since(admission.at);
                let (lost, sure) = (outcome == Outcome::Failure, self.window.sure());
                let advice = self.first_events.missed(admission.model, waited, admission.load, lost, sure);
                self.follow(now, advice);
            }
        }
    }

    fn refused(&mut self, admission: &Admission, now: Instant) {
        let (load, is_probe) = (admission.load, self.window.is_probe(admission.load));
        if is_probe && !self.window.is_probing() {
            // The rest of a probe that has failed already.
            return;
        }
        let believed = self.strays.refused(admission.number, load);
        if is_probe && (self.window.is_small() || believed.is_some()) {
            self.probe_failed(now);
        } else if let Some(fewest) = believed {
            let left = (self.window.sure() as f64 * LEFT) as usize;
            self.cut(now, left.min(fewest.saturating_sub(1)));
        }
    }

    fn follow(&mut self, now: Instant, advice: Option<Advice>) {
        match advice {
            Some(Advice::Cut(to)) => {
                self.window.slow();
                self.cut(now, to);
            }
            Some(Advice::Restore(to)) => self.window.restore(to),
            None => {}
        }
    }

    fn probe_failed(&mut self, now: Instant) {
        self.window.failed(now, self.random.f64());
        self.strays.clear();
    }

    /// Those who are under way were admitted at another limit: they have no say any more.
    fn cut(&mut self, now: Instant, to: usize) {
        self.window.cut(now, to, self.random.f64());
        self.round += 1;
        self.strays.clear();
        self.first_events.clear();
        self.gaps.clear();
    }
}

#[cfg(test)]
mod tests;
