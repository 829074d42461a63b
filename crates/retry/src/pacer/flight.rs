use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many launches are still under way, with nothing kept for each of them.
///
/// They are counted by the minute they began in. A ticket that nobody reports is forgotten with its minute,
/// so a leak costs a place for a quarter of an hour and not for ever.
#[derive(Debug)]
pub(crate) struct Flight {
    start: Instant,
    minutes: VecDeque<Minute>,
    total: u64,
}

#[derive(Debug)]
struct Minute {
    number: u64,
    open: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

/// After how many minutes a launch counts as lost: longer than the longest answer, which has ten.
const LOST_AFTER: u64 = 15;

impl Flight {
    pub(crate) fn new(now: Instant) -> Self {
        Self { start: now, minutes: VecDeque::new(), total: 0 }
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// One more. Returns the minute it counts in.
    pub(crate) fn begin(&mut self, now: Instant) -> u64 {
        let minute = now.saturating_duration_since(self.start).as_secs() / MINUTE.as_secs();
        self.forget(minute);
        // Never backwards, even where a clock seems to go so.
        let number = self.minutes.back().map_or(minute, |last| last.number.max(minute));
        match self.minutes.back_mut().filter(|last| last.number == number) {
            Some(last) => last.open += 1,
            None => self.minutes.push_back(Minute { number, open: 1 }),
        }
        self.total += 1;
        number
    }

    /// One less of those that began in that minute.
    pub(crate) fn end(&mut self, number: u64) {
        if let Ok(at) = self.minutes.binary_search_by_key(&number, |minute| minute.number)
            && self.minutes[at].open > 0
        {
            self.minutes[at].open -= 1;
            self.total -= 1;
        }
    }

    fn forget(&mut self, minute: u64) {
        while self.minutes.front().is_some_and(|first| first.number + LOST_AFTER < minute) {
            self.total -= self.minutes.pop_front().map_or(0, |first| first.open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_that_nobody_reports_is_forgotten() {
        let start = Instant::now();
        let mut flight = Flight::new(start);
        let lost = flight.begin(start);
        let open = flight.begin(start + MINUTE * 10);
        assert_eq!(flight.count(), 2);
        let last = flight.begin(start + MINUTE * 17);
        assert_eq!(flight.count(), 2);
        // Reported after all: it does not count twice.
        flight.end(lost);
        assert_eq!(flight.count(), 2);
        flight.end(open);
        flight.end(last);
        flight.end(last);
        assert_eq!(flight.count(), 0);
        assert!(flight.minutes.len() <= LOST_AFTER as usize + 1);
    }
}
