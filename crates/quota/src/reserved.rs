use std::fmt;
use std::sync::Arc;

use lastbyte_core::{Ending, EndingHandle, FailureKind, Listen, Phase, Verdict};

use crate::layer::Shared;
use crate::{Cost, Key, Quotas};

/// What a call has reserved. It is settled when the answer has ended, or else when this is dropped.
pub struct Reserved<Q: Quotas> {
    shared: Arc<Shared<Q>>,
    key: Key,
    model: Option<Arc<str>>,
    taken: Cost,
    /// The prompt's share of that.
    prompt: u64,
    /// Pieces of the answer so far.
    pieces: u64,
    settled: bool,
}

/// How a call has ended, as far as it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Complete, with what the API has counted, of its answer and in all.
    Counted { answer: u64, all: u64 },
    /// Complete, and nobody has counted.
    Whole,
    /// The API was at work, and nobody knows how far it came.
    Broken,
    /// It gave no answer.
    Nothing,
    /// One of ours let it not come to the API.
    Refused,
    /// It cannot be read.
    Opaque,
}

impl End {
    fn of(ending: &Ending, phase: Phase) -> Self {
        match ending {
            Ending::Complete { usage: Some(usage), .. } => {
                Self::Counted { answer: usage.output, all: usage.input.saturating_add(usage.output) }
            }
            Ending::Complete { usage: None, .. } => Self::Whole,
            Ending::Opaque { ok: true } => Self::Opaque,
            Ending::Opaque { ok: false } => Self::Nothing,
            Ending::Refused { .. } => Self::Refused,
            // No answer was begun for a request like that, or a call that came to no connection.
            Ending::Failed { kind: FailureKind::Status(_) } => Self::Nothing,
            ending if phase < Phase::Stream && ending.verdict() == Verdict::Failure => Self::Nothing,
            _ => Self::Broken,
        }
    }

    /// What a call has cost that had taken `taken`, of which `prompt` for its prompt.
    fn cost(self, taken: Cost, prompt: u64, pieces: u64) -> Cost {
        let answer = taken.tokens.saturating_sub(prompt);
        let tokens = match self {
            Self::Counted { all, .. } => all,
            Self::Whole => prompt.saturating_add(pieces),
            // The API goes on until it notices that nobody reads, and several tokens may come in a piece.
            Self::Broken => prompt.saturating_add(pieces.max(answer.div_ceil(2))),
            Self::Opaque => taken.tokens,
            Self::Nothing | Self::Refused => 0,
        };
        let requests = if self == Self::Refused { 0 } else { taken.requests };
        Cost { requests, tokens }
    }
}

impl<Q: Quotas> Reserved<Q> {
    pub(crate) fn new(
        shared: Arc<Shared<Q>>,
        key: Key,
        model: Option<Arc<str>>,
        taken: Cost,
        prompt: u64,
    ) -> Self {
        shared.totals.reserved(taken.tokens);
        Self { shared, key, model, taken, prompt: prompt.min(taken.tokens), pieces: 0, settled: false }
    }

    /// What was reserved, in tokens.
    pub fn tokens(&self) -> u64 {
        self.taken.tokens
    }

    /// There is no answer, and why.
    pub(crate) fn failed(mut self, ending: &Ending) {
        self.settle(End::of(ending, Phase::Head));
    }

    fn settle(&mut self, end: End) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let cost = end.cost(self.taken, self.prompt, self.pieces);
        let length = match end {
            End::Counted { answer, .. } => Some(answer),
            End::Whole => Some(self.pieces),
            _ => None,
        };
        if let (Some(length), Some(model)) = (length, &self.model) {
            self.shared.learn(model, length);
        }
        self.shared.totals.used(cost.tokens);
        self.shared.quotas.settle(&self.key, self.taken, cost);
    }
}

impl<Q: Quotas> Listen for Reserved<Q> {
    #[inline]
    fn hear(&mut self, handle: &EndingHandle) {
        let ending = handle.ending();
        // The end of a whole answer comes with its last piece, any other without one.
        if handle.phase() == Phase::Stream && matches!(ending, None | Some(Ending::Complete { .. })) {
            self.pieces += 1;
        }
        if let Some(ending) = ending {
            self.settle(End::of(ending, handle.phase()));
        }
    }
}

impl<Q: Quotas> Drop for Reserved<Q> {
    fn drop(&mut self) {
        // Without an ending: who waited for its head has left, and the API may be at work.
        self.settle(End::Broken);
    }
}

impl<Q: Quotas> fmt::Debug for Reserved<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("key", &self.key).field("taken", &self.taken).finish_non_exhaustive()
    }
}
