/// Tells refusals that speak of a limit from strays: single ones among many calls that are taken, as where
/// one of an upstream's many machines is full. Fewer streams do not help against those.
///
/// It weighs refusals by how near to each other their calls were *admitted*, whenever they come back: of a
/// herd of five hundred, all sent before the first refusal is back, five refused ones are still one in a
/// hundred.
#[derive(Debug, Default)]
pub(super) struct Strays {
    weight: f64,
    /// The number of the refused admission that was heard last.
    last: u64,
    /// The fewest streams, itself included, that a refused one of these was admitted beside.
    fewest: usize,
}

/// After so many admissions a refusal weighs e times less. Refusals that come evenly are believed from one in
/// nine on: far above the one in a hundred that healthy upstreams show, and far below what a limit refuses of
/// those who are beyond it.
const MEMORY: f64 = 16.0;

/// Three refusals in a row reach it (1 + 0.94 + 0.88); two, however close, do not.
const BELIEVED: f64 = 2.6;

impl Strays {
    /// Admission `number` was refused; it was admitted as one of `load` streams. If refusals are believed by
    /// now: the fewest streams that one of them was among.
    pub(super) fn refused(&mut self, number: u64, load: usize) -> Option<usize> {
        let apart = self.last.abs_diff(number) as f64;
        self.weight *= (-apart / MEMORY).exp();
        self.fewest = if self.weight < 0.5 { load } else { self.fewest.min(load) };
        self.weight += 1.0;
        self.last = number;
        (self.weight >= BELIEVED).then_some(self.fewest)
    }

    /// They have had their effect.
    pub(super) fn clear(&mut self) {
        self.weight = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(numbers: impl IntoIterator<Item = u64>) -> Option<usize> {
        let mut strays = Strays::default();
        numbers.into_iter().fold(None, |_, number| strays.refused(number, number as usize))
    }

    #[test]
    fn two_are_chance_and_three_in_a_row_are_a_limit() {
        assert_eq!(heard([9, 10]), None);
        assert_eq!(heard([9, 10, 11]), Some(9));
        assert_eq!(heard([11, 9, 10]), Some(9), "in whatever order they come back");
    }

    #[test]
    fn one_in_eight_is_chance_and_one_in_seven_is_a_limit() {
        assert_eq!(heard((0..1_000).step_by(8)), None);
        assert!(heard((0..1_000).step_by(7)).is_some());
    }
}
