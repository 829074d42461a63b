use std::fmt;
use std::sync::{Arc, PoisonError};

use http::{HeaderMap, header};
use lastbyte_core::{Cause, Ending, EndingHandle, ErrorKind, FailureKind, Listen, Phase};
use tokio::time::Instant;

use crate::adaptive::{Adaptive, Ticket};
use crate::gate::{Gate, Permit};
use crate::sync::{self, Mutex};
use crate::{Charge, Occupancy};

/// The places of one upstream, or of all, and what is known of how many there should be.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) gate: sync::Arc<Gate>,
    adaptive: Option<Mutex<Adaptive>>,
    /// Whether refusals say that there are too many streams.
    refusals: bool,
}

impl Places {
    pub(crate) fn new(gate: Gate, adaptive: Option<usize>, refusals: bool) -> Self {
        let adaptive = adaptive.map(|max| Mutex::new(Adaptive::new(max, Instant::now())));
        Self { gate: sync::Arc::new(gate), adaptive, refusals }
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy { held: self.gate.held(), waiting: self.gate.waiting(), limit: self.gate.limit() }
    }

    fn learn<T>(&self, learn: impl FnOnce(&mut Adaptive, usize, Instant) -> T) -> Option<T> {
        let adaptive = self.adaptive.as_ref()?;
        let now = Instant::now();
        let mut adaptive = adaptive.lock().unwrap_or_else(PoisonError::into_inner);
        let before = adaptive.limit();
        let learned = learn(&mut adaptive, self.gate.held(), now);
        let limit = adaptive.limit();
        drop(adaptive);
        if limit != before {
            self.gate.set_limit(limit, now);
        }
        Some(learned)
    }
}

/// A stream's place and its share of the memory. Both go back when this is dropped.
pub struct Held {
    // First: it goes back before anything is learned from that.
    permit: Option<Permit>,
    charge: Option<Charge>,
    learning: Option<Learning>,
}

/// What is told of a stream to the one that learns the limit.
struct Learning {
    places: Arc<Places>,
    ticket: Ticket,
    alive: Option<Instant>,
    frames: u32,
    /// Whether its head says when to come back.
    comes_back: bool,
}

impl Held {
    #[inline]
    pub(crate) fn new(permit: Permit, charge: Option<Charge>, places: Arc<Places>) -> Self {
        let ticket = places.learn(|adaptive, held, now| adaptive.admitted(held, now));
        let learning =
            ticket.map(|ticket| Learning { places, ticket, alive: None, frames: 0, comes_back: false });
        Self { permit: Some(permit), charge, learning }
    }

    /// There is no head, and why.
    pub(crate) fn failed(&mut self, ending: &Ending) {
        self.permit = None;
        if let Some(learning) = self.learning.take() {
            learning.ended(ending);
        }
    }

    /// There is a head.
    pub(crate) fn answered(&mut self, head: &HeaderMap) {
        if let Some(learning) = &mut self.learning {
            learning.comes_back =
                head.contains_key(header::RETRY_AFTER) || head.contains_key("retry-after-ms");
        }
    }

    /// How much memory is charged for it, in bytes.
    pub fn charged(&self) -> usize {
        self.charge.as_ref().map_or(0, Charge::bytes)
    }
}

impl Listen for Held {
    #[inline]
    fn hear(&mut self, handle: &EndingHandle) {
        let Some(learning) = &mut self.learning else { return };
        if let Some(ending) = handle.ending() {
            let ending = ending.clone();
            if let Some(learning) = self.learning.take() {
                // A refused call has held nothing.
                if learning.is_refusal(&ending) {
                    self.permit = None;
                }
                learning.ended(&ending);
            }
        } else if learning.alive.is_some() {
            learning.frames += 1;
        } else if handle.phase() == Phase::Stream {
            let Learning { places, ticket, alive, .. } = learning;
            *alive = places.learn(|adaptive, _, now| {
                adaptive.alive(ticket, now);
                now
            });
        }
    }
}

impl Learning {
    /// Whether the upstream said that it has too much to do: 429, 529, the same as an event, and 503 where it
    /// says when to come back. Without that a 503 is a failure as any other, which fewer streams do not mend.
    fn is_refusal(&self, ending: &Ending) -> bool {
        let says_so = match ending {
            Ending::Failed { kind: FailureKind::Status(status) } => match status.as_u16() {
                429 | 529 => true,
                503 => self.comes_back,
                _ => false,
            },
            Ending::Failed { kind: FailureKind::Event { kind, .. } } => *kind == ErrorKind::RateLimited,
            _ => false,
        };
        says_so && self.places.refusals
    }

    fn ended(self, ending: &Ending) {
        let is_refusal = self.is_refusal(ending);
        let Self { places, ticket, alive, frames, .. } = self;
        places.learn(|adaptive, held, now| match (ending, alive) {
            _ if is_refusal => adaptive.refused(&ticket, held, now),
            (Ending::Complete { .. }, Some(alive)) if frames >= FRAMES => {
                let gap = now.saturating_duration_since(alive) / frames;
                adaptive.gap(&ticket, gap, now);
            }
            (Ending::Abandoned | Ending::Truncated { cause: Cause::FirstEvent, .. }, None) => {
                adaptive.gone(&ticket, now);
            }
            (Ending::Failed { kind: FailureKind::Timeout { .. } }, None) => adaptive.gone(&ticket, now),
            _ => {}
        });
    }
}

/// How many pieces a stream has to come in until the time between them says something.
const FRAMES: u32 = 20;

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("permit", &self.permit)
            .field("charge", &self.charge)
            .finish_non_exhaustive()
    }
}
