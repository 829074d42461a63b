use std::time::Duration;

use tokio::time::Instant;

/// Tells refusals that say something about a limit from strays: single ones among many launches that are
/// taken, as where one of an upstream's many machines is full. Slowing down does not help against those.
///
/// It looks at the last launches in the order in which they were made. Refusals come faster than heads, so
/// all that were launched before a refused one, and not refused, are held to be taken.
#[derive(Debug)]
pub(crate) struct Strays {
    /// The lowest bit is the latest launch; set where it was refused.
    refused: u64,
    /// How many of the bits stand for launches.
    known: u32,
    latest: u64,
    at: Instant,
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Says {
    /// Nothing about a limit.
    Stray,
    /// Nothing yet, for little is known; but the time that it names holds for all.
    Wait,
    /// There is a limit, and it was met.
    Limit,
}

/// Fewer launches say nothing.
const FEWEST: u32 = 8;
const FEWEST_KNOWN: u32 = 4;

/// The share of refused launches beyond which it is a limit: one of so many. A limit that is known already
/// is met by fewer.
const SHARE: u32 = 4;
const SHARE_KNOWN: u32 = 8;

/// So many of the last so many are no chance either. A herd that comes to its limit is heard sooner by it.
const ROW: u32 = 4;
const LAST: u32 = 5;

/// What is longer ago says nothing about now.
const MEMORY: Duration = Duration::from_secs(30);

impl Strays {
    pub(crate) fn new(now: Instant) -> Self {
        Self { refused: 0, known: 0, latest: 0, at: now }
    }

    pub(crate) fn launched(&mut self, now: Instant, number: u64) {
        if now.saturating_duration_since(self.at) > MEMORY {
            *self = Self::new(now);
        }
        self.refused <<= 1;
        self.known = (self.known + 1).min(u64::BITS);
        (self.latest, self.at) = (number, now);
    }

    /// Launch `number` was refused, by an upstream with a known limit or none.
    pub(crate) fn refused(&mut self, number: u64, limited: bool) -> Says {
        let ago = u32::try_from(self.latest.saturating_sub(number)).unwrap_or(u32::MAX);
        if ago >= self.known {
            return Says::Limit;
        }
        self.refused |= 1 << ago;
        // Nothing is known yet of the launches behind it.
        let (row, known) = (self.refused >> ago, self.known - ago);
        let last = row & ((1 << LAST) - 1);
        let (fewest, share) = if limited { (FEWEST_KNOWN, SHARE_KNOWN) } else { (FEWEST, SHARE) };
        if last.count_ones() >= ROW || (known >= fewest && row.count_ones() * share > known) {
            self.known = ago;
            Says::Limit
        } else if known >= fewest {
            Says::Stray
        } else if limited {
            Says::Limit
        } else {
            Says::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of the last of so many launches, of which these were refused, in this order.
    fn last(launches: u64, refused: &[u64]) -> Says {
        let now = Instant::now();
        let mut strays = Strays::new(now);
        (1..=launches).for_each(|number| strays.launched(now, number));
        refused.iter().fold(Says::Stray, |_, number| strays.refused(*number, false))
    }

    #[test]
    fn one_among_many_is_a_stray() {
        assert_eq!(last(20, &[20]), Says::Stray);
        assert_eq!(last(64, &[3, 20, 64]), Says::Stray);
        assert_eq!(last(64, &[62, 63, 64]), Says::Stray);
    }

    #[test]
    fn of_a_few_none_says_anything_but_the_time_that_it_names() {
        assert_eq!(last(1, &[1]), Says::Wait);
        assert_eq!(last(7, &[7]), Says::Wait);
        // A herd: all of it is sent before the first refusal comes.
        assert_eq!(last(64, &[6]), Says::Wait);
        assert_eq!(last(64, &[6, 7]), Says::Wait);
        assert_eq!(last(64, &[6, 7, 8, 9]), Says::Limit);
    }

    #[test]
    fn a_share_of_them_or_a_row_of_them_is_a_limit() {
        assert_eq!(last(20, &[3, 6, 9]), Says::Limit);
        assert_eq!(last(64, &[60, 61, 62, 63]), Says::Limit);
        assert_eq!(last(64, &[51, 52, 53, 54]), Says::Limit);
    }

    #[test]
    fn of_a_limit_that_is_known_a_smaller_share_is_heard() {
        let now = Instant::now();
        let mut strays = Strays::new(now);
        (1..=20).for_each(|number| strays.launched(now, number));
        assert_eq!(strays.refused(10, true), Says::Stray);
        assert_eq!(strays.refused(15, true), Says::Limit);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let now = Instant::now();
        let mut strays = Strays::new(now);
        (1..=50).for_each(|number| strays.launched(now, number));
        strays.launched(now + MEMORY + MEMORY, 51);
        assert_eq!(strays.refused(51, false), Says::Wait);
    }
}
