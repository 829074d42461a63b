//! How many streams an upstream takes at once, learned from what it shows. A plain value that is told the
//! time.
//!
//! The length of whole streams says nothing: it is that of the answers. What says something is, in this
//! order: that the upstream refuses, how late first events are beside what is usual for it, and how far apart
//! the pieces of streams are beside what is usual.

use std::time::Duration;

use tokio::time::Instant;

mod usual;

use usual::{Seen, Usual};

/// A stream that was let in. It names the round of learning that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    change: u32,
    at: Instant,
    held: usize,
}

/// The limit, and what it was learned from.
#[derive(Debug)]
pub(crate) struct Adaptive {
    max: usize,
    limit: f64,
    /// How many streams were held at once, lately, with nobody refused; `None` before anybody was.
    known: Option<f64>,
    /// How often the limit was changed: what was let in before the last time tells nothing of what it is now.
    change: u32,
    /// The share of refusals among the calls of late.
    refusals: f64,
    round: Round,
    firsts: Usual,
    gaps: Usual,
    step: f64,
    /// How long to stay below what was too much, and until when.
    patience: Duration,
    hold_until: Instant,
    /// How slow the round before was.
    before: f64,
    /// Cuts for being slow in a row, and how slow it was at the first of them.
    slow: Option<Slow>,
}

#[derive(Debug)]
struct Round {
    since: Instant,
    /// The most streams that were held at once in it.
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slow {
    cuts: u32,
    limit: f64,
    first: Duration,
}

/// The shortest time between two looks at what was seen: a second is long beside a head and short beside a
/// stream.
const ROUND: Duration = Duration::from_secs(1);

/// From which share on refusals are a limit and not an accident: three in a row, or a third of ten. A
/// limiter that spreads what it refuses over many callers is the pacer's to deal with.
const REFUSED: f64 = 0.25;

/// The weight of the newest call in that share.
const WEIGHT: f64 = 0.1;

/// How long to stay below what was refused, at first and at most. Each try above it costs somebody a refusal.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// The least share of the streams that a cut for being slow leaves: one round may be a misunderstanding.
const LEAST: f64 = 0.4;

/// How far above the usual something is slow: twice, beyond what jitter and longer prompts make of it.
const SLOW: f64 = 2.0;

/// How much slower than slow it has to be to need no second look.
const SURELY: f64 = 2.0;

impl Adaptive {
    /// At most `max` streams. It begins there: an upstream that refuses nobody and slows nobody down is not
    /// to be throttled to find that out, and the first refusals tell at once how many it took.
    pub(crate) fn new(max: usize, now: Instant) -> Self {
        Self {
            max: max.max(1),
            limit: max.max(1) as f64,
            known: None,
            change: 0,
            refusals: 0.0,
            round: Round { since: now, most: 0 },
            firsts: Usual::default(),
            gaps: Usual::default(),
            step: 1.0,
            patience: PATIENCE.0,
            hold_until: now,
            before: 0.0,
            slow: None,
        }
    }

    /// At least 1.
    pub(crate) fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.max)
    }

    /// A stream was let in; `held` of them are there now, it included.
    pub(crate) fn admitted(&mut self, held: usize, now: Instant) -> Ticket {
        self.round.most = self.round.most.max(held);
        Ticket { change: self.change, at: now, held }
    }

    /// Its first event came.
    pub(crate) fn alive(&mut self, ticket: &Ticket, now: Instant) {
        self.refusals -= self.refusals * WEIGHT;
        if ticket.change == self.change {
            self.firsts.see(now.saturating_duration_since(ticket.at));
        }
        self.look(now);
    }

    /// It ended before its first event, and nobody refused it: whoever waited so long for it has left.
    pub(crate) fn gone(&mut self, ticket: &Ticket, now: Instant) {
        let waited = now.saturating_duration_since(ticket.at);
        // As late as this at least. Who left sooner than that has not waited.
        if ticket.change == self.change
            && waited >= self.firsts.usual().map_or(ROUND, |usual| usual.mul_f64(SLOW))
        {
            self.firsts.see(waited);
            self.look(now);
        }
    }

    /// It ended well, and its pieces came so far apart.
    pub(crate) fn gap(&mut self, ticket: &Ticket, gap: Duration, now: Instant) {
        if ticket.change == self.change {
            self.gaps.see(gap);
        }
        self.look(now);
    }

    /// The upstream refused it; `held` of them are left.
    pub(crate) fn refused(&mut self, ticket: &Ticket, held: usize, now: Instant) {
        self.refusals += (1.0 - self.refusals) * WEIGHT;
        let left = held.max(1) as f64;
        if let Some(known) = self.known.filter(|known| ticket.held as f64 > *known && self.limit > *known) {
            // One more than was known to go: it does not.
            self.back_to(known.max(1.0), now);
        } else if self.refusals > REFUSED && left < self.limit {
            // What is left when the refused are gone is what it took.
            self.back_to(left, now);
        }
    }

    fn back_to(&mut self, limit: f64, now: Instant) {
        // Refusals of one and the same herd are one reason to wait longer, not many.
        if now >= self.hold_until {
            self.patience = (self.patience * 2).min(PATIENCE.1);
        }
        self.limit = limit;
        self.known = Some(limit);
        self.step = 1.0;
        self.hold_until = now + self.patience;
        self.restart(now);
    }

    /// What was let in up to now tells nothing of what is to come.
    fn restart(&mut self, now: Instant) {
        self.change = self.change.wrapping_add(1);
        self.firsts.forget();
        self.gaps.forget();
        self.round = Round { since: now, most: 0 };
    }

    /// At the end of a round: is it slow, and if not, was the limit reached, so that there may be more?
    fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.round.since) < ROUND {
            return;
        }
        let most = self.round.most;
        let loaded = (self.limit() < self.max) && 2 * most > self.limit();
        let (first, gap) = (self.firsts.judge(SLOW, loaded), self.gaps.judge(SLOW, loaded));
        if first == Seen::Unknown {
            // Too few have shown anything: the round goes on.
            return;
        }
        self.round = Round { since: now, most: 0 };
        let seen = first.excess().max(gap.excess());
        // Far too slow is enough at once; a little may be chance, and has to be seen twice.
        let excess = if seen > SURELY { seen } else { seen.min(self.before) };
        self.before = seen;
        if excess > 1.0 && most > 1 {
            self.slow_down(most, excess, now);
            return;
        }
        if excess > 1.0 {
            // With one stream at a time it is nobody's load: that is how it is now.
            self.firsts.accept();
            self.gaps.accept();
        }
        self.slow = None;
        self.grow(most, now);
    }

    fn slow_down(&mut self, most: usize, excess: f64, now: Instant) {
        let first = self.firsts.recent();
        let slow = *self.slow.get_or_insert(Slow { cuts: 0, limit: self.limit, first });
        if slow.cuts >= 2 && first.as_secs_f64() > 0.8 * slow.first.as_secs_f64() {
            // A third of the streams and just as slow: the load is not why. So that is how it is now.
            self.firsts.accept();
            self.gaps.accept();
            self.slow = None;
            self.limit = slow.limit;
            return;
        }
        self.slow = Some(Slow { cuts: slow.cuts + 1, ..slow });
        let limit = (most as f64 * (1.0 / excess).clamp(LEAST, 0.95)).max(1.0);
        self.limit = limit.min(self.limit);
        self.known = Some(self.limit);
        self.step = 1.0;
        self.patience = PATIENCE.0;
        self.hold_until = now + self.patience;
        self.restart(now);
    }

    fn grow(&mut self, most: usize, now: Instant) {
        // Where fewer were asked for than there are places, nothing was learned about more of them.
        let reached = most + 1 >= self.limit();
        if !reached || now < self.hold_until || self.limit as usize >= self.max {
            return;
        }
        if self.known.is_some_and(|known| self.limit > known) {
            // The last step held.
            self.patience = PATIENCE.0;
            self.step = (self.step * 2.0).min((self.limit / 4.0).max(1.0));
        }
        self.known = Some(self.limit);
        self.limit = (self.limit.floor() + self.step.floor()).min(self.max as f64);
        // The next step is for what is let in from here on to decide.
        self.restart(now);
    }
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
