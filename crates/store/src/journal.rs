use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{AnswerId, Batch, Claimed, End, Lease, Look, NewAnswer, Opened, Page};

/// What the methods of a [`Journal`] return: they are called through a pointer, a few times in an answer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where answers are written down. See [the crate's page](crate) for what is promised.
///
/// A future that is dropped before its end may have done its work or not; nothing else is left behind.
/// None waits for ever: an implementation bounds its waits and gives [`StoreError::Unavailable`].
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Writes down a new answer, if there is none in its slot: durably, when it returns.
    fn open(&self, answer: NewAnswer) -> BoxFuture<'_, Result<Opened, StoreError>>;

    /// The chat API is about to be asked: durably known when it returns. From [`State::Claimed`] or
    /// [`State::Sent`]; later states stay as they are.
    ///
    /// [`State::Claimed`]: crate::State::Claimed
    /// [`State::Sent`]: crate::State::Sent
    fn sent(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Writes events, all or none, and renews the lease. The state is [`State::Streaming`] then, where there
    /// is an event. A batch that is there already, from its first event to its last, is written no second
    /// time: not its head either. One of which a part is there is [`WriteError::OutOfOrder`].
    ///
    /// [`State::Streaming`]: crate::State::Streaming
    fn append(&self, lease: Lease, batch: Batch) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Writes the last events and the end: durably, when it returns. The request is forgotten. What is
    /// written here is not held to [`NewAnswer::max_bytes`], for an end has to be told. Whoever wrote the end
    /// may say it again: that changes nothing.
    fn end(&self, lease: Lease, last: Batch, end: End) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Forgets the answer, as if its key had never been used: nothing was answered, nothing paid for.
    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Gives the lease back, before its time: anybody may claim the answer at once. Where nothing was said under
    /// it since it was claimed, the answer expires when it would have without that.
    fn relinquish(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Renews the lease, and says how long ago somebody attended the answer, where anybody did.
    fn renew(&self, lease: Lease) -> BoxFuture<'_, Result<Option<Duration>, WriteError>>;

    /// Takes over an answer that has not ended and whose lease has; `None` where that is not so.
    /// The new lease lasts as long as the answer's leases do.
    fn claim(&self, id: AnswerId) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>>;

    /// Takes over any such answer, but for those in `except`; `None` where there is none.
    fn claim_any<'a>(&'a self, except: &'a [AnswerId]) -> BoxFuture<'a, Result<Option<Claimed>, StoreError>>;

    /// Ends an answer without its lease, and fences its writer off: for who was asked to stop it.
    /// `last.first` is not looked at: the events come behind those that are there. `false`: there is none,
    /// or it had ended.
    fn seize(&self, id: AnswerId, last: Batch, end: End) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What is known of an answer.
    fn look(&self, id: AnswerId) -> BoxFuture<'_, Result<Look, StoreError>>;

    /// The events after number `after`: at least one where there is one, and no more than `max_bytes` where
    /// they are more than one. `None`: there is no such answer.
    fn read(
        &self,
        id: AnswerId,
        after: u64,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>>;

    /// Waits until there may be an event after number `after`, or the answer has ended, lost its lease or is
    /// gone; at most for `wait`, and also for no reason at all. Where it is so already it does not wait.
    fn changed(&self, id: AnswerId, after: u64, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Says that somebody reads the answer, now. Of no answer it says nothing.
    fn attend(&self, id: AnswerId) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// It could not be reached, or not in time. The same again may well work.
    Unavailable(Arc<dyn Error + Send + Sync>),
    /// There is no room for another answer.
    Full,
    /// What it holds cannot be read.
    Corrupt(Arc<str>),
}

impl StoreError {
    /// It could not be reached, because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into().into())
    }

    /// What it holds cannot be read: `what`.
    pub fn corrupt(what: impl Into<Arc<str>>) -> Self {
        Self::Corrupt(what.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the store cannot be reached"),
            Self::Full => f.write_str("the store has no room for another answer"),
            Self::Corrupt(what) => write!(f, "the store holds something that cannot be read: {what}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(source) => Some(&**source),
            Self::Full | Self::Corrupt(_) => None,
        }
    }
}

/// Why nothing was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The lease is not the newest of its answer, or the answer has ended or is gone. One that has run out,
    /// and that nobody has claimed, is the newest still.
    Fenced,
    /// The answer would have more bytes than it may.
    TooLarge,
    /// The batch does not begin where the answer ends: its writer has made a mistake.
    OutOfOrder,
    /// The store did not do it, or nobody knows whether it did.
    Store(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced => f.write_str("somebody else writes this answer now, or it has ended"),
            Self::TooLarge => f.write_str("the answer is larger than it may be"),
            Self::OutOfOrder => f.write_str("the events do not follow those that are there"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}
