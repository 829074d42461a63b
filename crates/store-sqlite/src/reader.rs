use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use lastbyte_store::{AnswerId, Look, Page, Record};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};

use crate::board::Board;
use crate::events::{last_of, row_id, unpack};
use crate::file;
use crate::stored::{self, Stored};

/// Rows that are read ahead of who takes them. A row is one batch, some hundred bytes mostly, and 1 MiB at worst.
const ROWS_AHEAD: usize = 16;

/// How often a page is read anew, because its answer was forgotten while it was read.
const TRIES: usize = 3;

/// The connections that read: they see what has been committed, and hold nobody up.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pool: SqlitePool,
}

impl Reader {
    pub(crate) fn new(path: &Path, connections: u32, patience: Duration) -> Self {
        let options = file::options(path).read_only(true).row_buffer_size(ROWS_AHEAD);
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(patience)
            // They are to a file on this machine, and one that has failed says so.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        Self { pool }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// What is known of an answer.
    pub(crate) async fn look(&self, board: &Board, id: AnswerId, now: i64) -> sqlx::Result<Look> {
        // The board first: what has left it is in the file, for that is written before.
        if let Some(live) = board.get(id) {
            return Ok(stored::aged(live.record(now), live.expires(), live.ttl, now));
        }
        let mut connection = self.pool.acquire().await?;
        stored::look(&mut connection, id, now).await
    }

    pub(crate) async fn page(
        &self,
        board: &Board,
        id: AnswerId,
        after: u64,
        max_bytes: usize,
        now: i64,
    ) -> sqlx::Result<Option<Page>> {
        for _ in 0..TRIES {
            let live = board.get(id);
            // Where there is nothing to be read from the file, it is not asked.
            if let Some(live) = &live
                && live.events <= after
            {
                return Ok(
                    (!live.is_expired(now)).then(|| Page { record: live.record(now), events: Vec::new() })
                );
            }
            let mut connection = self.pool.acquire().await?;
            let found = match live {
                Some(live) => (!live.is_expired(now)).then(|| (live.number, live.record(now))),
                None => Stored::find(&mut connection, id.slot)
                    .await?
                    .filter(|stored| stored.record.id == id && stored.is_kept(now))
                    .map(|stored| (stored.number, stored.record)),
            };
            let Some((number, record)) = found else {
                return Ok(None);
            };
            if let Some(events) = events(&mut connection, number, &record, after, max_bytes).await? {
                return Ok(Some(Page { record, events }));
            }
        }
        Err(sqlx::Error::Decode(format!("events of {id} behind {after} are missing").into()))
    }
}

/// The events after number `after`; `None` where some are missing.
async fn events(
    connection: &mut SqliteConnection,
    number: i64,
    record: &Record,
    after: u64,
    max_bytes: usize,
) -> sqlx::Result<Option<Vec<Bytes>>> {
    if after >= record.events {
        return Ok(Some(Vec::new()));
    }
    let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT id, data FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id",
    )
    .bind(row_id(number, after))
    .bind(row_id(number, record.events))
    .fetch(connection);
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some((id, data)) = rows.try_next().await? {
        let batch =
            unpack(data.into()).ok_or_else(|| sqlx::Error::Decode("a row is no batch of events".into()))?;
        // What of the batch has been seen already.
        let seen = (after + found.len() as u64 + batch.len() as u64).checked_sub(last_of(id));
        let Some(seen) = seen.filter(|&seen| found.is_empty() || seen == 0) else {
            return Ok(None);
        };
        for event in batch.into_iter().skip(seen as usize) {
            bytes += event.len();
            if bytes > max_bytes && !found.is_empty() {
                return Ok(Some(found));
            }
            found.push(event);
        }
    }
    Ok((after + found.len() as u64 == record.events).then_some(found))
}
