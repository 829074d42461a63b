use std::fmt;
use std::sync::Arc;

use lastbyte_core::{Cause, Ending, EndingHandle, Listen, Phase};

use crate::layer::Shared;
use crate::{Cost, Key, Quotas};

/// What a call has reserved. It is settled when the answer has ended, or else when this is dropped.
pub struct Reserved<Q: Quotas> {
    shared: Arc<Shared<Q>>,
    call: Call,
    /// Whether the answer turned out to be an event stream.
    streams: bool,
    settled: bool,
}

/// What is known of a call at its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) key: Key,
    pub(crate) taken: Cost,
    /// The prompt's share of that.
    pub(crate) prompt: u64,
    /// How many answers it asks for.
    pub(crate) choices: u32,
    /// Whose answers its length says something of. `None`: it says nothing, as the request cuts it short.
    pub(crate) teaches: Option<Arc<str>>,
}

/// How a call has ended, as far as it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Complete, with what the API has counted, of its answer and in all; and whether it ended by itself.
    Counted { answer: u64, all: u64, by_itself: bool },
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
    fn of(ending: &Ending, phase: Phase, streams: bool) -> Self {
        let is_silent = phase < Phase::Stream;
        match ending {
            Ending::Complete { finish, usage: Some(usage) } => Self::Counted {
                answer: usage.output,
                all: usage.input.saturating_add(usage.output),
                by_itself: !matches!(finish.as_str(), "length" | "max_tokens" | "incomplete"),
            },
            Ending::Complete { usage: None, .. } => Self::Whole,
            Ending::Opaque { ok: true } => Self::Opaque,
            Ending::Refused { .. } => Self::Refused,
            Ending::Failed { .. } if is_silent => Self::Nothing,
            // A stream that the API itself ended before its first word. Of an answer in one piece nobody sees
            // a first word, and where our patience ended the API was at work.
            Ending::Truncated {
                cause: Cause::Eof | Cause::Reset | Cause::HalfEvent | Cause::LengthShort,
                ..
            } if is_silent && streams => Self::Nothing,
            _ => Self::Broken,
        }
    }

    /// What a call has cost of which so many events were read.
    fn cost(self, call: &Call, events: u32) -> Cost {
        let Call { taken, prompt, .. } = *call;
        let (answer, events) = (taken.tokens.saturating_sub(prompt), u64::from(events));
        let tokens = match self {
            Self::Counted { all, .. } => all,
            Self::Whole if events > 0 => prompt.saturating_add(events),
            // The API goes on until it notices that nobody reads, and several tokens may come in an event.
            Self::Broken => prompt.saturating_add(events.max(answer.div_ceil(2))),
            Self::Whole | Self::Opaque => taken.tokens,
            Self::Nothing | Self::Refused => 0,
        };
        let requests = if self == Self::Refused { 0 } else { taken.requests };
        Cost { requests, tokens }
    }
}

impl<Q: Quotas> Reserved<Q> {
    pub(crate) fn new(shared: Arc<Shared<Q>>, call: Call) -> Self {
        shared.totals.reserved(call.taken.tokens);
        Self { shared, call, streams: false, settled: false }
    }

    /// What was reserved, in tokens.
    pub fn tokens(&self) -> u64 {
        self.call.taken.tokens
    }

    /// There is a head, of an event stream or not.
    pub(crate) fn answered(&mut self, streams: bool) {
        self.streams = streams;
    }

    /// There is no answer, and why.
    pub(crate) fn failed(mut self, ending: &Ending) {
        self.settle(End::of(ending, Phase::Head, false), 0);
    }

    fn settle(&mut self, end: End, events: u32) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        if let (End::Counted { answer, by_itself: true, .. }, Some(model)) = (end, &self.call.teaches) {
            self.shared.learn(model, answer.div_ceil(self.call.choices.into()));
        }
        let cost = end.cost(&self.call, events);
        self.shared.totals.used(cost.tokens);
        self.shared.quotas.settle(&self.call.key, self.call.taken, cost);
    }
}

impl<Q: Quotas> Listen for Reserved<Q> {
    #[inline]
    fn hear(&mut self, handle: &EndingHandle) {
        if let Some(ending) = handle.ending() {
            self.settle(End::of(ending, handle.phase(), self.streams), handle.events());
        }
    }
}

impl<Q: Quotas> Drop for Reserved<Q> {
    fn drop(&mut self) {
        // Without an ending: who waited for its head has left, and the API may be at work.
        self.settle(End::Broken, 0);
    }
}

impl<Q: Quotas> fmt::Debug for Reserved<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("call", &self.call).finish_non_exhaustive()
    }
}
