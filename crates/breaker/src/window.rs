use std::time::Duration;

use tokio::time::Instant;

/// How many buckets a window of time has: what leaves it leaves in tenths.
const BUCKETS: u64 = 10;

/// Good and bad outcomes of late, by time or by count. Each operation takes constant time.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    Time(TimeWindow),
    Count(CountWindow),
}

/// Where a good outcome was counted, so that it can be corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl Outcomes {
    pub(crate) fn all(self) -> u64 {
        self.good + self.bad
    }
}

impl Window {
    pub(crate) fn good(&mut self, now: Instant) -> Mark {
        match self {
            Self::Time(window) => window.good(now),
            Self::Count(window) => window.push(false),
        }
    }

    pub(crate) fn bad(&mut self, now: Instant) {
        match self {
            Self::Time(window) => window.bad(now),
            Self::Count(window) => {
                window.push(true);
            }
        }
    }

    /// What was counted as good at `mark` turned out bad, now.
    pub(crate) fn correct(&mut self, mark: Mark, now: Instant) {
        match self {
            Self::Time(window) => window.correct(mark, now),
            Self::Count(window) => window.correct(mark),
        }
    }

    /// What is in it; what has become too old is not.
    pub(crate) fn outcomes(&mut self, now: Instant) -> Outcomes {
        match self {
            Self::Time(window) => window.outcomes(now),
            Self::Count(window) => window.total,
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Time(window) => *window = TimeWindow::new(window.base, window.width),
            Self::Count(window) => *window = CountWindow::new(window.slots.len()),
        }
    }
}

/// The outcomes of the last stretch of time: a ring of buckets and its running sum.
#[derive(Clone, Debug)]
pub(crate) struct TimeWindow {
    base: Instant,
    width: Duration,
    /// The number of the newest bucket, since `base`.
    newest: u64,
    ring: [Outcomes; BUCKETS as usize],
    total: Outcomes,
}

impl TimeWindow {
    pub(crate) fn over(base: Instant, length: Duration) -> Self {
        Self::new(base, (length / BUCKETS as u32).max(Duration::from_millis(1)))
    }

    fn new(base: Instant, width: Duration) -> Self {
        Self { base, width, newest: 0, ring: Default::default(), total: Outcomes::default() }
    }

    fn good(&mut self, now: Instant) -> Mark {
        self.advance(now);
        self.bucket().good += 1;
        self.total.good += 1;
        Mark(self.newest)
    }

    fn bad(&mut self, now: Instant) {
        self.advance(now);
        self.bucket().bad += 1;
        self.total.bad += 1;
    }

    fn correct(&mut self, mark: Mark, now: Instant) {
        self.advance(now);
        if mark.0 + BUCKETS > self.newest {
            let bucket = &mut self.ring[(mark.0 % BUCKETS) as usize];
            bucket.good = bucket.good.saturating_sub(1);
            self.total.good = self.total.good.saturating_sub(1);
        }
        // A failure is news of the moment it is heard, not of the moment the answer began.
        self.bad(now);
    }

    fn outcomes(&mut self, now: Instant) -> Outcomes {
        self.advance(now);
        self.total
    }

    fn bucket(&mut self) -> &mut Outcomes {
        &mut self.ring[(self.newest % BUCKETS) as usize]
    }

    fn advance(&mut self, now: Instant) {
        let number = tick(self.base, self.width, now);
        if number <= self.newest {
            return;
        }
        for old in self.newest + 1..=number.min(self.newest + BUCKETS) {
            let left = std::mem::take(&mut self.ring[(old % BUCKETS) as usize]);
            self.total.good -= left.good;
            self.total.bad -= left.bad;
        }
        self.newest = number;
    }
}

/// In which stretch of `width` since `base` a moment lies.
pub(crate) fn tick(base: Instant, width: Duration, now: Instant) -> u64 {
    let since = now.saturating_duration_since(base).as_nanos();
    u64::try_from(since / width.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// The last outcomes, whenever they were.
#[derive(Clone, Debug)]
pub(crate) struct CountWindow {
    /// `true` where it was bad.
    slots: Box<[bool]>,
    /// How many have ever been counted.
    count: u64,
    total: Outcomes,
}

impl CountWindow {
    /// Of `size` outcomes, at least one.
    pub(crate) fn new(size: usize) -> Self {
        Self { slots: vec![false; size.max(1)].into(), count: 0, total: Outcomes::default() }
    }

    fn push(&mut self, bad: bool) -> Mark {
        let size = self.slots.len() as u64;
        let mark = Mark(self.count);
        let slot = &mut self.slots[(self.count % size) as usize];
        if self.count >= size {
            if *slot { self.total.bad -= 1 } else { self.total.good -= 1 }
        }
        *slot = bad;
        if bad {
            self.total.bad += 1
        } else {
            self.total.good += 1
        }
        self.count += 1;
        mark
    }

    fn correct(&mut self, mark: Mark) {
        let size = self.slots.len() as u64;
        let slot = &mut self.slots[(mark.0 % size) as usize];
        if mark.0 + size < self.count {
            self.push(true);
        } else if mark.0 < self.count && !*slot {
            *slot = true;
            self.total.good -= 1;
            self.total.bad += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const WIDTH: u64 = 100;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Good,
        Bad,
        /// The good one that is so many of them back turns out bad.
        Correct(usize),
    }

    fn step() -> impl Strategy<Value = (u64, Step)> {
        let step = prop_oneof![
            3 => Just(Step::Good),
            1 => Just(Step::Bad),
            1 => (0usize..30).prop_map(Step::Correct)
        ];
        // Mostly steps within a bucket, now and then a long silence.
        (prop_oneof![4 => 0..WIDTH / 2, 1 => 0..15 * WIDTH], step)
    }

    proptest! {
        #[test]
        fn a_window_of_time_holds_what_is_in_its_last_ten_buckets(
            steps in prop::collection::vec(step(), 1..200)
        ) {
            let base = Instant::now();
            let mut window = TimeWindow::new(base, Duration::from_millis(WIDTH));
            let mut known: Vec<(u64, bool)> = Vec::new();
            let (mut ms, mut marks) = (0, Vec::new());
            for (by, step) in steps {
                ms += by;
                let now = base + Duration::from_millis(ms);
                match step {
                    Step::Good => {
                        marks.push((window.good(now), known.len()));
                        known.push((ms / WIDTH, false));
                    }
                    Step::Bad => {
                        window.bad(now);
                        known.push((ms / WIDTH, true));
                    }
                    Step::Correct(back) => {
                        if marks.len() > back {
                            let (mark, at) = marks.remove(marks.len() - 1 - back);
                            window.correct(mark, now);
                            known[at] = (ms / WIDTH, true);
                        }
                    }
                }
                let within = known.iter().filter(|(bucket, _)| bucket + BUCKETS > ms / WIDTH);
                let bad = within.clone().filter(|(_, bad)| *bad).count() as u64;
                let good = within.count() as u64 - bad;
                prop_assert_eq!(window.outcomes(now), Outcomes { good, bad });
            }
        }

        #[test]
        fn a_window_of_counts_holds_the_last_of_them(
            steps in prop::collection::vec(step(), 1..200), size in 1usize..20
        ) {
            let mut window = CountWindow::new(size);
            // The outcomes by their number.
            let mut known: VecDeque<(u64, bool)> = VecDeque::new();
            let (mut count, mut marks) = (0, Vec::new());
            for (_, step) in steps {
                let mut push = |window: &mut CountWindow, bad| {
                    known.push_back((count, bad));
                    count += 1;
                    if known.len() > size {
                        known.pop_front();
                    }
                    if !bad {
                        marks.push((window.push(false), count - 1));
                    }
                };
                match step {
                    Step::Good => push(&mut window, false),
                    Step::Bad => {
                        push(&mut window, true);
                        window.push(true);
                    }
                    Step::Correct(back) => {
                        if marks.len() > back {
                            let at = marks.len() - 1 - back;
                            let (mark, number) = marks.remove(at);
                            window.correct(mark);
                            match known.iter_mut().find(|(it, _)| *it == number) {
                                Some(outcome) => outcome.1 = true,
                                None => {
                                    known.push_back((count, true));
                                    count += 1;
                                    if known.len() > size {
                                        known.pop_front();
                                    }
                                }
                            }
                        }
                    }
                }
                let bad = known.iter().filter(|(_, bad)| *bad).count() as u64;
                prop_assert_eq!(window.total, Outcomes { good: known.len() as u64 - bad, bad });
            }
        }
    }
}
