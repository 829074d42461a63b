//! What the tests have in common.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lastbyte_store::{AnswerId, Batch, End, Journal, Lease, NewAnswer, Opened, Slot, State};
use lastbyte_store_sqlite::{Settings, Sqlite};

pub const HOUR: Duration = Duration::from_secs(3600);

/// An answer of this key, under a lease and with a life of an hour.
pub fn answer(key: u128) -> NewAnswer {
    NewAnswer {
        id: AnswerId { slot: Slot(key), generation: 1 },
        tenant: "a tenant".to_owned(),
        fingerprint: [7; 32],
        request: Bytes::from_static(b"request"),
        state: State::Sent,
        lease: HOUR,
        ttl: HOUR,
        max_bytes: 1 << 24,
    }
}

pub fn batch(first: u64, events: &[&str]) -> Batch {
    let events = events.iter().map(|event| Bytes::copy_from_slice(event.as_bytes())).collect();
    Batch { first, events, head: None, attempts: 0 }
}

pub fn complete() -> End {
    End { state: State::Complete, detail: Bytes::from_static(b"end") }
}

pub async fn open(store: &Sqlite, answer: NewAnswer) -> Lease {
    match store.open(answer).await.unwrap() {
        Opened::New(lease) => lease,
        Opened::Exists(record) => panic!("there is one: {record:?}"),
    }
}

/// All events of an answer, as text.
pub async fn texts(store: &Sqlite, id: AnswerId) -> Vec<String> {
    let page = store.read(id, 0, usize::MAX).await.unwrap().unwrap();
    assert_eq!(page.events.len() as u64, page.record.events);
    page.events.iter().map(|event| String::from_utf8(event.to_vec()).unwrap()).collect()
}

/// A clock that stands still but for what is added to it, and the settings that go by it.
pub fn pretended() -> (Settings, Arc<AtomicU64>) {
    let (begin, ahead) = (SystemTime::now(), Arc::new(AtomicU64::new(0)));
    let read = ahead.clone();
    let settings = Settings::new()
        .with_clock(move || begin + Duration::from_millis(read.load(Ordering::Relaxed)))
        .with_sweep_every(Duration::from_millis(5))
        .with_pace(Duration::ZERO);
    (settings, ahead)
}

pub fn pass(ahead: &AtomicU64, time: Duration) {
    ahead.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
}
