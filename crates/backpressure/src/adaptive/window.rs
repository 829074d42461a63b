use std::time::Duration;

use tokio::time::Instant;

/// How many streams are known to fit, and how more are asked for.
///
/// What is asked for beyond that is a *probe*: `step` places more, for as long as it takes until so many
/// streams in them have shown their first event. If those are well, the places are known to fit, and the
/// next probe is twice as large: back from one stream to five hundred takes ten first events. If not, the
/// places are taken back, and the next probe is of one place, after a wait that doubles.
///
/// So it grows only when the places it has are not enough for those who come.
#[derive(Debug)]
pub(super) struct Window {
    max: usize,
    sure: usize,
    step: usize,
    /// Here it became slow last. Up to there probes double, from there on they begin with one place again.
    knee: usize,
    /// `None`: a probe is under way, or there is nothing to probe for.
    rests_until: Option<Instant>,
    gap: Duration,
    heard: usize,
    slow: usize,
}

/// Before the first probe after a cut, or after a probe that failed following one that did not: long enough
/// for the refusals of what is under way, short beside a stream.
const FIRST_GAP: Duration = Duration::from_secs(1);

/// The longest time between two probes: a refused call every fifteen seconds costs nobody much, and an
/// upstream that has grown is noticed that soon.
const LONGEST_GAP: Duration = Duration::from_secs(15);

/// Where it became slow, it was a little too much already.
const KNEE: f64 = 0.9;

/// A probe of fewer places is over with its first refusal; among more a single one may be chance.
const SMALL: usize = 8;

impl Window {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            max,
            sure: max,
            step: 1,
            knee: usize::MAX,
            rests_until: None,
            gap: FIRST_GAP,
            heard: 0,
            slow: 0,
        }
    }

    /// So many may be under way: 1 to `max`.
    pub(super) fn limit(&self) -> usize {
        if self.is_probing() { self.sure.saturating_add(self.step).min(self.max) } else { self.sure }
    }

    /// So many are known to fit.
    pub(super) fn sure(&self) -> usize {
        self.sure
    }

    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    pub(super) fn advance(&mut self, now: Instant) {
        let _ = self.rests_until.take_if(|until| now >= *until);
    }

    /// One of `load` streams shows its first event, after the usual time or a `slow` one. `true`: its probe
    /// has failed by it.
    pub(super) fn heard(&mut self, load: usize, slow: bool) -> bool {
        if !self.is_probe(load) || !self.is_probing() {
            return false;
        }
        self.heard += 1;
        self.slow += usize::from(slow);
        if self.heard < self.step {
            return false;
        }
        if self.slow * 2 > self.heard {
            return true;
        }
        self.sure = self.sure.saturating_add(self.step).min(self.max);
        self.step = (self.step * 2).min(self.sure);
        match self.knee.saturating_sub(self.sure) {
            0 if self.knee < usize::MAX => (self.knee, self.step) = (usize::MAX, 1),
            ahead => self.step = self.step.min(ahead),
        }
        self.gap = FIRST_GAP;
        (self.heard, self.slow) = (0, 0);
        false
    }

    /// Whether one of `load` streams is beyond what is known to fit.
    pub(super) fn is_probe(&self, load: usize) -> bool {
        load > self.sure
    }

    pub(super) fn is_probing(&self) -> bool {
        self.rests_until.is_none()
    }

    /// Whether the probe is of a few places.
    pub(super) fn is_small(&self) -> bool {
        self.step < SMALL
    }

    /// The probe's places are taken back.
    pub(super) fn failed(&mut self, now: Instant, random: f64) {
        self.rest(now, random);
        self.gap = (self.gap * 2).min(LONGEST_GAP);
    }

    /// It is slow now.
    pub(super) fn slow(&mut self) {
        self.knee = (self.limit() as f64 * KNEE) as usize;
    }

    /// No more than `to` fit.
    pub(super) fn cut(&mut self, now: Instant, to: usize, random: f64) {
        self.sure = to.clamp(1, self.sure);
        self.gap = FIRST_GAP;
        self.rest(now, random);
    }

    /// So many fit after all.
    pub(super) fn restore(&mut self, to: usize) {
        self.sure = to.clamp(self.sure, self.max);
    }

    /// `random`, from 0 to 1, keeps several processes before one upstream from probing together.
    fn rest(&mut self, now: Instant, random: f64) {
        self.step = 1;
        (self.heard, self.slow) = (0, 0);
        self.rests_until = Some(now + self.gap.mul_f64(0.75 + random / 2.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window whose probe begins.
    fn probing(sure: usize, now: Instant) -> Window {
        let mut window = Window::new(10_000);
        window.cut(now, sure, 0.0);
        window.advance(now + FIRST_GAP);
        window
    }

    /// The places that each of so many probes in a row asks for.
    fn steps(window: &mut Window, count: usize) -> Vec<usize> {
        let step = |_| {
            let (sure, limit) = (window.sure(), window.limit());
            (sure..limit).for_each(|load| assert!(!window.heard(load + 1, false)));
            limit - sure
        };
        (0..count).map(step).collect()
    }

    #[test]
    fn probes_double_until_all_that_fit_are_asked_for() {
        assert_eq!(steps(&mut probing(8, Instant::now()), 6), [1, 2, 4, 8, 16, 32]);
        assert_eq!(steps(&mut probing(1, Instant::now()), 5), [1, 2, 4, 8, 16]);
    }

    #[test]
    fn where_it_became_slow_they_begin_with_one_place_again() {
        let now = Instant::now();
        let mut window = probing(100, now);
        steps(&mut window, 2);
        // It is slow at 107; nine tenths are 96.
        window.slow();
        window.cut(now, 80, 0.0);
        window.advance(now + FIRST_GAP);
        assert_eq!(steps(&mut window, 8), [1, 2, 4, 8, 1, 1, 2, 4]);
    }

    #[test]
    fn a_probe_with_more_slow_first_events_than_others_has_failed() {
        let mut window = probing(8, Instant::now());
        assert!(window.heard(9, true));
        let mut window = probing(8, Instant::now());
        steps(&mut window, 1);
        assert!(!window.heard(10, true));
        assert!(!window.heard(11, false), "one of two");
    }
}
