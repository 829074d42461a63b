use std::time::Duration;

use tokio::time::Instant;

use crate::window::tick;

/// Into how many ages the time up to slowness is divided: a call is slow at most a twentieth late.
const AGES: u64 = 20;

/// The calls that have shown neither life nor an ending, by their age, up to the age at which they are slow.
#[derive(Clone, Debug)]
pub(crate) struct Undecided {
    base: Instant,
    width: Duration,
    newest: u64,
    ring: [Waiting; AGES as usize + 1],
    total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    /// Those that have to show their first event in time.
    streams: u64,
    others: u64,
}

/// When a call was admitted, as a number of its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Since(u64);

impl Undecided {
    /// Of calls that are slow at the age of `slow`.
    pub(crate) fn until(base: Instant, slow: Duration) -> Self {
        Self::new(base, (slow / AGES as u32).max(Duration::from_millis(1)))
    }

    fn new(base: Instant, width: Duration) -> Self {
        Self { base, width, newest: 0, ring: Default::default(), total: 0 }
    }

    /// Lets the time pass, and says how many streams have become slow by it.
    pub(crate) fn advance(&mut self, now: Instant) -> u64 {
        let number = tick(self.base, self.width, now);
        let mut slow = 0;
        if number > self.newest {
            for age in self.newest + 1..=number.min(self.newest + AGES + 1) {
                let left = std::mem::take(&mut self.ring[(age % (AGES + 1)) as usize]);
                slow += left.streams;
                self.total -= left.streams + left.others;
            }
            self.newest = number;
        }
        slow
    }

    /// A call begins, behind [`Self::advance`].
    pub(crate) fn begin(&mut self, stream: bool) -> Since {
        let waiting = &mut self.ring[(self.newest % (AGES + 1)) as usize];
        if stream {
            waiting.streams += 1
        } else {
            waiting.others += 1
        }
        self.total += 1;
        Since(self.newest)
    }

    /// A call that was not taken for a stream is one; it was taken out of the others a moment ago.
    pub(crate) fn put(&mut self, since: Since) {
        self.ring[(since.0 % (AGES + 1)) as usize].streams += 1;
        self.total += 1;
    }

    /// A call is no longer undecided. `false` where it was too old to count as that.
    pub(crate) fn end(&mut self, since: Since, stream: bool) -> bool {
        if self.is_old(since) {
            return false;
        }
        let waiting = &mut self.ring[(since.0 % (AGES + 1)) as usize];
        if stream {
            waiting.streams -= 1
        } else {
            waiting.others -= 1
        }
        self.total -= 1;
        true
    }

    /// Whether a call of this age has counted as slow, if it is a stream.
    pub(crate) fn is_old(&self, since: Since) -> bool {
        since.0 + AGES < self.newest
    }

    /// How many there are, the old ones not.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { newest: self.newest, ..Self::new(self.base, self.width) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    proptest! {
        #[test]
        fn every_stream_is_slow_once_or_decided_in_time(
            steps in prop::collection::vec((0u32..400, any::<bool>(), any::<u8>()), 1..300)
        ) {
            let base = Instant::now();
            let slow_after = 1000;
            let mut undecided = Undecided::until(base, MS * slow_after);
            let mut open: Vec<(u32, Since, bool)> = Vec::new();
            let (mut ms, mut slow, mut begun) = (0, 0, 0);
            let (mut in_time, mut others) = (0, 0);
            for (by, stream, pick) in steps {
                ms += by;
                slow += undecided.advance(base + MS * ms);
                if pick % 3 == 0 && !open.is_empty() {
                    let (at, since, stream) = open.swap_remove(usize::from(pick) % open.len());
                    let counted = undecided.end(since, stream);
                    // Never early, and at most a twentieth late.
                    prop_assert!(counted || ms - at >= slow_after);
                    prop_assert!(!counted || ms - at < slow_after + slow_after / AGES as u32);
                    in_time += u64::from(counted && stream);
                } else {
                    open.push((ms, undecided.begin(stream), stream));
                    begun += u64::from(stream);
                    others += u64::from(!stream);
                }
            }
            let left = undecided.count();
            slow += undecided.advance(base + MS * (ms + 2 * slow_after));
            prop_assert_eq!(begun, in_time + slow);
            prop_assert!(left <= begun + others);
            prop_assert_eq!(undecided.count(), 0);
        }
    }
}
