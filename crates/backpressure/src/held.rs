use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, header};
use lastbyte_core::{Ending, EndingHandle, ErrorKind, FailureKind, Listen, Phase, Verdict, far};
use tokio::time::Instant;

use crate::adaptive::{Adaptive, Admission, Outcome};
use crate::gate::{Gate, Permit};
use crate::limit::Limit;
use crate::{Charge, Occupancy, quota, sync};

/// The places of one upstream, or of all.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) gate: sync::Arc<Gate>,
    /// Whether how many there are is learned.
    learns: bool,
    /// Whether refusals say that there are too many streams.
    refusals: bool,
}

impl Places {
    pub(crate) fn new(gate: Gate, learns: bool, refusals: bool) -> Self {
        Self { gate: sync::Arc::new(gate), learns, refusals }
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let limit = self.gate.limit(Instant::now());
        Occupancy { held: self.gate.held(), waiting: self.gate.waiting(), limit }
    }

    #[inline]
    fn learn<T>(&self, learn: impl FnOnce(&mut Adaptive, Instant) -> T) -> Option<T> {
        if !self.learns {
            return None;
        }
        let now = Instant::now();
        self.gate.change(now, |limit| match limit {
            Limit::Learned(adaptive) => Some(learn(adaptive, now)),
            Limit::Fixed(_) => None,
        })
    }
}

/// A stream's place and its share of the memory. Both go back when this is dropped.
pub struct Held {
    // Before the place: when that is given to another, the limit is what this one has shown.
    learning: Option<Learning>,
    permit: Option<Permit>,
    charge: Option<Charge>,
}

/// What is told of a stream to the one that learns the limit. Dropped, it tells that the stream is over.
struct Learning {
    places: Arc<Places>,
    /// `None` once it is over.
    admission: Option<Admission>,
    /// Since when the pieces are counted: its first event, at first.
    since: Option<Instant>,
    pieces: u32,
    /// Whether its head says when to come back.
    comes_back: bool,
}

/// Each upstream has a limit of its own, and so all that its streams show is of one kind.
const MODEL: u64 = 0;

/// How many pieces come between two looks at the time between them: a piece alone says little.
const PIECES: u32 = 20;

impl Held {
    #[inline]
    pub(crate) fn new(permit: Permit, charge: Option<Charge>, places: Arc<Places>) -> Self {
        let admission = places.learn(|adaptive, now| adaptive.admitted(now, MODEL));
        let learning = admission.map(|admission| Learning {
            places,
            admission: Some(admission),
            since: None,
            pieces: 0,
            comes_back: false,
        });
        Self { learning, permit: Some(permit), charge }
    }

    /// There is no head, and why.
    pub(crate) fn failed(&mut self, ending: &Ending) {
        self.ended(ending);
        self.permit = None;
    }

    /// There is a head.
    pub(crate) fn answered(&mut self, head: &HeaderMap) {
        if let Some(learning) = &mut self.learning {
            learning.answered(head);
        }
    }

    /// How much memory is charged for it, in bytes.
    pub fn charged(&self) -> usize {
        self.charge.as_ref().map_or(0, Charge::bytes)
    }

    fn ended(&mut self, ending: &Ending) {
        let Some(mut learning) = self.learning.take() else { return };
        let outcome = learning.outcome(ending);
        learning.ended(outcome);
        if outcome == Outcome::Refused {
            // It has held nothing.
            self.permit = None;
        }
    }
}

impl Listen for Held {
    #[inline]
    fn hear(&mut self, handle: &EndingHandle) {
        let Some(learning) = &mut self.learning else { return };
        if let Some(ending) = handle.ending() {
            self.ended(ending);
        } else if handle.phase() == Phase::Stream {
            learning.piece();
        }
    }
}

impl Learning {
    fn answered(&mut self, head: &HeaderMap) {
        self.comes_back = head.contains_key(header::RETRY_AFTER) || head.contains_key("retry-after-ms");
        if let (true, Some(reset)) = (self.places.refusals, quota::spent(head, SystemTime::now())) {
            self.places.learn(|adaptive, now| adaptive.spent(far(now, reset), now));
        }
    }

    #[inline]
    fn piece(&mut self) {
        let Self { places, admission: Some(admission), since, pieces, .. } = self else { return };
        let Some(began) = *since else {
            *since = places.learn(|adaptive, now| {
                adaptive.first_event(admission, now);
                now
            });
            return;
        };
        *pieces += 1;
        if *pieces == PIECES {
            *pieces = 0;
            *since = places.learn(|adaptive, now| {
                adaptive.gap(admission, now.saturating_duration_since(began) / PIECES, now);
                now
            });
        }
    }

    fn outcome(&self, ending: &Ending) -> Outcome {
        if self.is_refusal(ending) {
            return if self.places.refusals { Outcome::Refused } else { Outcome::Neutral };
        }
        match ending.verdict() {
            Verdict::Success => Outcome::Success,
            Verdict::Failure => Outcome::Failure,
            Verdict::Neutral => Outcome::Neutral,
        }
    }

    /// Whether the upstream said that it has too much to do: 429, 529, the same as an event, and 503 where it
    /// says when to come back. Without that a 503 is a failure as any other, which fewer streams do not mend.
    fn is_refusal(&self, ending: &Ending) -> bool {
        match ending {
            Ending::Failed { kind: FailureKind::Status(status) } => match status.as_u16() {
                429 | 529 => true,
                503 => self.comes_back,
                _ => false,
            },
            Ending::Failed { kind: FailureKind::Event { kind, .. } } => *kind == ErrorKind::RateLimited,
            _ => false,
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            self.places.learn(|adaptive, now| adaptive.ended(admission, outcome, now));
        }
    }
}

impl Drop for Learning {
    fn drop(&mut self) {
        // Without an ending: who waited for its head has left.
        self.ended(Outcome::Neutral);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("permit", &self.permit)
            .field("charge", &self.charge)
            .finish_non_exhaustive()
    }
}
