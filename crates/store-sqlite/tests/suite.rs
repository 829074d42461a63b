//! The store in a SQLite file passes the suite.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use lastbyte_store::conformance::{Bench, check_all, check_model};
use lastbyte_store::{BoxFuture, Journal};
use lastbyte_store_sqlite::{Settings, Sqlite};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// One file after another: a crash leaves the old one as it is, and goes on with what was on the disk then.
struct OnDisk {
    folder: TempDir,
    begin: SystemTime,
    ahead: Arc<AtomicU64>,
    open: Mutex<(u32, Sqlite)>,
}

fn path(folder: &TempDir, number: u32) -> PathBuf {
    folder.path().join(number.to_string()).join("answers.db")
}

/// Time passes only where a check says so, however long the machine takes.
async fn open(path: PathBuf, begin: SystemTime, ahead: &Arc<AtomicU64>) -> Sqlite {
    let ahead = ahead.clone();
    Settings::new()
        .with_clock(move || begin + Duration::from_millis(ahead.load(Ordering::Relaxed)))
        .with_sweep_every(Duration::from_millis(20))
        .with_pace(Duration::ZERO)
        .open(path)
        .await
        .unwrap()
}

impl OnDisk {
    async fn new() -> Self {
        let (folder, begin, ahead) = (tempfile::tempdir().unwrap(), SystemTime::now(), Arc::default());
        let first = open(path(&folder, 0), begin, &ahead).await;
        Self { folder, begin, ahead, open: Mutex::new((0, first)) }
    }
}

impl Bench for OnDisk {
    fn journal(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async { Arc::new(self.open.lock().await.1.clone()) as Arc<dyn Journal> })
    }

    fn crash(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let (number, store) = &mut *self.open.lock().await;
            let old = path(&self.folder, *number);
            *number += 1;
            let new = path(&self.folder, *number);
            fs::create_dir_all(new.parent().unwrap()).unwrap();
            // The database first: what is moved from its log into it meanwhile is in both.
            fs::copy(&old, &new).unwrap();
            fs::copy(old.with_extension("db-wal"), new.with_extension("db-wal")).unwrap();
            *store = open(new, self.begin, &self.ahead).await;
            Arc::new(store.clone()) as Arc<dyn Journal>
        })
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.ahead.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
        Box::pin(async {})
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn unit(&self) -> Duration {
        Duration::from_millis(100)
    }
}

#[tokio::test]
async fn the_store_in_a_file_passes_the_suite() {
    check_all(&OnDisk::new().await).await;
}

#[tokio::test]
async fn the_store_in_a_file_does_as_the_model_does() {
    for seed in 0..20 {
        check_model(&OnDisk::new().await, seed, 200).await;
    }
}
