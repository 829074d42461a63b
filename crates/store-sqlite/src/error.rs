use std::error::Error;
use std::path::PathBuf;
use std::{fmt, io};

use lastbyte_store::StoreError;

/// Why a file was not opened. It is as it was before.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it, or this one has it already.
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The operating system did not let us.
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no SQLite database.
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// It is a SQLite database of another program.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `application_id`; 0 where its program did not set one.
        application_id: u32,
    },
    /// A newer version of this program wrote it.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says about it.
        what: String,
    },
    /// There is a journal of SQLite's, but not the database that it belongs to.
    Orphan {
        /// The journal.
        path: PathBuf,
    },
    /// SQLite failed otherwise.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// How.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path } => write!(
                f,
                "{} is in use by another process: one process has such a file for itself. Stop the other one, \
                 give this one a file of its own, or let both share a Redis",
                path.display()
            ),
            Self::Io { path, source } => write!(f, "{} cannot be used: {source}", path.display()),
            Self::NotADatabase { path } => write!(
                f,
                "{} is no SQLite database, and was left as it is. Name another file, or move this one away",
                path.display()
            ),
            Self::Foreign { path, application_id } => write!(
                f,
                "{} is a database of another program (application id {application_id:#x}), and was left as it \
                 is. Name another file",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "{} was written by a newer version (its tables have version {found}, known are those up to \
                 {known}), and was left as it is. Go back to the newer version, or name another file",
                path.display()
            ),
            Self::Damaged { path, what } => write!(
                f,
                "{} is damaged, and was left as it is: {what}. Move it away together with its `-wal`, to start \
                 with an empty one or to recover what is there (`sqlite3 FILE .recover`)",
                path.display()
            ),
            Self::Orphan { path } => write!(
                f,
                "{} is there without its database, and what is in it would be lost. Put the database back, or \
                 move this file away",
                path.display()
            ),
            Self::Sqlite { path, source } => write!(f, "{} could not be opened: {source}", path.display()),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Sqlite { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// SQLite's primary result codes: <https://www.sqlite.org/rescode.html>. `None` where it was not SQLite.
pub(crate) fn code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// Whether SQLite says that the file is broken.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// As callers of a store are told.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    if is_damage(&error) { StoreError::corrupt(error.to_string()) } else { StoreError::unavailable(error) }
}
