use std::time::Duration;

/// Each bucket is this much wider than the one before: the most by which a quantile is off.
const GROWTH: f64 = 1.05;

/// Below it everything is one bucket.
const SHORTEST: f64 = 0.001;

/// From 1 ms up to 20 min.
const BUCKETS: usize = 288;

/// Fewer tell nothing of a 95th percentile.
const FEWEST: u32 = 40;

/// Beyond it all counts are halved, so that what is old weighs less with every answer.
const MOST: u32 = 1000;

/// How long the first content takes, of the last several hundred answers. A plain value.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    counts: [u32; BUCKETS],
    total: u32,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl Latency {
    /// One more answer, whose first content took so long.
    pub(crate) fn add(&mut self, took: Duration) {
        let steps = (took.as_secs_f64().max(SHORTEST) / SHORTEST).ln() / GROWTH.ln();
        self.counts[(steps as usize).min(BUCKETS - 1)] += 1;
        self.total += 1;
        if self.total > MOST {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// What `share` of the answers stayed below; `None` as long as too few have come.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        if self.total < FEWEST {
            return None;
        }
        let wanted = (f64::from(self.total) * share).ceil() as u32;
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= wanted
        })?;
        Some(Duration::from_secs_f64(SHORTEST * GROWTH.powi(bucket as i32 + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_off_by_no_more_than_a_bucket() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.95), None);
        for ms in 1..=1000 {
            latency.add(Duration::from_millis(ms));
        }
        for (share, exact) in [(0.5, 0.5), (0.95, 0.95), (1.0, 1.0)] {
            let told = latency.quantile(share).unwrap().as_secs_f64();
            assert!((exact..exact * GROWTH * GROWTH).contains(&told), "{share}: {told}");
        }
    }

    #[test]
    fn what_is_old_weighs_less_and_less() {
        let mut latency = Latency::default();
        (0..1000).for_each(|_| latency.add(Duration::from_secs(10)));
        (0..3000).for_each(|_| latency.add(Duration::from_millis(100)));
        assert!(latency.quantile(0.8).unwrap() < Duration::from_millis(120));
    }

    #[test]
    fn the_extremes_have_a_bucket_too() {
        let mut latency = Latency::default();
        for took in [Duration::ZERO, Duration::MAX] {
            (0..FEWEST).for_each(|_| latency.add(took));
        }
        assert!(latency.quantile(0.1).unwrap() <= Duration::from_millis(2));
        assert!(latency.quantile(1.0).unwrap() >= Duration::from_secs(1000));
    }
}
