use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use lastbyte_store::{AnswerId, Slot};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};

use crate::events::row_id;
use crate::file;
use crate::live::Live;
use crate::stored::Stored;

/// Bytes of a page. Each event of each answer dirties a page of its own; with 2 KiB 500 answers at once write
/// 8 KiB to the disk for an event of 200 bytes, log and all, with SQLite's default of 4 KiB they write 12.
pub(crate) const PAGE: u64 = 2048;

/// Pages in the write-ahead log after which a commit moves them into the database: 16 MiB, which is some ten
/// milliseconds of work, a few times a second at 10,000 events a second.
const CHECKPOINT_PAGES: u32 = 8192;

/// What is left of the log file when it has been moved.
const LOG_BYTES: u64 = 32 << 20;

/// How many rows one statement inserts: few statements for many rows, and none made anew.
const ROWS: [usize; 3] = [64, 8, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    ROWS.map(|rows| {
        let mut sql = String::from("INSERT INTO events (id, written, total, data) VALUES ");
        for row in 0..rows {
            let _ = write!(sql, "{}(?, ?, ?, ?)", if row == 0 { "" } else { ", " });
        }
        sql
    })
});

/// One row of events, to be written.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) id: i64,
    pub(crate) written: i64,
    pub(crate) total: u64,
    pub(crate) data: Vec<u8>,
}

/// The one connection that writes.
#[derive(Debug)]
pub(crate) struct Disk {
    options: SqliteConnectOptions,
    max_pages: u64,
    pub(crate) connection: SqliteConnection,
    /// Whether commits are synced, as the connection has been told.
    synced: Option<bool>,
}

impl Disk {
    pub(crate) async fn connect(path: &Path, max_pages: u64) -> sqlx::Result<Self> {
        let options = file::options(path)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .pragma("journal_size_limit", LOG_BYTES.to_string());
        let connection = Self::establish(&options, max_pages).await?;
        Ok(Self { options, max_pages, connection, synced: None })
    }

    async fn establish(options: &SqliteConnectOptions, max_pages: u64) -> sqlx::Result<SqliteConnection> {
        let mut connection = options.connect().await?;
        let most = AssertSqlSafe(format!("PRAGMA max_page_count = {max_pages}"));
        raw_sql(most).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Begins a transaction that is on the disk when it is committed, or, where it need not be `durable`, with
    /// the operating system: `synchronous` NORMAL syncs only when it moves the log into the database.
    pub(crate) async fn begin(&mut self, durable: bool) -> sqlx::Result<()> {
        if self.try_begin(durable).await.is_ok() {
            return Ok(());
        }
        // Whatever ails the connection, perhaps another one is well.
        self.connection = Self::establish(&self.options, self.max_pages).await?;
        self.synced = None;
        self.try_begin(durable).await
    }

    async fn try_begin(&mut self, durable: bool) -> sqlx::Result<()> {
        // Not possible inside of a transaction.
        if self.synced != Some(durable) {
            self.run(if durable { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })
                .await?;
            self.synced = Some(durable);
        }
        self.run("BEGIN IMMEDIATE").await
    }

    pub(crate) async fn commit(&mut self) -> sqlx::Result<()> {
        self.run("COMMIT").await
    }

    /// SQLite may have done so already; and where it cannot, the next transaction gets a new connection.
    pub(crate) async fn roll_back(&mut self) {
        let _ = self.run("ROLLBACK").await;
    }

    pub(crate) async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(&mut self.connection).await.map(drop)
    }

    /// Runs a statement about one number.
    pub(crate) async fn run_with(&mut self, sql: &'static str, number: i64) -> sqlx::Result<u64> {
        Ok(sqlx::query(sql).bind(number).execute(&mut self.connection).await?.rows_affected())
    }

    /// Runs a statement that gives one number.
    pub(crate) async fn number(&mut self, sql: &'static str) -> sqlx::Result<i64> {
        sqlx::query_scalar(sql).fetch_one(&mut self.connection).await
    }

    pub(crate) async fn count(&mut self, last: i64) -> sqlx::Result<()> {
        self.run_with("UPDATE counter SET last = ?1", last).await.map(drop)
    }

    pub(crate) async fn find(&mut self, slot: Slot) -> sqlx::Result<Option<Stored>> {
        Stored::find(&mut self.connection, slot).await
    }

    pub(crate) async fn request(&mut self, number: i64) -> sqlx::Result<Bytes> {
        let request: Option<Vec<u8>> = sqlx::query_scalar("SELECT request FROM requests WHERE number = ?1")
            .bind(number)
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(request.unwrap_or_default().into())
    }

    pub(crate) async fn insert(&mut self, live: &Live, request: Bytes) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO answers (number, slot, generation, tenant, fingerprint, state, fence, lease, ttl, \
             max_bytes, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(live.number)
        .bind(live.id.slot.0.to_be_bytes().to_vec())
        .bind(live.id.generation as i64)
        .bind(live.tenant.clone())
        .bind(live.fingerprint.to_vec())
        .bind(live.state.as_str())
        .bind(live.fence as i64)
        .bind(live.lease)
        .bind(live.ttl)
        .bind(live.max_bytes as i64)
        .bind(live.created)
        .bind(live.changed)
        .execute(&mut self.connection)
        .await?;
        sqlx::query("INSERT INTO requests (number, request) VALUES (?1, ?2)")
            .bind(live.number)
            .bind(Vec::from(request))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Writes what of a running answer is not in its events.
    pub(crate) async fn update(&mut self, live: &Live) -> sqlx::Result<()> {
        sqlx::query(
            "UPDATE answers SET state = ?2, fence = ?3, changed = ?4, attempts = ?5, head = ?6 WHERE number = ?1",
        )
        .bind(live.number)
        .bind(live.state.as_str())
        .bind(live.fence as i64)
        .bind(live.changed)
        .bind(live.attempts)
        .bind(live.head.as_ref().map(|head| head.to_vec()))
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    /// Writes that its writer has been heard.
    pub(crate) async fn touch(&mut self, live: &Live) -> sqlx::Result<()> {
        sqlx::query("UPDATE answers SET changed = ?2 WHERE number = ?1")
            .bind(live.number)
            .bind(live.changed)
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    /// Writes that it has ended, in the state that it has now.
    pub(crate) async fn end(&mut self, live: &Live, detail: &Bytes) -> sqlx::Result<()> {
        self.update(live).await?;
        sqlx::query(
            "UPDATE answers SET detail = ?2, events = ?3, bytes = ?4, expires = ?5 WHERE number = ?1",
        )
        .bind(live.number)
        .bind(detail.to_vec())
        .bind(live.events as i64)
        .bind(live.bytes() as i64)
        .bind(live.expires())
        .execute(&mut self.connection)
        .await?;
        self.run_with("DELETE FROM requests WHERE number = ?1", live.number).await.map(drop)
    }

    /// Forgets an answer; its events go later, a portion at a time.
    pub(crate) async fn forget(&mut self, number: i64) -> sqlx::Result<()> {
        self.run_with("DELETE FROM answers WHERE number = ?1", number).await?;
        self.run_with("DELETE FROM requests WHERE number = ?1", number).await?;
        self.run_with("INSERT INTO trash (number) VALUES (?1)", number).await.map(drop)
    }

    /// Forgets an answer, but remembers that there was one.
    pub(crate) async fn bury(
        &mut self,
        number: i64,
        id: AnswerId,
        tenant: &str,
        forgotten: i64,
    ) -> sqlx::Result<()> {
        sqlx::query("INSERT OR REPLACE INTO gone (slot, generation, tenant, forgotten) VALUES (?, ?, ?, ?)")
            .bind(id.slot.0.to_be_bytes().to_vec())
            .bind(id.generation as i64)
            .bind(tenant.to_owned())
            .bind(forgotten)
            .execute(&mut self.connection)
            .await?;
        self.forget(number).await
    }

    pub(crate) async fn insert_events(&mut self, rows: Vec<EventRow>) -> sqlx::Result<()> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for (sql, size) in INSERTS.iter().zip(ROWS) {
            while left >= size {
                let mut query = sqlx::query(sql.as_str());
                for row in rows.by_ref().take(size) {
                    query = query.bind(row.id).bind(row.written).bind(row.total as i64).bind(row.data);
                }
                query.execute(&mut self.connection).await?;
                left -= size;
            }
        }
        Ok(())
    }

    /// Removes no more than `most` rows of an answer's events; says how many.
    pub(crate) async fn remove_events(&mut self, number: i64, most: u64) -> sqlx::Result<u64> {
        let done = sqlx::query(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id >= ?1 AND id < ?2 LIMIT ?3)",
        )
        .bind(row_id(number, 0))
        .bind(row_id(number + 1, 0))
        .bind(most as i64)
        .execute(&mut self.connection)
        .await?;
        Ok(done.rows_affected())
    }

    /// Moves the log into the database, and closes it.
    pub(crate) async fn close(mut self) {
        // Where that fails the log stays, and whoever opens the file next reads it.
        let _ = self.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let _ = self.connection.close().await;
    }
}
