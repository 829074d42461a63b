//! The answer journal in a SQLite file: for a gateway that runs alone, and that nothing else has to run beside.
//!
//! A gateway that keeps its answers in memory loses them when it is restarted, and with them the proof that they
//! were paid for. This one loses nothing that it has acknowledged, and needs a path, not a server.
//!
//! ```
//! use std::time::Duration;
//!
//! use lastbyte_store::{AnswerId, Batch, End, Journal, NewAnswer, Opened, Slot, State};
//! use lastbyte_store_sqlite::Sqlite;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("lastbyte/answers.db");
//! let store = Sqlite::open(&path).await?;
//! let answer = NewAnswer {
//!     id: AnswerId { slot: Slot::of("tenant", "key"), generation: 7 },
//!     tenant: "tenant".to_owned(),
//!     fingerprint: [0; 32],
//!     request: "{}".into(),
//!     state: State::Sent,
//!     lease: Duration::from_secs(15),
//!     ttl: Duration::from_secs(24 * 3600),
//!     max_bytes: 4 << 20,
//! };
//! let Opened::New(lease) = store.open(answer).await? else { panic!("the key is free") };
//! store.append(lease, Batch { first: 1, events: vec!["Hello".into()], ..Batch::default() }).await?;
//! store.end(lease, Batch { first: 2, ..Batch::default() }, End { state: State::Complete, detail: "".into() }).await?;
//! store.close().await;
//!
//! let store = Sqlite::open(&path).await?;
//! let page = store.read(lease.id, 0, 1 << 16).await?;
//! assert_eq!(page.map(|page| page.events), Some(vec!["Hello".into()]));
//! # Ok(())
//! # }
//! ```
//!
//! [`Settings`] has what can be chosen:
//!
//! ```
//! # use std::time::Duration; use lastbyte_store_sqlite::Settings;
//! let settings = Settings::new().with_pace(Duration::from_millis(10)).with_max_bytes(1 << 30);
//! # let _ = settings;
//! ```
//!
//! # What is on the disk when
//!
//! | call | when it returns, it has outlived |
//! |---|---|
//! | `open`, `sent`, `end`, `release`, `seize` | the process and a loss of power: SQLite's log is synced before (`synchronous = FULL`) |
//! | `append`, `renew`, `claim`, `relinquish`, and `attend` to the second | the process; a loss of power may take those since the last sync (`synchronous = NORMAL`), the newest ones, and no gap is left |
//!
//! Writes that come while a transaction is under way, or within [`Settings::with_pace`] of its beginning, share
//! the next one, and are told when it has been committed. What fails, because the disk is full or broken, fails
//! for all of a transaction, and nothing of it has been done; the next transaction begins anew. A disk that
//! lies about what it has synced is beyond any of this.
//!
//! # One process
//!
//! The file is locked, by `PATH.lock`, for as long as it is open; the lock ends with the process, however that
//! ends. So all answers that run can be kept in memory, and a write is judged without a look at the file. A
//! lease from before is void: what its holder began can be claimed at once when the file is opened again.
//! Two gateways that share answers need a store that both can reach.
//!
//! The file has to be on a disk of this machine: SQLite's log is shared memory, and locks on network file
//! systems hold what they promise on some of them only (<https://www.sqlite.org/wal.html>). To copy it while it
//! is open, use `sqlite3 FILE "VACUUM INTO 'COPY'"`; a copy of the file alone lacks what is in `FILE-wal`.
//!
//! # What is opened
//!
//! A file that is empty or not there is created, and its folder; nobody but its owner may read it. One that is
//! no database, another program's, a newer version's, or damaged is refused ([`OpenError`]), and not changed.
//! It is looked through for damage (`PRAGMA quick_check`) where it is no larger than
//! [`Settings::with_check_up_to`]; elsewhere damage is found where it is met
//! ([`StoreError::Corrupt`](lastbyte_store::StoreError::Corrupt)). A process that was killed damages nothing.
//!
//! # Order
//!
//! All writes have one order, that of one task. Readers see what has been committed, from connections of their
//! own, and hold no writer up.
//!
//! # At the end of a stream
//!
//! The last events and the end are one transaction.
//!
//! # When the reader leaves
//!
//! Nothing is left of one who waited for news of an answer.
//!
//! # The clock
//!
//! Leases and lives go by the wall clock, in milliseconds. Where it is set back while the file is open, they go
//! on as if it had not been; set back while it is closed, answers are kept for longer by as much. Where it is
//! set forward they end early: a writer whose lease is lost so is fenced off only if somebody claims its answer.
//!
//! # Bounds
//!
//! | bound | by | default | beyond it |
//! |---|---|---|---|
//! | answers that run | [`Settings::with_max_running`] | 100,000 | `StoreError::Full` |
//! | the file | [`Settings::with_max_bytes`] | 8 GiB | from nine tenths `StoreError::Full` at `open`; in the end `StoreError::Unavailable` |
//! | its log | | some 32 MiB | it is moved into the file |
//! | free pages in the file | | 4 MiB | they are given back, a MiB at a time |
//! | what has expired | [`Settings::with_sweep_every`] | every second, and 2,000 rows each 20 ms until it is gone | |
//! | writes that wait | [`Settings::with_max_queued`] | 64 MiB | callers wait |
//! | a call | [`Settings::with_patience`] | 10 s | `StoreError::Unavailable` |
//! | connections that read | [`Settings::with_readers`] | 2 | readers wait |
//! | one batch, one request | | 900 MB | `WriteError::TooLarge`, `StoreError::Unavailable` |
//! | events of an answer | | 134 million | `WriteError::TooLarge` |
//!
//! An answer that is gone is remembered, by its id and tenant, for as long as it was kept. There is one task,
//! which ends with the last handle or by [`Sqlite::close`], and a thread for each connection.

mod board;
mod clock;
mod disk;
mod error;
mod events;
mod file;
mod live;
mod op;
mod reader;
mod schema;
mod settings;
mod store;
mod stored;
mod sweep;
mod transaction;
mod writer;

pub use error::OpenError;
pub use settings::Settings;
pub use store::Sqlite;
