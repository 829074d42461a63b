use std::time::Duration;

use lastbyte_core::far;
use tokio::time::Instant;

/// Whether an upstream's limit is a number of streams at a time, and which.
///
/// Such a limit has no rate to learn: a place is free when a stream ends, and only then. It is recognised by
/// refusals that no wait helps against: after a wait in which no stream ended, the first to ask is refused
/// again, beside as many streams as before. Then launches follow the endings, one for one, and what is
/// beyond the window is asked for rarely. A launch that is taken beyond it widens it; several in a row mean
/// that this is no limit of streams after all.
#[derive(Debug)]
pub(crate) struct Slots {
    /// So many streams fitted when the last one was refused.
    window: u64,
    /// Launches follow the endings.
    clocked: bool,
    evidence: u32,
    /// How much of it is asked for. More each time it was wrong.
    needed: u32,
    /// Between two probes beyond the window.
    gap: Duration,
    probe_at: Instant,
    /// Probes taken in a row, and refusals within the window.
    wins: u64,
    strikes: u32,
    most: Most,
}

/// The most streams that one was taken beside, in the last ten to twenty seconds.
#[derive(Debug)]
struct Most {
    now: u64,
    before: u64,
    since: Instant,
}

/// Two refusals say nothing of chance: a bucket as full as guessed would have taken the second.
const NEEDED: u32 = 2;

/// The most that is asked for: beyond it, a wrong turn every few minutes is no harm.
const NEEDED_MOST: u32 = 64;

/// The first probe comes after so long, each further one after three times as long.
const FIRST_GAP: Duration = Duration::from_millis(500);
const LONGEST_GAP: Duration = Duration::from_secs(10);

/// The same, in units of the time that a refusal stops everybody.
const FIRST_GAP_STOPS: u32 = 2;
const LONGEST_GAP_STOPS: u32 = 10;

/// A refusal is dear where it stops everybody for a second or more.
const DEAR: Duration = Duration::from_secs(1);

/// Refusals within the window that are borne before it is given up.
const STRIKES: u32 = 3;

const MEMORY: Duration = Duration::from_secs(10);

impl Slots {
    pub(crate) fn new(now: Instant, beside: u64) -> Self {
        Self {
            window: beside.max(1),
            clocked: false,
            evidence: 0,
            needed: NEEDED,
            gap: FIRST_GAP,
            probe_at: now,
            wins: 0,
            strikes: 0,
            most: Most { now: 0, before: 0, since: now },
        }
    }

    /// The window, where launches follow the endings.
    pub(crate) fn window(&self) -> Option<u64> {
        self.clocked.then_some(self.window)
    }

    /// When the next probe beyond the window may be.
    pub(crate) fn probe_at(&self) -> Instant {
        self.probe_at
    }

    pub(crate) fn has_room(&self, flight: u64) -> bool {
        flight < self.window
    }

    /// Whether an ending is a reason to ask, though a wait is not over.
    pub(crate) fn is_suspected(&self) -> bool {
        self.evidence > 0
    }

    /// A launch beside so many streams was taken.
    pub(crate) fn taken(&mut self, now: Instant, beside: u64) {
        self.most.add(now, beside);
    }

    /// The first launch after a wait was taken, within the window or not.
    pub(crate) fn first_taken(&mut self, now: Instant, within: bool, stop: Duration) {
        if !within {
            self.evidence = 0;
        } else if self.evidence >= self.needed {
            self.clocked = true;
            (self.wins, self.strikes) = (0, 0);
            self.gap = FIRST_GAP.max(stop.saturating_mul(FIRST_GAP_STOPS));
            self.probe_at = far(now, self.gap);
        }
    }

    /// A launch beyond the window was taken.
    pub(crate) fn probe_taken(&mut self, now: Instant) {
        self.window += 1;
        self.wins += 1;
        self.strikes = 0;
        self.gap = FIRST_GAP;
        self.probe_at = now;
        if self.wins >= (self.window / 8).max(3) {
            self.was_wrong();
        }
    }

    /// A launch beyond the window was refused.
    pub(crate) fn probe_refused(&mut self, now: Instant, beside: u64, stop: Duration) {
        self.narrow(beside);
        self.wins = 0;
        self.gap = self.gap.saturating_mul(3).min(LONGEST_GAP.max(stop.saturating_mul(LONGEST_GAP_STOPS)));
        self.probe_at = far(now, self.gap);
    }

    /// A launch within the window was refused. `true`: that may be, others take places too.
    pub(crate) fn bears(&mut self, now: Instant, beside: u64) -> bool {
        if !self.clocked {
            return false;
        }
        if beside * 5 < self.window * 4 || self.strikes >= STRIKES {
            self.was_wrong();
            return false;
        }
        self.strikes += 1;
        self.window = beside.max(1);
        self.wins = 0;
        self.probe_at = far(now, self.gap);
        true
    }

    /// A refusal beside so many streams; `first`: of the first launch after a wait.
    pub(crate) fn refused(&mut self, now: Instant, beside: u64, first: bool, stop: Option<Duration>) {
        let is_dear = stop.is_some_and(|stop| stop >= DEAR);
        let is_full = beside >= self.window && beside * 5 >= self.most.get(now) * 4;
        let is_alike = beside.abs_diff(self.window) * 8 <= self.window;
        // The longer the wait, the fuller a bucket would have been.
        self.evidence = match (first && is_full, is_dear) {
            (true, true) => self.evidence.saturating_add(2),
            (true, false) => self.evidence.saturating_add(1),
            // Others have ended in the meantime; but it is the same number every time.
            (false, true) if is_alike => self.evidence.saturating_add(1),
            _ => 0,
        };
        self.window = beside.max(1);
    }

    /// One more refusal of the same launches.
    pub(crate) fn narrow(&mut self, beside: u64) {
        self.window = self.window.min(beside).max(1);
    }

    fn was_wrong(&mut self) {
        self.clocked = false;
        self.evidence = 0;
        self.needed = (self.needed * 2).min(NEEDED_MOST);
    }
}

impl Most {
    fn add(&mut self, now: Instant, beside: u64) {
        self.turn(now);
        self.now = self.now.max(beside);
    }

    fn get(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.now.max(self.before)
    }

    fn turn(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) > MEMORY {
            (self.before, self.now, self.since) = (self.now, 0, now);
        }
    }
}
