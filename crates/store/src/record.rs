use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::{AnswerId, WriteError};

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted, and not yet sent to the chat API: nothing can have been billed.
    Claimed,
    /// Sent, or about to be: it may have been billed, and nothing came back yet.
    Sent,
    /// Events were written.
    Streaming,
    /// Ended as the protocol says a whole answer ends.
    Complete,
    /// Ended before that.
    Truncated,
    /// There is no answer, or an error in the place of one.
    Failed,
    /// Somebody asked for it to stop.
    Cancelled,
    /// Given up, and kept for a person to look at.
    Dead,
}

impl State {
    /// All there are, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Claimed,
        Self::Sent,
        Self::Streaming,
        Self::Complete,
        Self::Truncated,
        Self::Failed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Whether it has ended: nothing will be written to it any more.
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Claimed | Self::Sent | Self::Streaming)
    }

    /// Its name, as a store writes it down.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Streaming => "streaming",
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// An answer to be.
#[derive(Clone, Debug)]
pub struct NewAnswer {
    /// Its name. The generation is random: [`crate::Slot`] and `fastrand` or the like.
    pub id: AnswerId,
    /// Whose it is. Told to nobody, compared at every look.
    pub tenant: String,
    /// What tells one request from another under the same key.
    pub fingerprint: [u8; 32],
    /// What is needed to ask again, in whatever form its writer reads. Kept until the answer has ended.
    pub request: Bytes,
    /// [`State::Claimed`], or at once [`State::Sent`] where the call follows on the heels of this.
    pub state: State,
    /// How long its writer may be silent before somebody else may go on.
    pub lease: Duration,
    /// How long it is kept behind its last change; while it is leased, as long as its lease at least.
    pub ttl: Duration,
    /// How many bytes its head and its events may have in all.
    pub max_bytes: u64,
}

/// The right to write one answer. Only the newest one of an answer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Which answer.
    pub id: AnswerId,
    /// The number that makes it newer than the ones before.
    pub fence: u64,
}

/// What became of opening an answer.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The key was free: it is ours to write.
    New(Lease),
    /// There is one already, perhaps of another request.
    Exists(Record),
}

/// What is known of an answer, but for its request and its events.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name.
    pub id: AnswerId,
    /// Whose it is.
    pub tenant: String,
    /// The fingerprint of its request.
    pub fingerprint: [u8; 32],
    /// How far it has come.
    pub state: State,
    /// The number of the newest lease.
    pub fence: u64,
    /// Whether its writer has the right to write it still. Always `false` once it has ended.
    pub leased: bool,
    /// The number of the last event; 0 where there is none.
    pub events: u64,
    /// How many bytes its head and its events have.
    pub bytes: u64,
    /// How often the chat API was asked, as its writers have told.
    pub attempts: u32,
    /// When it was opened.
    pub created: SystemTime,
    /// What its writer keeps of the head, in its own form.
    pub head: Option<Bytes>,
    /// What its writer says about the end, in its own form.
    pub end: Option<Bytes>,
}

/// What is written at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The number of the first of `events`; where there are none, of the one that would be next.
    pub first: u64,
    /// The events, in their order.
    pub events: Vec<Bytes>,
    /// The head, where it is to be written or written anew.
    pub head: Option<Bytes>,
    /// How often the chat API was asked so far. What is less than known already is ignored.
    pub attempts: u32,
}

impl Batch {
    /// Whether it follows the first `events` of an answer, which are there; `false` where all of it is there.
    ///
    /// # Errors
    ///
    /// [`WriteError::OutOfOrder`]: it leaves a gap, or only a part of it is there.
    pub fn follows(&self, events: u64) -> Result<bool, WriteError> {
        let many = self.events.len() as u64;
        match (events + 1).checked_sub(self.first) {
            Some(0) => Ok(true),
            Some(behind) if behind >= many && (self.first > 0 || many == 0) => Ok(false),
            _ => Err(WriteError::OutOfOrder),
        }
    }

    /// How many bytes it has that count toward [`NewAnswer::max_bytes`].
    pub fn bytes(&self) -> u64 {
        let head = self.head.as_ref().map_or(0, Bytes::len);
        (head + self.events.iter().map(Bytes::len).sum::<usize>()) as u64
    }
}

/// How an answer ended.
#[derive(Clone, Debug)]
pub struct End {
    /// One of the states that [are ends](State::is_ended). With another one nothing is written: that is
    /// [`WriteError::OutOfOrder`](crate::WriteError::OutOfOrder), and nothing is seized.
    pub state: State,
    /// What else there is to say, in the writer's own form.
    pub detail: Bytes,
}

/// An answer that was taken over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to write it.
    pub lease: Lease,
    /// As it was found: `state` is what its last writer left it in, and `fence` the new number.
    pub record: Record,
    /// Its request.
    pub request: Bytes,
}

/// What there is under an answer's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// It is there.
    Known(Record),
    /// It was there: it has expired, or another answer has taken its place.
    Expired {
        /// Whose it was.
        tenant: String,
    },
    /// There was none, as far as is known.
    Unknown,
}

/// Some of an answer's events, and how it stood when they were read.
#[derive(Clone, Debug)]
pub struct Page {
    /// The answer. Its `events` may be more than there are here.
    pub record: Record,
    /// Those after the number that was asked for, without a gap.
    pub events: Vec<Bytes>,
}
