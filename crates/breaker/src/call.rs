use std::fmt;
use std::sync::Arc;

use lastbyte_core::{Ending, EndingHandle, Listen, Phase, Verdict};

use crate::circuit::Ticket;
use crate::circuits::Keyed;

/// A call that was let through, from its admission to its last byte. Dropped before it has ended, it gives
/// its place back and says nothing of the upstream.
pub struct Call {
    keyed: Arc<Keyed>,
    /// `None` once the circuit knows how it ended.
    ticket: Option<Ticket>,
    alive: bool,
}

impl Call {
    pub(crate) fn new(keyed: Arc<Keyed>, ticket: Ticket) -> Self {
        Self { keyed, ticket: Some(ticket), alive: false }
    }

    /// It turns out to be answered by an event stream.
    pub(crate) fn streams(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            self.keyed.streams(ticket);
        }
    }

    /// There is no head, and why.
    pub(crate) fn failed(mut self, ending: &Ending) {
        if let Some(ticket) = self.ticket.take() {
            self.keyed.end(ticket, ending.verdict());
        }
    }
}

impl Listen for Call {
    #[inline]
    fn hear(&mut self, handle: &EndingHandle) {
        let Some(ticket) = &mut self.ticket else { return };
        if let Some(ending) = handle.ending() {
            let verdict = ending.verdict();
            // Content and the end may have come in one piece.
            if !self.alive && handle.phase() == Phase::Stream && verdict != Verdict::Success {
                self.keyed.alive(ticket);
            }
            if let Some(ticket) = self.ticket.take() {
                self.keyed.end(ticket, verdict);
            }
        } else if !self.alive && handle.phase() == Phase::Stream {
            self.alive = true;
            self.keyed.alive(ticket);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.keyed.end(ticket, Verdict::Neutral);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
