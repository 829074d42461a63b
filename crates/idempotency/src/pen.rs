use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{Batch, End, Journal, Lease, WriteError};
use tokio::time::{Instant, sleep};

/// How soon a store that is away is asked again, and how late at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

/// The right to write one answer, and the patience for a store that is away: as long as the lease may still
/// be ours.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    journal: Arc<dyn Journal>,
    lease: Lease,
    lasts: Duration,
    /// When the last write that worked was begun: the lease lasts at least from then.
    held_since: Instant,
    /// When it was asked last who reads elsewhere.
    looked: Instant,
}

/// What is written at once: a [`Batch`] that borrows its events, which are shown once they are written.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) first: u64,
    pub(crate) events: &'a [Bytes],
    pub(crate) head: Option<Bytes>,
    pub(crate) attempts: u32,
}

impl Draft<'_> {
    fn batch(&self) -> Batch {
        let (events, head) = (self.events.to_vec(), self.head.clone());
        Batch { first: self.first, events, head, attempts: self.attempts }
    }
}

/// Why nothing can be written any more.
#[derive(Clone, Debug)]
pub(crate) enum Lost {
    /// Somebody else has the answer, or it has ended.
    Fenced,
    /// It would be too large.
    TooLarge,
    /// The store was away for so long that the lease is out.
    Away,
}

impl Pen {
    pub(crate) fn new(journal: Arc<dyn Journal>, lease: Lease, lasts: Duration) -> Self {
        let now = Instant::now();
        Self { journal, lease, lasts, held_since: now, looked: now }
    }

    /// When the lease should be renewed: early enough for two more tries.
    pub(crate) fn renew_at(&self) -> Instant {
        self.held_since + self.lasts / 3
    }

    /// When it was asked last who reads elsewhere.
    pub(crate) fn looked(&self) -> Instant {
        self.looked
    }

    pub(crate) async fn sent(&mut self) -> Result<(), Lost> {
        let (journal, lease) = (self.journal.clone(), self.lease);
        self.repeat(|| journal.sent(lease)).await
    }

    pub(crate) async fn append(&mut self, draft: Draft<'_>) -> Result<(), Lost> {
        let (journal, lease) = (self.journal.clone(), self.lease);
        self.repeat(|| journal.append(lease, draft.batch())).await
    }

    pub(crate) async fn end(&mut self, last: Draft<'_>, end: End) -> Result<(), Lost> {
        let (journal, lease) = (self.journal.clone(), self.lease);
        self.repeat(|| journal.end(lease, last.batch(), end.clone())).await
    }

    pub(crate) async fn release(&mut self) -> Result<(), Lost> {
        let (journal, lease) = (self.journal.clone(), self.lease);
        self.repeat(|| journal.release(lease)).await
    }

    /// Renews the lease, and says how long ago somebody read the answer elsewhere.
    pub(crate) async fn renew(&mut self) -> Result<Option<Duration>, Lost> {
        let (journal, lease) = (self.journal.clone(), self.lease);
        let renewed = self.repeat(|| journal.renew(lease)).await;
        self.looked = Instant::now();
        renewed
    }

    /// Ends the answer whatever is there.
    pub(crate) async fn seize(&mut self, last: Batch, end: End) {
        if let Err(error) = self.journal.seize(self.lease.id, last, end).await {
            tracing::warn!(%error, "an answer could not be ended, its lease will run out");
        }
    }

    /// Gives the lease back; where that does not work, it runs out by itself.
    pub(crate) async fn relinquish(&mut self) {
        if let Err(error) = self.journal.relinquish(self.lease).await {
            tracing::debug!(%error, "a lease could not be given back, it will run out");
        }
    }

    async fn repeat<T, F>(&mut self, write: impl Fn() -> F) -> Result<T, Lost>
    where
        F: Future<Output = Result<T, WriteError>>,
    {
        let mut wait = AGAIN.0;
        loop {
            let begun = Instant::now();
            match write().await {
                Ok(done) => {
                    self.held_since = begun;
                    return Ok(done);
                }
                Err(WriteError::TooLarge) => return Err(Lost::TooLarge),
                Err(WriteError::Store(error)) => {
                    if self.held_since.elapsed() >= self.lasts {
                        tracing::warn!(%error, "the store was away for too long, an answer is given up");
                        return Err(Lost::Away);
                    }
                    sleep(wait).await;
                    wait = (wait * 2).min(AGAIN.1);
                }
                Err(error @ WriteError::OutOfOrder) => {
                    tracing::error!(%error, "an answer was written in the wrong order");
                    return Err(Lost::Fenced);
                }
                Err(_) => return Err(Lost::Fenced),
            }
        }
    }
}
