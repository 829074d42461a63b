/// How many calls back in order of admission are remembered, for each failure that is looked for in a row:
/// endings come out of order by as many calls as are under way at once.
const PER_FAILURE: usize = 256;

/// Failures in a row, in the order in which the calls were admitted, with none between them undecided.
///
/// Endings come in another order than calls. Counting failures as they come would take ten quick failures
/// among a hundred slow successes for a row.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    wanted: u32,
    ring: Box<[Slot]>,
    /// The number of the next call.
    next: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slot {
    #[default]
    Undecided,
    Good,
    /// An end of a row of calls that failed or say nothing: how many there are, and how many failed. Only
    /// what stands at the two ends of a row is kept true.
    Row {
        calls: u64,
        failed: u32,
    },
}

impl Runs {
    pub(crate) fn new(wanted: u32) -> Self {
        let size = PER_FAILURE.saturating_mul(wanted.clamp(1, 64) as usize);
        Self { wanted, ring: vec![Slot::Undecided; size].into(), next: 0 }
    }

    /// A call is admitted; its number.
    pub(crate) fn begin(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.put(number, Slot::Undecided);
        number
    }

    pub(crate) fn good(&mut self, number: u64) {
        if self.has(number) {
            self.put(number, Slot::Good);
        }
    }

    /// It says nothing: its neighbours stand side by side. Whether that makes enough failures in a row.
    pub(crate) fn neutral(&mut self, number: u64) -> bool {
        self.join(number, 0) >= self.wanted
    }

    /// Whether that makes enough failures in a row.
    pub(crate) fn bad(&mut self, number: u64) -> bool {
        self.join(number, 1) >= self.wanted
    }

    pub(crate) fn clear(&mut self) {
        // Numbers go on: a call from before is not taken for one from now.
        self.ring.fill(Slot::Undecided);
    }

    fn join(&mut self, number: u64, failed: u32) -> u32 {
        if !self.has(number) {
            return 0;
        }
        let row = |slot| match slot {
            Some(Slot::Row { calls, failed }) => (calls, failed),
            _ => (0, 0),
        };
        let (before, failed_before) = row(number.checked_sub(1).and_then(|number| self.get(number)));
        let (after, failed_after) = row(self.get(number + 1));
        let calls = before + 1 + after;
        let failed = failed_before.saturating_add(failed).saturating_add(failed_after);
        for end in [number - before.min(number), number, number + after] {
            self.put(end, Slot::Row { calls, failed });
        }
        failed
    }

    fn has(&self, number: u64) -> bool {
        number < self.next && number + self.ring.len() as u64 >= self.next
    }

    fn get(&self, number: u64) -> Option<Slot> {
        self.has(number).then(|| self.ring[(number % self.ring.len() as u64) as usize])
    }

    fn put(&mut self, number: u64, slot: Slot) {
        if self.has(number) {
            let place = (number % self.ring.len() as u64) as usize;
            self.ring[place] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quick_failures_around_an_undecided_call_are_no_row() {
        let mut runs = Runs::new(3);
        let [a, b, c, d] = [(); 4].map(|()| runs.begin());
        assert!(!runs.bad(a) && !runs.bad(b) && !runs.bad(d), "the third is undecided");
        assert!(runs.bad(c), "it was all that stood between");
    }

    #[test]
    fn a_success_between_ends_the_row_and_a_neutral_call_does_not() {
        let mut runs = Runs::new(3);
        let [a, b, c, d, e] = [(); 5].map(|()| runs.begin());
        runs.good(c);
        assert!(!runs.bad(a) && !runs.bad(b) && !runs.bad(d) && !runs.bad(e));
        // The one that had looked alive broke after all.
        assert!(runs.bad(c));
        let mut runs = Runs::new(2);
        let [a, b, c] = [(); 3].map(|()| runs.begin());
        assert!(!runs.bad(a) && !runs.neutral(b) && runs.bad(c));
    }

    proptest! {
        #[test]
        fn a_row_is_what_a_naive_count_finds(
            wanted in 1u32..5, order in prop::collection::vec((any::<u16>(), 0u8..4), 1..80)
        ) {
            let mut runs = Runs::new(wanted);
            let mut known: Vec<Option<u8>> = Vec::new();
            let (mut open, mut tripped, mut expected) = (Vec::new(), false, false);
            for (pick, what) in order {
                if what == 3 || open.is_empty() {
                    open.push(runs.begin());
                    known.push(None);
                    continue;
                }
                let number = open.swap_remove(usize::from(pick) % open.len());
                known[number as usize] = Some(what);
                match what {
                    0 => runs.good(number),
                    1 => tripped |= runs.neutral(number),
                    _ => tripped |= runs.bad(number),
                }
                let mut row = 0;
                for outcome in &known {
                    match outcome {
                        Some(2) => row += 1,
                        Some(1) => {}
                        _ => row = 0,
                    }
                    expected |= row >= wanted;
                }
                prop_assert_eq!(tripped, expected);
            }
        }
    }
}
