//! Who may have the file, and whether it is one of ours: all of it before anything is written to it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use crate::OpenError;
use crate::disk::PAGE;
use crate::error::is_damage;
use crate::schema::{self, APPLICATION_ID};

/// The first bytes of every SQLite database: <https://www.sqlite.org/fileformat.html>.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where its application id stands, a big-endian number of 32 bits.
const APPLICATION_ID_AT: usize = 68;

/// How long a connection waits for another one of this process. There is one that writes, so hardly at all.
const BUSY: Duration = Duration::from_secs(5);

/// The right to use a file, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// `path` with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { path: path.to_owned(), source }
}

/// Creates or opens a file that nobody else may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// How a connection is made. SQLite takes a name that begins with `file:` for an address, so paths are absolute.
pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// Takes the file for this process.
pub(crate) fn lock(path: &Path) -> Result<Lock, OpenError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    let lock = beside(path, ".lock");
    let file = private(&lock).map_err(io_error(&lock))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path: lock, source }),
    }
}

/// Makes sure that there is a file of ours, which this program can read. The lock is held.
pub(crate) async fn prepare(path: &Path, check_up_to: u64) -> Result<(), OpenError> {
    let size = match fs::metadata(path) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Err(OpenError::NotADatabase { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io_error(path)(error)),
    };
    if size == 0 {
        // SQLite would take them for the new database's own.
        for suffix in ["-wal", "-journal"] {
            let journal = beside(path, suffix);
            if fs::metadata(&journal).is_ok_and(|found| found.len() > 0) {
                return Err(OpenError::Orphan { path: journal });
            }
        }
        return create(path).await;
    }
    recognise(path)?;
    inspect(path, size <= check_up_to).await
}

/// Reads whose file it is, without SQLite, which writes to some files when it opens them.
fn recognise(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; 100];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header.starts_with(MAGIC) => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io_error(path)(error)),
        _ => return Err(OpenError::NotADatabase { path: path.to_owned() }),
    }
    let mut id = [0; 4];
    id.copy_from_slice(&header[APPLICATION_ID_AT..APPLICATION_ID_AT + 4]);
    match u32::from_be_bytes(id) {
        APPLICATION_ID => Ok(()),
        application_id => Err(OpenError::Foreign { path: path.to_owned(), application_id }),
    }
}

/// Has SQLite look at it, by a connection that cannot write.
async fn inspect(path: &Path, whole: bool) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| {
        let path = path.to_owned();
        match is_damage(&error) {
            true => OpenError::Damaged { path, what: error.to_string() },
            false => OpenError::Sqlite { path, source: error.into() },
        }
    };
    let mut reader = options(path).read_only(true).connect().await.map_err(failed)?;
    let found = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut reader).await.map_err(failed)?;
    let known = schema::VERSION;
    let fault = if found > known {
        Some(OpenError::Newer { path: path.to_owned(), found, known })
    } else if whole {
        let what: String =
            sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut reader).await.map_err(failed)?;
        (what != "ok").then(|| OpenError::Damaged { path: path.to_owned(), what })
    } else {
        None
    };
    reader.close().await.map_err(failed)?;
    fault.map_or(Ok(()), Err)
}

/// Makes an empty one: beside its place, so that it is there whole or not at all.
async fn create(path: &Path) -> Result<(), OpenError> {
    let new = beside(path, ".new");
    for left in [new.clone(), beside(&new, "-journal")] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&left)(error)),
            _ => {}
        }
    }
    drop(private(&new).map_err(io_error(&new))?);
    let failed = |source: sqlx::Error| OpenError::Sqlite { path: new.clone(), source: source.into() };
    let mut connection = options(&new)
        .page_size(PAGE as u32)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await
        .map_err(failed)?;
    schema::migrate(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    fs::rename(&new, path).map_err(io_error(path))?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        // The name is on the disk only when the folder is.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))?;
    }
    Ok(())
}
