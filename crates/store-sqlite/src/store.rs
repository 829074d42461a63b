use std::fmt;
use std::path::{Path, PathBuf, absolute};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use lastbyte_store::{
    AnswerId, Batch, BoxFuture, Claimed, End, Journal, Lease, Look, NewAnswer, Opened, Page, StoreError,
    WriteError,
};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::board::Board;
use crate::disk::{Disk, PAGE};
use crate::error::{is_damage, store_error};
use crate::op::{Asker, Op, Queued};
use crate::reader::Reader;
use crate::settings::Settings;
use crate::writer::Writer;
use crate::{OpenError, file, schema, stored};

/// Answers in a SQLite file, which one process has for itself. Clones are handles on the same one; when the
/// last of them is dropped the file is closed, behind the writes that were asked for.
#[derive(Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    settings: Settings,
    board: Arc<Board>,
    reader: Reader,
    queue: mpsc::UnboundedSender<Queued>,
    /// What the queue may hold, in bytes; closed with the file.
    room: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens the file at `path`, or creates it, and its folder.
    ///
    /// # Errors
    ///
    /// Where another process has the file, or it is not one that this program can read; the file is then as it
    /// was before.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Settings::new().open(path).await
    }

    pub(crate) async fn open_with(path: &Path, settings: Settings) -> Result<Self, OpenError> {
        let path = absolute(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let lock = file::lock(&path)?;
        file::prepare(&path, settings.check_up_to).await?;
        let failed = |error: sqlx::Error| {
            let path = path.clone();
            match is_damage(&error) {
                true => OpenError::Damaged { path, what: error.to_string() },
                false => OpenError::Sqlite { path, source: error.into() },
            }
        };
        let max_pages = (settings.max_bytes / PAGE).max(1);
        let mut disk = Disk::connect(&path, max_pages).await.map_err(failed)?;
        schema::migrate(&mut disk.connection).await.map_err(failed)?;
        let now = settings.clock.now();
        let running = stored::running(&mut disk.connection, now).await.map_err(failed)?;
        let last = disk.number("SELECT last FROM counter").await.map_err(failed)?;
        let board = Arc::new(Board::new(running));
        let reader = Reader::new(&path, settings.readers, settings.patience);
        let (queue, entries) = mpsc::unbounded_channel();
        let writer = Writer {
            disk,
            board: board.clone(),
            clock: settings.clock.clone(),
            last,
            pace: settings.pace,
            sweep_every: settings.sweep_every,
            max_running: settings.max_running,
            max_pages,
            full: false,
            lock,
        };
        // It ends when the last handle is dropped, and with it the queue, or when `close` tells it to.
        let writer = tokio::spawn(writer.run(entries));
        let room = Arc::new(Semaphore::new(settings.max_queued as usize));
        let writer = Mutex::new(Some(writer));
        Ok(Self { shared: Arc::new(Shared { path, settings, board, reader, queue, room, writer }) })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Finishes what was asked for, and closes the file: when this returns another process can open it. Whoever
    /// has a handle still gets [`StoreError::Unavailable`].
    pub async fn close(&self) {
        let shared = &self.shared;
        let mut writer = shared.writer.lock().await;
        if let Some(task) = writer.as_mut() {
            shared.room.close();
            shared.reader.close().await;
            // Where the queue has ended, so has the task.
            let _ = shared.queue.send(Queued { op: Op::Close, share: None });
            let _ = task.await;
            *writer = None;
        }
    }

    /// Has something written, and waits until it is.
    async fn write<T, E: From<StoreError>>(&self, op: impl FnOnce(Asker<T, E>) -> Op) -> Result<T, E> {
        let shared = &self.shared;
        let (asker, told) = oneshot::channel();
        let op = op(asker);
        let until = Instant::now() + shared.settings.patience;
        let written = async {
            // One that is larger than the whole queue goes alone.
            let share = op.weight().min(u64::from(shared.settings.max_queued)) as u32;
            let share = shared.room.clone().acquire_many_owned(share).await.map_err(|_| closed())?;
            shared.queue.send(Queued { op, share: Some(share) }).map_err(|_| closed())?;
            told.await.map_err(|_| closed())?
        };
        timeout_at(until, written).await.unwrap_or_else(|_| Err(late().into()))
    }

    async fn read<T>(&self, read: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
        if self.shared.room.is_closed() {
            return Err(closed());
        }
        let until = Instant::now() + self.shared.settings.patience;
        timeout_at(until, read).await.map_err(|_| late())?.map_err(store_error)
    }

    async fn look_now(&self, id: AnswerId) -> Result<Look, StoreError> {
        let Shared { board, reader, settings, .. } = &*self.shared;
        self.read(reader.look(board, id, settings.clock.now())).await
    }

    async fn wait(&self, id: AnswerId, after: u64, wait: Duration) {
        let Shared { board, settings, .. } = &*self.shared;
        let until = Instant::now().checked_add(wait);
        let listener = board.listen(id);
        let mut rung = pin!(listener.bell.notified());
        // From here on news is heard: none is missed between the look and the wait.
        rung.as_mut().enable();
        let now = settings.clock.now();
        let running =
            board.get(id).filter(|live| live.events <= after && live.is_leased(now) && !live.is_expired(now));
        let Some(live) = running else { return };
        // A lease ends without anybody's doing.
        let left = Duration::from_millis((live.leased_until.min(live.expires()) - now).max(1) as u64);
        match [until, Instant::now().checked_add(left)].into_iter().flatten().min() {
            // Whether it has rung or not, the caller looks.
            Some(until) => drop(timeout_at(until, rung).await),
            None => rung.await,
        }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the file has been closed")
}

fn late() -> StoreError {
    StoreError::unavailable("the file did not answer in time")
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Journal for Sqlite {
    fn open(&self, answer: NewAnswer) -> BoxFuture<'_, Result<Opened, StoreError>> {
        Box::pin(self.write(|to| Op::Open(answer, to)))
    }

    fn sent(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write(move |to| Op::Sent(lease, to)))
    }

    fn append(&self, lease: Lease, batch: Batch) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write(move |to| Op::Append(lease, batch, to)))
    }

    fn end(&self, lease: Lease, last: Batch, end: End) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write(move |to| Op::End(lease, last, end, to)))
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write(move |to| Op::Release(lease, to)))
    }

    fn relinquish(&self, lease: Lease) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write(move |to| Op::Relinquish(lease, to)))
    }

    fn renew(&self, lease: Lease) -> BoxFuture<'_, Result<Option<Duration>, WriteError>> {
        Box::pin(self.write(move |to| Op::Renew(lease, to)))
    }

    fn claim(&self, id: AnswerId) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>> {
        Box::pin(self.write(move |to| Op::Claim(id, to)))
    }

    fn claim_any<'a>(&'a self, except: &'a [AnswerId]) -> BoxFuture<'a, Result<Option<Claimed>, StoreError>> {
        Box::pin(self.write(|to| Op::ClaimAny(except.iter().copied().collect(), to)))
    }

    fn seize(&self, id: AnswerId, last: Batch, end: End) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.write(move |to| Op::Seize(id, last, end, to)))
    }

    fn look(&self, id: AnswerId) -> BoxFuture<'_, Result<Look, StoreError>> {
        Box::pin(self.look_now(id))
    }

    fn read(
        &self,
        id: AnswerId,
        after: u64,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>> {
        let Shared { board, reader, settings, .. } = &*self.shared;
        Box::pin(Self::read(self, reader.page(board, id, after, max_bytes, settings.clock.now())))
    }

    fn changed(&self, id: AnswerId, after: u64, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.wait(id, after, wait).await;
            Ok(())
        })
    }

    fn attend(&self, id: AnswerId) -> BoxFuture<'_, Result<(), StoreError>> {
        // For its writer only, who is in this process.
        Box::pin(async move {
            let Shared { board, settings, .. } = &*self.shared;
            if let Some(live) = board.get(id) {
                live.attended.now(settings.clock.now());
            }
            Ok(())
        })
    }
}
