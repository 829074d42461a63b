use std::fmt;
use std::sync::Arc;

use lastbyte_core::{Ending, EndingHandle, Phase, Verdict};

use crate::circuit::Ticket;
use crate::circuits::Keyed;

/// A call that was let through, from its admission to its last byte. Dropped before it has ended, it gives
/// its place back and says nothing of the upstream.
pub(crate) struct Call {
    keyed: Arc<Keyed>,
    /// `None` once the circuit knows how it ended.
    ticket: Option<Ticket>,
    handle: Option<EndingHandle>,
    alive: bool,
}

impl Call {
    pub(crate) fn new(keyed: Arc<Keyed>, ticket: Ticket) -> Self {
        Self { keyed, ticket: Some(ticket), handle: None, alive: false }
    }

    /// A head came; `stream` where it is that of an event stream.
    pub(crate) fn head(&mut self, handle: EndingHandle, stream: bool) {
        if let Some(ticket) = self.ticket.as_mut().filter(|_| stream) {
            self.keyed.streams(ticket);
        }
        self.handle = Some(handle);
        self.look();
    }

    /// Tells the circuit what is known by now. Cheap where there is nothing new.
    #[inline]
    pub(crate) fn look(&mut self) {
        let (Some(handle), Some(ticket)) = (&self.handle, &mut self.ticket) else { return };
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

    /// There is no head, and why.
    pub(crate) fn failed(mut self, ending: &Ending) {
        if let Some(ticket) = self.ticket.take() {
            self.keyed.end(ticket, ending.verdict());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.look();
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
