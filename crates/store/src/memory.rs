use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{
    AnswerId, Batch, BoxFuture, Claimed, End, Journal, Lease, Look, NewAnswer, Opened, Page, StoreError,
    WriteError,
};

mod answer;
mod graves;
mod queue;
mod table;
#[cfg(test)]
mod tests;

use answer::later;
use table::Table;

/// A [`Journal`] in the memory of this process. When the process ends, all is gone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
///
/// use lastbyte_store::{Journal, Memory};
///
/// let journal: Arc<dyn Journal> = Arc::new(Memory::new().with_max_bytes(64 << 20));
/// assert!(journal.claim_any(&[]).await.unwrap().is_none());
/// # }
/// ```
///
/// # Bounds
///
/// All answers together have at most [`with_max_bytes`](Self::with_max_bytes). Beyond that those go that ended
/// first: to their readers they have expired. Where none has ended, [`Journal::open`] gives
/// [`StoreError::Full`]. An answer that is running is never refused its events for that, only for its own
/// [`NewAnswer::max_bytes`]. Of 65 536 answers that are gone it is known that they were there.
///
/// Events are kept as they are given: one that is a part of a larger buffer keeps all of that in memory.
pub struct Memory {
    table: Mutex<Table>,
}

impl Memory {
    /// 256 MiB: some 2000 answers of a thousand events of 100 bytes.
    pub const MAX_BYTES: u64 = 256 << 20;

    /// An empty one of [`Memory::MAX_BYTES`].
    pub fn new() -> Self {
        Self { table: Mutex::new(Table::new(Self::MAX_BYTES)) }
    }

    /// How many bytes all answers together may have: their tenants, requests, heads, events and ends, and 1 KiB for each
    /// answer and 32 bytes for each event beside them.
    #[must_use]
    pub fn with_max_bytes(self, bytes: u64) -> Self {
        self.lock().max_bytes = bytes;
        self
    }

    /// A panic in one call does not take the store from all others: no call leaves a change half done.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self, id: AnswerId, after: u64, wait: Duration) {
        let deadline = later(Instant::now(), wait);
        loop {
            let now = Instant::now();
            let (changed, until) = {
                let mut table = self.lock();
                let Some(answer) = table.find(now, id) else { return };
                if now >= deadline || answer.events() > after || !answer.is_leased(now) {
                    return;
                }
                let until = answer.leased_until().min(answer.expires()).min(deadline);
                // Made under the lock: no change falls between the look and the wait.
                (answer.changed.clone().notified_owned(), until)
            };
            if timeout_at(until, changed).await.is_ok() {
                return;
            }
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.lock();
        f.debug_struct("Memory")
            .field("answers", &table.len())
            .field("bytes", &table.bytes())
            .field("max_bytes", &table.max_bytes)
            .finish()
    }
}

impl Journal for Memory {
    fn open(&self, answer: NewAnswer) -> BoxFuture<'_, Result<Opened, StoreError>> {
        Box::pin(async move { self.lock().open(Instant::now(), answer) })
    }

    fn sent(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let now = Instant::now();
            self.lock().write(now, lease, |answer| {
                answer.sent(now);
                Ok(())
            })
        })
    }

    fn append(&self, lease: Lease, batch: Batch) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let now = Instant::now();
            self.lock().write(now, lease, |answer| answer.append(now, batch))
        })
    }

    fn end(&self, lease: Lease, last: Batch, end: End) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut table = self.lock();
            if table.find(now, lease.id).is_some_and(|answer| answer.was_ended_by(lease)) {
                return Ok(());
            }
            table.write(now, lease, |answer| answer.end(now, last, end))
        })
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let mut table = self.lock();
            table.write(Instant::now(), lease, |_| Ok(()))?;
            table.remove(lease.id);
            Ok(())
        })
    }

    fn relinquish(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            let now = Instant::now();
            self.lock().write(now, lease, |answer| {
                answer.relinquish(now);
                Ok(())
            })
        })
    }

    fn renew(&self, lease: Lease) -> BoxFuture<'_, Result<Option<Duration>, WriteError>> {
        Box::pin(async move {
            let now = Instant::now();
            self.lock().write(now, lease, |answer| {
                answer.renew(now);
                Ok(answer.attended(now))
            })
        })
    }

    fn claim(&self, id: AnswerId) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move { Ok(self.lock().claim(Instant::now(), id)) })
    }

    fn claim_any<'a>(&'a self, except: &'a [AnswerId]) -> BoxFuture<'a, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move { Ok(self.lock().claim_any(Instant::now(), except)) })
    }

    fn seize(&self, id: AnswerId, last: Batch, end: End) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let now = Instant::now();
            let seized = self.lock().change(now, id, |answer| {
                let ends = !answer.is_ended() && end.state.is_ended();
                if ends {
                    answer.seize(now, last, end);
                }
                ends
            });
            Ok(seized.unwrap_or(false))
        })
    }

    fn look(&self, id: AnswerId) -> BoxFuture<'_, Result<Look, StoreError>> {
        Box::pin(async move { Ok(self.lock().look(Instant::now(), id)) })
    }

    fn read(
        &self,
        id: AnswerId,
        after: u64,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>> {
        Box::pin(async move {
            let now = Instant::now();
            Ok(self.lock().find(now, id).map(|answer| answer.page(now, after, max_bytes)))
        })
    }

    fn changed(&self, id: AnswerId, after: u64, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.wait(id, after, wait).await;
            Ok(())
        })
    }

    fn attend(&self, id: AnswerId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let now = Instant::now();
            if let Some(answer) = self.lock().find(now, id) {
                answer.attend(now);
            }
            Ok(())
        })
    }
}
