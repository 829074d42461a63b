//! A node's way to the store, which can be cut, and whose every word is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{
    AnswerId, Batch, BoxFuture, Claimed, End, Journal, Lease, Look, Memory, NewAnswer, Opened, Page,
    StoreError, WriteError,
};
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Default)]
struct State {
    down: bool,
    hangs_after_open: bool,
    paused_until: Option<Instant>,
    given: Vec<u8>,
    batches: Vec<usize>,
    opened: Vec<NewAnswer>,
    appended: Vec<(Lease, Batch)>,
    reads: usize,
    most_read: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Faulty {
    inner: Arc<Mutex<Arc<dyn Journal>>>,
    state: Arc<Mutex<State>>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Journal>) -> Self {
        Self { inner: Arc::new(Mutex::new(inner)), state: Arc::default() }
    }

    fn inner(&self) -> Arc<dyn Journal> {
        self.inner.lock().unwrap().clone()
    }

    /// From now on a replica is the store, which has not got the last writes of events, `lost` of them.
    pub(crate) async fn fail_over(&self, lost: usize) {
        let replica = Memory::new();
        let (opened, mut appended) = {
            let state = self.state.lock().unwrap();
            (state.opened.clone(), state.appended.clone())
        };
        for answer in opened {
            replica.open(answer).await.unwrap();
        }
        appended.truncate(appended.len() - lost);
        for (lease, batch) in appended {
            replica.append(lease, batch).await.unwrap();
        }
        *self.inner.lock().unwrap() = Arc::new(replica);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    pub(crate) fn hang_after_open(&self) {
        self.state.lock().unwrap().hangs_after_open = true;
    }

    pub(crate) fn pause_until(&self, until: Instant) {
        self.state.lock().unwrap().paused_until = Some(until);
    }

    /// All that the store was ever given to write down.
    pub(crate) fn given(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().unwrap().given).into_owned()
    }

    /// How many events were in each write that had any.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }

    /// How often it was read from, and how many bytes at most at once.
    pub(crate) fn reads(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.reads, state.most_read)
    }

    fn give(&self, pieces: &[&[u8]]) {
        let mut state = self.state.lock().unwrap();
        for piece in pieces {
            state.given.extend_from_slice(piece);
            state.given.push(b'\n');
        }
    }

    fn give_batch(&self, batch: &Batch, end: Option<&End>) {
        if !batch.events.is_empty() {
            self.state.lock().unwrap().batches.push(batch.events.len());
        }
        self.give(&batch.events.iter().map(Bytes::as_ref).collect::<Vec<_>>());
        self.give(
            &batch.head.iter().chain(end.map(|end| &end.detail)).map(Bytes::as_ref).collect::<Vec<_>>(),
        );
    }

    async fn pass(&self) -> Result<(), StoreError> {
        let until = self.state.lock().unwrap().paused_until;
        if let Some(until) = until {
            sleep_until(until).await;
        }
        if self.state.lock().unwrap().down {
            return Err(StoreError::unavailable("on purpose"));
        }
        Ok(())
    }
}

impl Journal for Faulty {
    fn open(&self, answer: NewAnswer) -> BoxFuture<'_, Result<Opened, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.give(&[answer.tenant.as_bytes(), &answer.request]);
            self.state.lock().unwrap().opened.push(answer.clone());
            let opened = self.inner().open(answer).await;
            let hangs = self.state.lock().unwrap().hangs_after_open;
            if hangs {
                return std::future::pending().await;
            }
            opened
        })
    }

    fn sent(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().sent(lease).await
        })
    }

    fn append(&self, lease: Lease, batch: Batch) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.give_batch(&batch, None);
            self.state.lock().unwrap().appended.push((lease, batch.clone()));
            self.inner().append(lease, batch).await
        })
    }

    fn end(&self, lease: Lease, last: Batch, end: End) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.give_batch(&last, Some(&end));
            self.inner().end(lease, last, end).await
        })
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().release(lease).await
        })
    }

    fn relinquish(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().relinquish(lease).await
        })
    }

    fn renew(&self, lease: Lease) -> BoxFuture<'_, Result<Option<Duration>, WriteError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().renew(lease).await
        })
    }

    fn claim(&self, id: AnswerId) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().claim(id).await
        })
    }

    fn claim_any<'a>(&'a self, except: &'a [AnswerId]) -> BoxFuture<'a, Result<Option<Claimed>, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().claim_any(except).await
        })
    }

    fn seize(&self, id: AnswerId, last: Batch, end: End) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.give_batch(&last, Some(&end));
            self.inner().seize(id, last, end).await
        })
    }

    fn look(&self, id: AnswerId) -> BoxFuture<'_, Result<Look, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().look(id).await
        })
    }

    fn read(&self, id: AnswerId, after: u64, max: usize) -> BoxFuture<'_, Result<Option<Page>, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            let page = self.inner().read(id, after, max).await?;
            let mut state = self.state.lock().unwrap();
            let bytes = page.iter().flat_map(|page| &page.events).map(Bytes::len).sum();
            (state.reads, state.most_read) = (state.reads + 1, state.most_read.max(bytes));
            Ok(page)
        })
    }

    fn changed(&self, id: AnswerId, after: u64, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().changed(id, after, wait).await
        })
    }

    fn attend(&self, id: AnswerId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            self.inner().attend(id).await
        })
    }
}
