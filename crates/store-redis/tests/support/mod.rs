//! Redis as the suite of all stores sees it.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses some of it")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::conformance::Bench;
use lastbyte_store::{
    AnswerId, Batch, BoxFuture, End, Journal, Lease, NewAnswer, Opened, Slot, State, StoreError, WriteError,
};
use lastbyte_store_redis::Redis;
use lastbyte_test_redis::Server;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) async fn connect(url: &str) -> Redis {
    Redis::connect(url).await.unwrap()
}

/// One server, or whoever is at this URL.
pub(crate) struct RedisBench {
    pub(crate) url: String,
    /// What is killed where everything crashes. Nothing: those who had the store are only forgotten.
    pub(crate) servers: Mutex<Vec<Server>>,
}

impl RedisBench {
    pub(crate) async fn standalone() -> Self {
        let server = Server::standalone().await;
        Self { url: server.url(), servers: Mutex::new(vec![server]) }
    }
}

impl Bench for RedisBench {
    fn journal(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async { Arc::new(connect(&self.url).await) as Arc<dyn Journal> })
    }

    fn crash(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            for server in &mut *self.servers.lock().await {
                server.restart().await;
            }
            self.journal().await
        })
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        // It goes by the clock of Redis, which nobody can set.
        Box::pin(tokio::time::sleep(time))
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn unit(&self) -> Duration {
        Duration::from_millis(300)
    }
}

/// An answer under a key of its own.
pub(crate) fn answer() -> NewAnswer {
    NewAnswer {
        id: AnswerId { slot: Slot(fastrand::u128(..)), generation: fastrand::u64(..) },
        tenant: "tenant".to_owned(),
        fingerprint: [7; 32],
        request: "request".into(),
        state: State::Claimed,
        lease: Duration::from_secs(60),
        ttl: Duration::from_secs(60),
        max_bytes: 1 << 20,
    }
}

pub(crate) async fn open(journal: &Redis, answer: &NewAnswer) -> Lease {
    match journal.open(answer.clone()).await.unwrap() {
        Opened::New(lease) => lease,
        Opened::Exists(record) => panic!("the key is free, and has {record:?}"),
    }
}

pub(crate) fn event(number: u64) -> Batch {
    Batch { first: number, events: vec![format!("data: {number}\n\n").into()], head: None, attempts: 0 }
}

pub(crate) fn complete() -> End {
    End { state: State::Complete, detail: Bytes::new() }
}

/// Does it again until the store is there, and fails where it takes longer than any failover.
pub(crate) async fn until_available<T, F>(mut write: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, WriteError>>,
{
    let since = Instant::now();
    loop {
        match write().await {
            Ok(done) => return done,
            Err(WriteError::Store(StoreError::Unavailable(_)))
                if since.elapsed() < Duration::from_secs(40) => {}
            Err(error) => panic!("{error:?} after {:?}", since.elapsed()),
        }
    }
}
