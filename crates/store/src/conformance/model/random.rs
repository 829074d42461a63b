//! What is written, at random.

use bytes::Bytes;

use super::World;
use super::entry::Entry;
use crate::{Batch, End, State};

impl World<'_> {
    /// Most follow what is there; some are there, in whole or in part, and some come too early.
    pub(super) fn batch(&mut self, entry: &Entry) -> Batch {
        let next = entry.events.len() as u64 + 1;
        let kind = self.rng.u32(..10);
        let first = match kind {
            0..2 => self.rng.u64(1..=next),
            2 => next + self.rng.u64(1..3),
            _ => next,
        };
        let mut events: Vec<_> = (0..self.rng.usize(..4)).map(|_| self.bytes(12)).collect();
        if kind == 0 && first < next {
            let last = (first as usize + self.rng.usize(..3)).min(entry.events.len());
            events = entry.events[first as usize - 1..last].to_vec();
        } else if first < next && events.is_empty() {
            events.push(self.bytes(12));
        }
        // What is repeated is repeated as it was; what was in the head then is not known here.
        let head = (first >= next && self.rng.u32(..3) == 0).then(|| self.bytes(9));
        let attempts = if first >= next { self.rng.u32(..6) } else { 0 };
        Batch { first, events, head, attempts }
    }

    pub(super) fn end(&mut self) -> End {
        let ends: Vec<_> = State::ALL.into_iter().filter(|state| state.is_ended()).collect();
        End { state: ends[self.rng.usize(..ends.len())], detail: self.bytes(9) }
    }

    pub(super) fn bytes(&mut self, most: usize) -> Bytes {
        (0..self.rng.usize(..=most)).map(|_| self.rng.u8(..)).collect()
    }
}
