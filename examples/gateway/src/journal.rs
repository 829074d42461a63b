//! The store that a URL stands for.

use std::sync::Arc;
use std::time::Duration;

use lastbyte::store::{Journal, Memory};
use lastbyte::store_redis::Redis;
use lastbyte::store_sqlite::Sqlite;

use crate::config::StoreUrl;

/// An open store.
#[derive(Debug)]
pub(crate) enum Store {
    Memory(Arc<Memory>),
    Sqlite(Sqlite),
    Redis(Redis),
}

/// Opens it, or says what is wrong with it and what to do.
pub(crate) async fn open(url: &StoreUrl) -> Result<Store, String> {
    match url {
        StoreUrl::Memory => Ok(Store::Memory(Arc::new(Memory::new()))),
        StoreUrl::Sqlite(path) => {
            let opened = Sqlite::open(path).await;
            let hint = "; --store chooses another, and `memory:` keeps nothing";
            opened.map(Store::Sqlite).map_err(|error| format!("store.url: {}{hint}", all(&error)))
        }
        StoreUrl::Redis(redis) => {
            let connected = Redis::connect(redis).await;
            let shown = url.shown();
            connected.map(Store::Redis).map_err(|error| format!("store.url: {shown}: {}", all(&error)))
        }
    }
}

/// An error with those below it.
fn all(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = error.source();
    }
    text
}

impl Store {
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Memory(memory) => memory.clone(),
            Self::Sqlite(sqlite) => Arc::new(sqlite.clone()),
            Self::Redis(redis) => Arc::new(redis.clone()),
        }
    }

    /// Leaves nothing behind that is not written.
    pub(crate) async fn close(&self) {
        if let Self::Sqlite(sqlite) = self {
            // A disk that hangs must not keep the process.
            let _ = tokio::time::timeout(CLOSE, sqlite.close()).await;
        }
    }
}

/// How long a store may take to close.
const CLOSE: Duration = Duration::from_secs(5);
