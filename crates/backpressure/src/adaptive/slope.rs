/// How what is measured grows with the load, over some hundreds of samples: the slope of a line through
/// them, both in logarithms. 1: twice the load takes twice as long. In an upstream that has room it is near
/// 0, in one that is full it is far above 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slope {
    count: u32,
    load: f64,
    off: f64,
    variance: f64,
    covariance: f64,
}

/// Samples that count: older ones fade.
const MEMORY: u32 = 256;

/// Fewer say nothing: with the usual spread the slope is then known to about 0.3.
const FEWEST: u32 = 64;

/// Nor do they where the load hardly differs: by 7 % (its square).
const LEAST_VARIANCE: f64 = 0.005;

/// Below, the load is not the cause.
const FLAT: f64 = 0.3;

/// How far one sample counts, as a logarithm.
const FARTHEST: f64 = 1.5;

impl Slope {
    pub(super) fn add(&mut self, off: f64, load: usize) {
        self.count = (self.count + 1).min(MEMORY);
        let share = 1.0 / f64::from(self.count);
        let by_load = (load.max(1) as f64).ln() - self.load;
        let by_off = off.clamp(self.off - FARTHEST, self.off + FARTHEST) - self.off;
        self.load += share * by_load;
        self.off += share * by_off;
        self.variance = (1.0 - share) * (self.variance + share * by_load * by_load);
        self.covariance = (1.0 - share) * (self.covariance + share * by_load * by_off);
    }

    /// Whether it surely does not grow with the load, up to this one: what is true of little load says
    /// nothing about more.
    pub(super) fn is_flat(&self, load: f64) -> bool {
        load.ln() <= self.load
            && self.count >= FEWEST
            && self.variance > LEAST_VARIANCE
            && self.covariance < FLAT * self.variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(power: f64, loads: std::ops::Range<usize>) -> Slope {
        let mut slope = Slope::default();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let load = random.usize(loads.clone());
            slope.add((load as f64).ln() * power + random.f64() - 0.5, load);
        }
        slope
    }

    #[test]
    fn what_does_not_grow_with_the_load_is_told_from_what_does() {
        assert!(slope(0.0, 20..40).is_flat(20.0));
        assert!(slope(-1.0, 20..40).is_flat(20.0));
        assert!(!slope(1.0, 20..40).is_flat(20.0));
        assert!(!slope(3.0, 20..40).is_flat(20.0));
    }

    #[test]
    fn where_the_load_is_always_the_same_nothing_is_known() {
        assert!(!slope(0.0, 30..31).is_flat(20.0));
    }
}
