//! What the file and its queue are held to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use kit::{HOUR, answer, batch, complete, open, pass, pretended, texts};
use lastbyte_store::{Batch, Journal, Lease, Look, NewAnswer, StoreError, WriteError};
use lastbyte_store_sqlite::{Settings, Sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, query_scalar, raw_sql};

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// A batch of as many bytes.
fn large(first: u64, bytes: usize) -> Batch {
    Batch { events: vec![Bytes::from(vec![b'x'; bytes])], ..batch(first, &[]) }
}

#[tokio::test]
async fn the_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let (settings, ahead) = pretended();
    let store = settings.open(&path).await.unwrap();
    let mut largest = 0;
    for _ in 0..6 {
        // 16 MiB, of which 4 are kept when they have expired.
        for key in 0..64 {
            let lease = open(&store, answer(key)).await;
            store.append(lease, large(1, 1 << 17)).await.unwrap();
            if key % 2 == 0 {
                store.end(lease, large(2, 1 << 17), complete()).await.unwrap();
            } else {
                store.append(lease, large(2, 1 << 17)).await.unwrap();
            }
        }
        pass(&ahead, HOUR);
        assert_eq!(store.look(answer(0).id).await.unwrap(), Look::Expired { tenant: "a tenant".to_owned() });
        largest = largest.max(size(&path));
    }
    assert!(largest < 40 << 20, "the file has {largest} bytes");
    let mut other = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await.unwrap();
    let given_back = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let left: i64 = query_scalar("SELECT count(*) FROM events").fetch_one(&mut other).await.unwrap();
            let free: i64 = query_scalar("PRAGMA freelist_count").fetch_one(&mut other).await.unwrap();
            if left == 0 && free <= (4 << 20) / 2048 && size(&path) < 8 << 20 {
                break;
            }
        }
    });
    assert!(given_back.await.is_ok(), "the file keeps what it does not need");
    other.close().await.unwrap();
    store.close().await;
    assert!(size(&path) < 8 << 20, "the file has {} bytes", size(&path));
}

#[tokio::test]
async fn a_full_file_refuses_and_goes_on_when_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let (settings, ahead) = pretended();
    let store = settings.with_max_bytes(8 << 20).open(&path).await.unwrap();
    let lease = open(&store, answer(0)).await;
    let mut there = 0;
    let refused = loop {
        match store.append(lease, large(there + 1, 1 << 18)).await {
            Ok(()) => there += 1,
            Err(error) => break error,
        }
        assert!(there < 64, "8 MiB have room for more than they have");
    };
    assert!(matches!(refused, WriteError::Store(StoreError::Unavailable(_))), "{refused:?}");
    // What was acknowledged is there, and nothing else.
    let page = store.read(answer(0).id, 0, usize::MAX).await.unwrap().unwrap();
    assert_eq!((page.events.len() as u64, page.record.events), (there, there));
    // A new answer finds no room either, seen by the writer or by SQLite.
    let mut key = 1;
    // Each with a memory of its own, when it has expired.
    let refused = loop {
        match store.open(NewAnswer { request: Bytes::from(vec![b'x'; 1000]), ..answer(key) }).await {
            Ok(_) => key += 1,
            Err(error) => break error,
        }
        assert!(key < 10_000, "a full file takes answers");
    };
    assert!(matches!(refused, StoreError::Full | StoreError::Unavailable(_)), "{refused:?}");
    pass(&ahead, HOUR);
    // When it has been swept there is room again.
    let opened = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match store.open(answer(20_000)).await {
                Ok(_) => break,
                Err(StoreError::Full | StoreError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    assert!(opened.await.is_ok(), "a file that was full stays so");
    store.close().await;
}

#[tokio::test]
async fn no_more_answers_run_than_may() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new().with_max_running(3);
    let store = settings.open(folder.path().join("answers.db")).await.unwrap();
    let opened = join_all((0..10).map(|key| store.open(answer(key)))).await;
    let (opened, full): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!((opened.len(), full.len()), (3, 7));
    assert!(full.iter().all(|refused| matches!(refused, Err(StoreError::Full))), "{full:?}");
    let lease = Lease { id: answer(0).id, fence: 1 };
    store.end(lease, batch(1, &[]), complete()).await.unwrap();
    open(&store, answer(10)).await;
}

#[tokio::test]
async fn a_write_that_is_refused_is_no_harm_to_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new().with_pace(Duration::from_millis(20));
    let store = settings.open(folder.path().join("answers.db")).await.unwrap();
    let leases = join_all((0..20).map(|key| open(&store, answer(key)))).await;
    let small = open(&store, NewAnswer { max_bytes: 10, ..answer(100) }).await;
    // All of them in one transaction, the good ones between the bad ones.
    let writes = leases.iter().flat_map(|&lease| {
        let stale = Lease { fence: lease.fence + 1000, ..lease };
        [
            store.append(stale, batch(1, &["x"])),
            store.append(lease, batch(9, &["x"])),
            store.append(small, batch(1, &["longer than ten bytes"])),
            store.append(lease, batch(1, &["a", "b"])),
            store.end(stale, batch(1, &["x"]), complete()),
            store.append(lease, batch(3, &["c"])),
        ]
    });
    for (at, result) in join_all(writes).await.into_iter().enumerate() {
        let as_it_should = match at % 6 {
            0 | 4 => matches!(result, Err(WriteError::Fenced)),
            1 => matches!(result, Err(WriteError::OutOfOrder)),
            2 => matches!(result, Err(WriteError::TooLarge)),
            _ => result.is_ok(),
        };
        assert!(as_it_should, "{at}: {result:?}");
    }
    for lease in leases {
        assert_eq!(texts(&store, lease.id).await, ["a", "b", "c"]);
    }
    assert_eq!(texts(&store, small.id).await, [""; 0]);
}

#[tokio::test]
async fn more_than_the_queue_holds_waits_for_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new().with_max_queued(0);
    let store = settings.open(folder.path().join("answers.db")).await.unwrap();
    let writes = (0..16).map(|key| {
        let store = store.clone();
        async move {
            let lease = open(&store, answer(key)).await;
            // Twice of what the queue holds, which is 1 MiB.
            store.append(lease, large(1, 2 << 20)).await.unwrap();
            store.append(lease, large(2, 1 << 10)).await.unwrap();
            assert_eq!(
                store.look(lease.id).await.map(|look| matches!(look, Look::Known(_))).ok(),
                Some(true)
            );
        }
    });
    join_all(writes).await;
}

#[tokio::test]
async fn who_waits_longer_than_they_may_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new().with_patience(Duration::ZERO);
    let store = settings.open(folder.path().join("answers.db")).await.unwrap();
    assert!(matches!(store.open(answer(1)).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn leases_from_before_are_void_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let mut fence = 0;
    for round in 0..4 {
        let store = Sqlite::open(&path).await.unwrap();
        if round == 0 {
            fence = open(&store, answer(1)).await.fence;
        } else {
            let claimed = store.claim(answer(1).id).await.unwrap().unwrap();
            assert!(claimed.lease.fence > fence);
            fence = claimed.lease.fence;
        }
        store.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_acknowledged_and_the_next_write_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.db");
    let store = Sqlite::open(&path).await.unwrap();
    let lease = open(&store, answer(1)).await;
    // Somebody with a tool of their own, who keeps everybody from writing.
    let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let (opened, appended) = join(store.open(answer(2)), store.append(lease, batch(1, &["lost"]))).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
    assert!(matches!(appended, Err(WriteError::Store(StoreError::Unavailable(_)))), "{appended:?}");
    assert_eq!(store.look(answer(2).id).await.unwrap(), Look::Unknown);
    assert_eq!(texts(&store, lease.id).await, [""; 0]);
    other.close().await.unwrap();
    open(&store, answer(2)).await;
    store.append(lease, batch(1, &["there"])).await.unwrap();
    assert_eq!(texts(&store, lease.id).await, ["there"]);
}
