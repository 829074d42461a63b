use std::time::Duration;

use tokio::time::Instant;

use super::models::{FIRST, Models};

/// Watches a time that grows with load: compares what was seen lately with what is usual.
///
/// Where it has become slow, that is either the load or the upstream. To find out, the limit is cut: a
/// *trial*. Where half the load does not make it faster, it is not the load: what is read then is usual
/// from now on, and the limit goes back to where it was. So an upstream that has become slower for good
/// costs some readings at down to half the limit.
#[derive(Debug)]
pub(super) struct Pace {
    /// As a logarithm.
    tolerance: f64,
    models: Models,
    samples: [f64; MOST],
    count: usize,
    /// How many of them will never show what is waited for.
    lost: usize,
    loads: f64,
    /// The highest load at which one of them is usual.
    usual_load: f64,
    /// How far samples are off on average when all is well.
    spread: f64,
    trial: Option<Trial>,
}

/// A cut whose effect is awaited.
#[derive(Clone, Copy, Debug)]
struct Trial {
    off: f64,
    load: f64,
    /// The limit before it.
    limit: usize,
}

/// What a reading asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    /// So many streams.
    Cut(usize),
    /// It was not the load: so many again.
    Restore(usize),
}

/// Samples of a reading. Its middle one says what is slow, so that a few slow ones say nothing. Sixteen
/// come within seconds; where fewer streams fit, it waits for no more than fit, and below four the middle
/// is chance.
const USUALLY: usize = 16;
const FEWEST: usize = 4;
/// Where many streams are under way, half as many samples as these, up to so many: readings come more often
/// there, and each has to be surer.
const MOST: usize = 64;

/// How much of the load a cut leaves: what it is slow by decides, within these.
const MOST_CUT: f64 = 0.7;
const LEAST_CUT: f64 = 0.85;

/// By so much half the load has to make it faster if load is the cause, as a logarithm: half of ln 2.
const HELPED: f64 = 0.35;

/// Until more is known, samples are a third off on average.
const FIRST_SPREAD: f64 = 0.3;

/// More counts as so much, or the differences that an overload makes would hide it.
const MOST_SPREAD: f64 = 0.7;

/// How many standard errors of its own a reading has to be off, where samples differ much: three of the
/// difference between two that are equally sure, itself and what is usual.
const ERRORS: f64 = 4.2;

/// A call that never showed its first event and failed counts as so slow at least: eight times.
const LOST: f64 = 2.08;

impl Pace {
    /// Slow is what takes `tolerance` times as long as usual.
    pub(super) fn new(tolerance: f64) -> Self {
        Self {
            tolerance: tolerance.ln(),
            models: Models::default(),
            samples: [0.0; MOST],
            count: 0,
            lost: 0,
            loads: 0.0,
            usual_load: 0.0,
            spread: FIRST_SPREAD,
            trial: None,
        }
    }

    /// Whether this one is slow for the model: two deviations at least, for it is judged alone.
    pub(super) fn is_slow(&self, model: u64, took: Duration) -> bool {
        let tolerance = self.tolerance.max(2.0 * 1.25 * self.spread);
        self.models.known(model, log(took)).is_some_and(|(off, _)| off > tolerance)
    }

    /// It took so long, beside `load` streams.
    pub(super) fn heard(
        &mut self,
        model: u64,
        at: Instant,
        took: Duration,
        load: usize,
        sure: usize,
    ) -> Option<Advice> {
        let known = self.models.known(model, log(took));
        let first = self.models.learn(model, log(took), load, self.spread, at);
        let Some((off, usual_load)) = known else {
            self.spreads(first.abs(), 1.0 / f64::from(FIRST));
            return None;
        };
        self.add(off, load, usual_load, false, sure)
    }

    /// It did not come in so long. `lost`: and never will have.
    pub(super) fn missed(
        &mut self,
        model: u64,
        waited: Duration,
        load: usize,
        lost: bool,
        sure: usize,
    ) -> Option<Advice> {
        let known = self.models.known(model, log(waited));
        let off = match (known, lost) {
            (Some((off, _)), true) if off > 0.0 => off.max(LOST),
            (Some((off, _)), false) if off > self.tolerance => off,
            (None, true) if waited >= LONG => LOST,
            _ => return None,
        };
        self.add(off, load, 0.0, lost, sure)
    }

    /// What has been seen is of the time before a cut.
    pub(super) fn clear(&mut self) {
        (self.count, self.lost, self.loads, self.usual_load) = (0, 0, 0.0, 0.0);
        self.models.begin();
    }

    fn add(&mut self, off: f64, load: usize, usual_load: f64, lost: bool, sure: usize) -> Option<Advice> {
        self.samples[self.count] = off;
        self.count += 1;
        self.lost += usize::from(lost);
        self.loads += load as f64;
        self.usual_load = self.usual_load.max(usual_load);
        if self.count < sure.clamp(FEWEST, USUALLY).max(load / 2).min(MOST) {
            return None;
        }
        let advice = self.judge(sure);
        self.clear();
        advice
    }

    fn spreads(&mut self, spread: f64, share: f64) {
        self.spread = (self.spread + (spread - self.spread) * share).min(MOST_SPREAD);
    }

    fn judge(&mut self, sure: usize) -> Option<Advice> {
        let count = self.count as f64;
        let samples = &mut self.samples[..self.count];
        samples.sort_by(f64::total_cmp);
        let (off, load) =
            ((samples[(self.count - 1) / 2] + samples[self.count / 2]) / 2.0, self.loads / count);
        // The standard error of a middle: 1.25 deviations over the root; a deviation is 1.25 times the
        // spread.
        let error = 1.57 * self.spread / count.sqrt();
        let tolerance = self.tolerance.max(ERRORS * error);
        if off <= tolerance {
            let spread = samples.iter().map(|it| (it - off).abs().min(LOST)).sum::<f64>() / count;
            self.spreads(spread, 0.1);
            self.trial = None;
            return None;
        }
        // At a load at which it was faster before, or at half the load of the trial, without being faster.
        let is_usual = load <= self.usual_load;
        if let Some(trial) = self.trial.filter(|trial| is_usual || load * 2.0 <= trial.load) {
            self.trial = None;
            // What never came cannot become usual.
            if (is_usual || trial.off - off < HELPED) && self.lost * 2 <= self.count {
                self.models.adopt(off, load);
                return Some(Advice::Restore(trial.limit));
            }
        }
        if is_usual {
            // Not the load; what is usual follows by itself.
            return None;
        }
        self.trial = self.trial.or(Some(Trial { off, load, limit: sure }));
        let left = (tolerance - off).exp().clamp(MOST_CUT, LEAST_CUT);
        Some(Advice::Cut((load.min(sure as f64) * left) as usize))
    }
}

/// Without an average, a call that fails before this is not slow but broken.
const LONG: Duration = Duration::from_secs(1);

/// A thousandth of a second at least: nothing shorter says anything.
fn log(took: Duration) -> f64 {
    took.max(Duration::from_millis(1)).as_secs_f64().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that knows that a first event takes a second beside ten streams, a tenth more or less.
    fn known(now: &mut Instant) -> Pace {
        let mut pace = Pace::new(2.0);
        for number in 0..200 {
            assert_eq!(hear(&mut pace, now, 0.9 + f64::from(number % 3) * 0.1, 10), None);
        }
        pace
    }

    fn hear(pace: &mut Pace, now: &mut Instant, seconds: f64, load: usize) -> Option<Advice> {
        *now += Duration::from_secs(1);
        pace.heard(1, *now, Duration::from_secs_f64(seconds), load, load)
    }

    #[test]
    fn it_asks_for_less_and_where_that_does_not_help_for_as_much_as_before() {
        let mut now = Instant::now();
        let mut pace = known(&mut now);
        let (mut limit, mut cuts) = (100, 0);
        for _ in 0..1_000 {
            match hear(&mut pace, &mut now, 4.0, limit) {
                Some(Advice::Cut(to)) => {
                    assert!(to < limit && to * 2 >= limit);
                    (limit, cuts) = (to, cuts + 1);
                    pace.clear();
                }
                Some(Advice::Restore(to)) => {
                    assert_eq!(to, 100);
                    assert_eq!(cuts, 2);
                    // It is usual now.
                    assert!((0..200).all(|_| hear(&mut pace, &mut now, 4.0, 100).is_none()));
                    return;
                }
                None => {}
            }
        }
        panic!("it was not restored");
    }

    #[test]
    fn where_less_helps_it_stays_less() {
        let mut now = Instant::now();
        let mut pace = known(&mut now);
        let mut limit = 100;
        for _ in 0..1_000 {
            let took = (limit as f64 / 30.0).powi(2).max(1.0);
            match hear(&mut pace, &mut now, took, limit) {
                Some(Advice::Cut(to)) => limit = to,
                Some(Advice::Restore(to)) => panic!("restored to {to}"),
                None => {}
            }
        }
        assert!((25..=45).contains(&limit), "{limit}");
    }

    #[test]
    fn a_few_slow_ones_say_nothing() {
        let mut now = Instant::now();
        let mut pace = known(&mut now);
        for number in 0..1_000 {
            let took = if number % 5 < 2 { 1_000.0 } else { 1.0 };
            assert_eq!(hear(&mut pace, &mut now, took, 30), None);
        }
    }

    #[test]
    fn where_samples_differ_much_a_reading_has_to_be_off_by_more() {
        let (mut now, mut random) = (Instant::now(), fastrand::Rng::with_seed(1));
        let mut pace = Pace::new(2.0);
        // Between a fifth and five times the usual, at any load.
        for load in [10, 30] {
            for _ in 0..3_000 {
                let took = ((random.f64() - 0.5) * 3.2).exp();
                assert_eq!(hear(&mut pace, &mut now, took, load), None);
            }
        }
    }
}
