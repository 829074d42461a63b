use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{Batch, End, Journal, Lease, Look, WriteError};
use tokio::time::{Instant, sleep};

/// How soon a store that is away is asked again, and how late at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

/// How long it is tried to write the end of an answer down that is here and paid for.
const INSIST: Duration = Duration::from_secs(600);

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

    /// The same, though the lease may be out by now: whoever has another one is not disturbed, and where
    /// nobody has, nobody asks again for what is here.
    pub(crate) async fn insist(&mut self, last: Draft<'_>, end: End) {
        let until = Instant::now() + INSIST;
        while Instant::now() < until {
            match self.end(Draft { head: last.head.clone(), ..last }, end.clone()).await {
                Err(Lost::Away) => sleep(AGAIN.1).await,
                _ => return,
            }
        }
    }

    /// How many events are there.
    pub(crate) async fn events(&mut self) -> Option<u64> {
        match self.journal.look(self.lease.id).await {
            Ok(Look::Known(record)) => Some(record.events),
            _ => None,
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
