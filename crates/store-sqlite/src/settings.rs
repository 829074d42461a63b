use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::{OpenError, Sqlite};

/// How a file is used. [`Sqlite::open`] takes the defaults.
#[derive(Clone)]
pub struct Settings {
    pub(crate) clock: Clock,
    pub(crate) readers: u32,
    pub(crate) pace: Duration,
    pub(crate) patience: Duration,
    pub(crate) max_queued: u32,
    pub(crate) max_running: usize,
    pub(crate) max_bytes: u64,
    pub(crate) check_up_to: u64,
    pub(crate) sweep_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// The defaults, each with the method that changes it.
    pub fn new() -> Self {
        Self {
            clock: Clock::new(SystemTime::now),
            readers: 2,
            pace: Duration::from_millis(2),
            patience: Duration::from_secs(10),
            max_queued: 64 << 20,
            max_running: 100_000,
            max_bytes: 8 << 30,
            check_up_to: 256 << 20,
            sweep_every: Duration::from_secs(1),
        }
    }

    /// Opens the file, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    pub async fn open(self, path: impl AsRef<Path>) -> Result<Sqlite, OpenError> {
        Sqlite::open_with(path.as_ref(), self).await
    }

    /// The clock that leases and lives go by; [`SystemTime::now`] by default. Tests pretend one.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Clock::new(clock), ..self }
    }

    /// How many connections read, each with a thread and up to 2 MB of pages; 2 by default, at least one.
    #[must_use]
    pub fn with_readers(self, readers: u32) -> Self {
        Self { readers: readers.max(1), ..self }
    }

    /// How much time lies between the beginnings of two transactions, at least; 2 ms by default. A write that
    /// comes after a longer silence does not wait. More saves work where many stream at once: all writes of
    /// that time share one transaction.
    #[must_use]
    pub fn with_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// How long one call may take before it gives [`StoreError::Unavailable`]; 10 s by default. A disk that
    /// answers after longer than that is of no use to somebody who waits for an answer.
    ///
    /// [`StoreError::Unavailable`]: lastbyte_store::StoreError::Unavailable
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many bytes of writes may wait for their transaction; 64 MiB by default, at least 1 MiB and at most 1 GiB.
    /// Beyond it callers wait for their turn.
    #[must_use]
    pub fn with_max_queued(self, bytes: u64) -> Self {
        Self { max_queued: bytes.clamp(1 << 20, 1 << 30) as u32, ..self }
    }

    /// How many answers may run at once; 100,000 by default, each half a KiB of memory and its head. Beyond it
    /// opening gives [`StoreError::Full`].
    ///
    /// [`StoreError::Full`]: lastbyte_store::StoreError::Full
    #[must_use]
    pub fn with_max_running(self, answers: usize) -> Self {
        Self { max_running: answers, ..self }
    }

    /// How large the file may grow, in bytes, without its log of some 32 MiB; 8 GiB by default. Where nine
    /// tenths are used opening gives [`StoreError::Full`], so that those that run can end.
    ///
    /// [`StoreError::Full`]: lastbyte_store::StoreError::Full
    #[must_use]
    pub fn with_max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Up to which size, in bytes, a file is read through for damage when it is opened; 256 MiB by default,
    /// which takes about a second. In a larger one damage is found where it is met.
    #[must_use]
    pub fn with_check_up_to(self, bytes: u64) -> Self {
        Self { check_up_to: bytes, ..self }
    }

    /// How often is looked for what has expired; every second by default.
    #[must_use]
    pub fn with_sweep_every(self, every: Duration) -> Self {
        Self { sweep_every: every, ..self }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("readers", &self.readers)
            .field("pace", &self.pace)
            .field("patience", &self.patience)
            .field("max_queued", &self.max_queued)
            .field("max_running", &self.max_running)
            .field("max_bytes", &self.max_bytes)
            .field("check_up_to", &self.check_up_to)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}
