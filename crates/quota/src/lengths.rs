use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Answers that have to be known before anything is said of them.
const KNOWN: u32 = 20;

/// Answers that are remembered: at so many, all count half, so that what changed shows after some hundred.
const REMEMBERED: u32 = 512;

/// Classes of lengths, four for each doubling: up to 2^24 tokens, no two in a class further apart than 25 %.
const CLASSES: usize = 24 * 4;

/// How long the answers of one model are, in tokens.
#[derive(Debug)]
pub(crate) struct Lengths {
    known: Mutex<Known>,
    /// What 19 of 20 stay under; 0: too few are known.
    p95: AtomicU64,
}

#[derive(Debug)]
struct Known {
    counts: [u32; CLASSES],
    all: u32,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { known: Mutex::new(Known { counts: [0; CLASSES], all: 0 }), p95: AtomicU64::new(0) }
    }
}

impl Lengths {
    /// Remembers one.
    pub(crate) fn add(&self, tokens: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.counts[class(tokens)] += 1;
        known.all += 1;
        if known.all >= REMEMBERED {
            known.counts.iter_mut().for_each(|count| *count /= 2);
            known.all = known.counts.iter().sum();
        }
        if known.all >= KNOWN {
            self.p95.store(known.p95(), Ordering::Relaxed);
        }
    }

    /// What 19 of 20 stay under, within a quarter. `None`: too few are known.
    pub(crate) fn p95(&self) -> Option<u64> {
        match self.p95.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known),
        }
    }
}

impl Known {
    fn p95(&self) -> u64 {
        let mut beyond = self.all / 20;
        for (class, count) in self.counts.iter().enumerate().rev() {
            match beyond.checked_sub(*count) {
                Some(left) => beyond = left,
                None => return longest(class),
            }
        }
        1
    }
}

/// Two bits behind the highest one.
fn class(tokens: u64) -> usize {
    let tokens = tokens.max(4);
    let doublings = tokens.ilog2();
    let quarter = (tokens >> (doublings - 2)) & 3;
    (doublings as usize * 4 + quarter as usize).min(CLASSES - 1)
}

/// The largest length of that class.
fn longest(class: usize) -> u64 {
    let (doublings, quarter) = (class as u32 / 4, class as u64 % 4);
    ((5 + quarter) << doublings).div_ceil(4).saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_said_of_few() {
        let lengths = Lengths::default();
        (0..KNOWN - 1).for_each(|_| lengths.add(100));
        assert_eq!(lengths.p95(), None);
        lengths.add(100);
        assert_eq!(lengths.p95(), Some(111));
    }

    #[test]
    fn one_of_twenty_may_be_longer() {
        let lengths = Lengths::default();
        (0..100).for_each(|number| lengths.add(if number % 25 == 0 { 5_000 } else { 200 }));
        assert_eq!(lengths.p95(), Some(223));
        (0..100).for_each(|number| lengths.add(if number % 8 == 0 { 5_000 } else { 200 }));
        assert_eq!(lengths.p95(), Some(5_119));
    }

    #[test]
    fn what_changed_shows_after_some_hundred() {
        let lengths = Lengths::default();
        (0..100_000).for_each(|_| lengths.add(10_000));
        (0..2 * REMEMBERED).for_each(|_| lengths.add(100));
        assert!(lengths.p95().unwrap() > 1_000, "half of them were long a moment ago");
        (0..3 * REMEMBERED).for_each(|_| lengths.add(100));
        assert_eq!(lengths.p95(), Some(111));
    }

    proptest! {
        #[test]
        fn a_class_holds_its_lengths_within_a_quarter(tokens in 4..1_u64 << 23) {
            let longest = longest(class(tokens));
            prop_assert!(tokens <= longest && longest as f64 <= tokens as f64 * 1.25, "{tokens}: {longest}");
        }

        #[test]
        fn any_length_is_taken(tokens: u64) {
            let lengths = Lengths::default();
            (0..KNOWN).for_each(|_| lengths.add(tokens));
            prop_assert!(lengths.p95().is_some_and(|p95| p95 > 0));
        }
    }
}
