use tokio::time::Instant;

use super::slope::Slope;

/// What is usual for each model, in the logarithm of seconds, and beside how many streams it was seen.
///
/// Short averages are compared with it. It must not learn an overload as usual, and yet learn that a model
/// has become slower. So it follows downwards at any load; upwards only where no more streams are under way
/// than when it was learnt, or where more of them do not make it slower, for then it is not the load. (What
/// has become slower under a load that never changes is found by [`Pace`](super::pace::Pace), by a trial.)
#[derive(Debug, Default)]
pub(super) struct Models {
    models: Vec<Model>,
    clock: u64,
    slope: Slope,
}

#[derive(Debug)]
struct Model {
    key: u64,
    used: u64,
    usual: f64,
    /// The load at which it is usual.
    load: f64,
    known: u32,
    is_known: bool,
    /// When the first of its samples began.
    first: Instant,
    first_load: f64,
    /// Of the samples since it was last moved: how many, the sum of how far off they are, and of their loads.
    count: u32,
    off: f64,
    loads: f64,
    /// Whether it has a part in the reading that is being taken.
    read: bool,
}

/// So many models are told apart; the one that was not asked for longest makes room. A gateway's upstream
/// rarely has more, and each costs about a hundred bytes.
const MODELS: usize = 16;

/// The first samples make the average, each alike.
pub(super) const FIRST: u32 = 24;

/// So many times what is usual has to pass as well: of those sent together the fastest are heard first.
const FIRST_TIMES: f64 = 5.0;

/// Of a herd that comes to an idle upstream only the first so many count, or what a model looks like under an
/// overload would be taken for usual. Where nothing else comes for so many times the usual, all do.
const LITTLE: f64 = 32.0;
const PATIENT_TIMES: f64 = 30.0;

/// Samples until the average is moved.
const BLOCK: u32 = 32;

/// How far one sample counts, as a logarithm: e times. Prompts of a hundred times the length are no news.
const FARTHEST: f64 = 1.0;

/// How much of what a block is off is believed: of a faster one half, of a slower one less.
const FASTER: f64 = 0.5;
const SLOWER: f64 = 0.3;

impl Models {
    /// How far from usual this is, as a logarithm, and the load at which it is usual; if that is known yet.
    pub(super) fn known(&self, key: u64, value: f64) -> Option<(f64, f64)> {
        let model = self.models.iter().find(|model| model.key == key && model.is_known)?;
        Some((value - model.usual, model.load))
    }

    /// Learns from a sample of a call admitted then, where samples are off by `spread` on average. How far
    /// this one is off.
    pub(super) fn learn(&mut self, key: u64, value: f64, load: usize, spread: f64, at: Instant) -> f64 {
        self.clock += 1;
        let found = self.models.iter().position(|model| model.key == key);
        let index = found.unwrap_or_else(|| self.add(Model::new(key, value, load as f64, at)));
        let model = &mut self.models[index];
        model.used = self.clock;
        let off = value - model.usual;
        if model.is_known {
            self.slope.add(off, load);
            model.read = true;
            if let Some((off, load)) = model.block(off, load as f64) {
                model.learn(off, load, spread, self.slope.is_flat(load));
            }
        } else {
            model.meet(off, load as f64, at);
        }
        off
    }

    /// What was read is usual now: all that had a part in the reading are off by so much, at this load.
    pub(super) fn adopt(&mut self, off: f64, load: f64) {
        for model in self.models.iter_mut().filter(|model| model.read) {
            model.usual += off;
            model.load = load;
            model.clear();
        }
    }

    /// A new reading begins.
    pub(super) fn begin(&mut self) {
        self.models.iter_mut().for_each(|model| model.read = false);
    }

    fn add(&mut self, model: Model) -> usize {
        if self.models.len() < MODELS {
            self.models.push(model);
            return self.models.len() - 1;
        }
        let oldest = self.models.iter().enumerate().min_by_key(|(_, model)| model.used);
        let index = oldest.map_or(0, |(index, _)| index);
        self.models[index] = model;
        index
    }
}

impl Model {
    fn new(key: u64, usual: f64, load: f64, first: Instant) -> Self {
        Self {
            key,
            used: 0,
            usual,
            load,
            known: 0,
            is_known: false,
            first,
            first_load: load,
            count: 0,
            off: 0.0,
            loads: 0.0,
            read: false,
        }
    }

    /// One of the first samples.
    fn meet(&mut self, off: f64, load: f64, at: Instant) {
        let passed = at.saturating_duration_since(self.first).as_secs_f64() / self.usual.exp();
        if load > (self.first_load * 2.0).max(LITTLE) && passed < PATIENT_TIMES {
            return;
        }
        self.known += 1;
        self.usual += off / f64::from(self.known);
        self.load += (load - self.load) / f64::from(self.known);
        self.is_known = self.known >= FIRST && passed >= FIRST_TIMES;
    }

    /// The averages of a block, where it is full with this sample.
    fn block(&mut self, off: f64, load: f64) -> Option<(f64, f64)> {
        self.count += 1;
        self.off += off.clamp(-FARTHEST, FARTHEST);
        self.loads += load;
        let count = f64::from(self.count);
        (self.count == BLOCK).then_some((self.off / count, self.loads / count))
    }

    fn learn(&mut self, off: f64, load: f64, spread: f64, is_flat: bool) {
        self.clear();
        // Two standard errors. If it followed downwards whatever is off, and not upwards, it would end at the
        // fastest ever seen, and all that is usual would be slow.
        let error = 1.25 * spread / f64::from(BLOCK).sqrt();
        if off < -2.0 * error {
            self.usual += off * FASTER;
            self.load = load;
        } else if off > 0.0 && (load <= self.load || is_flat) {
            self.usual += off * SLOWER;
        }
    }

    fn clear(&mut self) {
        (self.count, self.off, self.loads) = (0, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SPREAD: f64 = 0.2;

    struct Bench {
        models: Models,
        now: Instant,
    }

    impl Bench {
        /// One that knows model 1 to take a second beside ten streams.
        fn new() -> Self {
            let mut bench = Self { models: Models::default(), now: Instant::now() };
            bench.hear(1, 0.0, 50, |_| 10);
            bench
        }

        fn hear(&mut self, key: u64, value: f64, times: usize, load: impl Fn(usize) -> usize) {
            for time in 0..times {
                self.models.learn(key, value, load(time), SPREAD, self.now);
                self.now += Duration::from_secs(1);
            }
        }

        fn usual(&self, key: u64) -> Option<f64> {
            self.models.known(key, 0.0).map(|(off, _)| -off)
        }
    }

    #[test]
    fn what_is_slower_at_the_same_load_is_learnt_and_what_is_slower_at_more_is_not() {
        let mut same = Bench::new();
        same.hear(1, 1.0, 500, |_| 10);
        assert!(same.usual(1).unwrap() > 0.9);
        let mut more = Bench::new();
        more.hear(1, 1.0, 500, |_| 100);
        assert_eq!(more.usual(1), Some(0.0));
    }

    #[test]
    fn what_is_slower_at_more_but_no_slower_at_still_more_is_learnt() {
        let mut flat = Bench::new();
        flat.hear(1, 1.0, 2_000, |time| 80 + time % 64);
        assert!(flat.usual(1).unwrap() > 0.8, "{:?}", flat.usual(1));
    }

    #[test]
    fn what_is_faster_is_learnt_at_any_load() {
        let mut bench = Bench::new();
        bench.hear(1, -1.0, 300, |_| 100);
        assert!(bench.usual(1).unwrap() < -0.9);
        // That is the load it belongs to now.
        bench.hear(1, 0.0, 500, |_| 90);
        assert!(bench.usual(1).unwrap() > -0.2);
    }

    #[test]
    fn noise_does_not_make_the_usual_faster_and_faster() {
        let (mut bench, mut random) = (Bench::new(), fastrand::Rng::with_seed(1));
        // A load that grows, so that nothing is learnt upwards.
        for sample in 0..20_000 {
            bench.hear(1, (random.f64() - 0.5) * 0.8, 1, |_| 100 + sample / 10);
        }
        assert!(bench.usual(1).unwrap() > -0.1, "{:?}", bench.usual(1));
    }

    #[test]
    fn of_a_herd_the_first_few_say_what_is_usual() {
        let mut models = Models::default();
        let start = Instant::now();
        for load in 1..=500 {
            models.learn(1, if load <= 32 { 0.0 } else { 2.0 }, load, SPREAD, start);
        }
        models.learn(1, 0.0, 20, SPREAD, start + Duration::from_secs(6));
        assert!(models.known(1, 0.0).is_some_and(|(off, _)| off.abs() < 0.1));
    }

    #[test]
    fn models_are_told_apart_and_the_one_unused_for_longest_makes_room() {
        let mut bench = Bench::new();
        bench.hear(2, 3.0, 200, |_| 10);
        assert_eq!((bench.usual(1), bench.usual(2)), (Some(0.0), Some(3.0)));
        bench.hear(1, 0.0, 1, |_| 10);
        (3..=17).for_each(|key| bench.hear(key, 0.0, 1, |_| 10));
        assert_eq!(bench.models.models.len(), MODELS);
        assert_eq!((bench.usual(1), bench.usual(2)), (Some(0.0), None));
    }
}
