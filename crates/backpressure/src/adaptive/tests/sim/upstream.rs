//! What the streams meet.

use std::collections::VecDeque;

/// An upstream's way to be full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// It refuses at once what is beyond so many streams.
    Slots(usize),
    /// It works on so many, and lets the others wait in order: `max_num_seqs` of an engine.
    Queue(usize),
    /// It works on all. Beyond so many, `n` streams get the work of `k` done and less (each is slower by
    /// `(n/k)^1.25`, as with preempted and recomputed ones), and a first event takes `(n/k)^2` as long.
    Thrash(usize),
}

impl Kind {
    pub(crate) fn capacity(self) -> usize {
        let (Self::Slots(capacity) | Self::Queue(capacity) | Self::Thrash(capacity)) = self;
        capacity
    }
}

/// Streams by their numbers. Work is measured in seconds of an upstream that is not full.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) kind: Kind,
    pub(crate) streams: usize,
    pub(crate) waiting: VecDeque<usize>,
    work: f64,
    at: f64,
}

/// What it says to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    Refused,
    Waits,
    /// Its first event takes so many times as long as usual.
    Taken(f64),
}

impl Upstream {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, streams: 0, waiting: VecDeque::new(), work: 0.0, at: 0.0 }
    }

    /// How fast each stream is.
    pub(crate) fn speed(&self) -> f64 {
        match self.kind {
            Kind::Thrash(fit) if self.streams > fit => (fit as f64 / self.streams as f64).powf(1.25),
            _ => 1.0,
        }
    }

    /// The work that each stream has got done since the beginning.
    pub(crate) fn work(&mut self, now: f64) -> f64 {
        self.work += (now - self.at) * self.speed();
        self.at = now;
        self.work
    }

    pub(crate) fn call(&mut self, now: f64, call: usize) -> Said {
        self.work(now);
        match self.kind {
            Kind::Slots(slots) if self.streams >= slots => Said::Refused,
            Kind::Queue(seats) if self.streams >= seats => {
                self.waiting.push_back(call);
                Said::Waits
            }
            kind => {
                self.streams += 1;
                let crowd = self.streams as f64 / kind.capacity() as f64;
                Said::Taken(if matches!(kind, Kind::Thrash(_)) { crowd.powi(2).max(1.0) } else { 1.0 })
            }
        }
    }

    /// A stream is gone; one that waits takes its seat.
    pub(crate) fn gone(&mut self, now: f64, call: usize) -> Option<usize> {
        self.work(now);
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == call) {
            self.waiting.remove(place);
            return None;
        }
        self.streams -= 1;
        let next = self.waiting.pop_front();
        self.streams += usize::from(next.is_some());
        next
    }
}
