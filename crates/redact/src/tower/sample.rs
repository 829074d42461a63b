//! Which calls are logged.

use std::hash::{BuildHasher as _, RandomState};

/// A share of calls, chosen at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    share: f64,
    seed: u64,
}

impl Sample {
    /// All calls.
    pub(super) fn all() -> Self {
        Self { share: 1.0, seed: RandomState::new().hash_one(0) }
    }

    /// Another share; `None` where it is none.
    pub(super) fn share(self, share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self { share, ..self })
    }

    pub(super) fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether the call of that number is among them.
    pub(super) fn takes(self, number: u64) -> bool {
        // The upper 53 bits are all that a number between 0 and 1 has room for.
        let random = (mix(self.seed ^ mix(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        random < self.share
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_calls_is_taken_and_a_seed_chooses_which() {
        let taken = |sample: Sample| (0..10_000).filter(|number| sample.takes(*number)).collect::<Vec<_>>();
        for (share, least, most) in [(0.0, 0, 0), (0.01, 60, 140), (0.5, 4_800, 5_200), (1.0, 10_000, 10_000)]
        {
            let sample = Sample::all().seed(7).share(share).unwrap();
            let count = taken(sample).len();
            assert!((least..=most).contains(&count), "{share}: {count}");
        }
        let half = Sample::all().share(0.5).unwrap();
        assert_eq!(taken(half.seed(1)), taken(half.seed(1)));
        assert_ne!(taken(half.seed(1)), taken(half.seed(2)));
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert_eq!(half.share(wrong), None);
        }
    }
}
