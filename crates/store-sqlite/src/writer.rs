use std::sync::Arc;
use std::time::Duration;

use lastbyte_store::StoreError;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::board::Board;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::error::store_error;
use crate::file::Lock;
use crate::op::{Op, Queued};
use crate::sweep;
use crate::transaction::Transaction;

/// How many entries go into one transaction: few enough that a reader of the log is never far behind.
const BATCH: usize = 1024;

/// How long the broom waits where it left something lying: the writers have most of the time.
const SWEEP_ON: Duration = Duration::from_millis(20);

/// Everything that writes, in one task: the order in which it takes from its queue is the order of all writes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) disk: Disk,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Clock,
    /// The last number that was given away.
    pub(crate) last: i64,
    /// The time from the beginning of one transaction to the next one's, at least.
    pub(crate) pace: Duration,
    pub(crate) sweep_every: Duration,
    pub(crate) max_running: usize,
    /// How many pages the file may have; a tenth of them is kept for those that run.
    pub(crate) max_pages: u64,
    /// Whether the file is too large for another answer.
    pub(crate) full: bool,
    pub(crate) lock: Lock,
}

impl Writer {
    /// Works until the queue has ended, or it is told to close.
    pub(crate) async fn run(mut self, mut queue: UnboundedReceiver<Queued>) {
        let mut entries = Vec::new();
        let mut next = Instant::now();
        let mut sweep = next;
        loop {
            match timeout_at(sweep, queue.recv_many(&mut entries, BATCH)).await {
                Ok(0) => break,
                Ok(_) => {
                    let now = Instant::now();
                    if now < next {
                        // Others come meanwhile, and share the transaction.
                        sleep_until(next).await;
                        while entries.len() < BATCH
                            && let Ok(entry) = queue.try_recv()
                        {
                            entries.push(entry);
                        }
                    }
                    next = now.max(next) + self.pace;
                    if self.write(&mut entries).await {
                        break;
                    }
                }
                Err(_) => {}
            }
            if Instant::now() >= sweep {
                // What fails here is tried again at the next time, and is nobody's loss.
                let more = sweep::portion(&mut self).await.unwrap_or(false);
                sweep = Instant::now() + if more { SWEEP_ON.min(self.sweep_every) } else { self.sweep_every };
            }
        }
        self.disk.close().await;
        drop(self.lock);
    }

    /// Writes all of them, in one transaction if nothing fails. Whether one said to close.
    async fn write(&mut self, entries: &mut Vec<Queued>) -> bool {
        let mut close = false;
        let mut left = std::mem::take(entries);
        while !left.is_empty() {
            left = self.commit(left, &mut close).await;
        }
        close
    }

    /// One transaction. What it gives back was not tried, because something before it failed.
    async fn commit(&mut self, entries: Vec<Queued>, close: &mut bool) -> Vec<Queued> {
        let durable = entries.iter().any(|entry| entry.op.is_durable());
        let running = self.board.live().len();
        let room = if self.full { 0 } else { self.max_running.saturating_sub(running) };
        let now = self.clock.now();
        let mut transaction =
            Transaction::new(&mut self.disk, &self.board, &mut self.last, now, durable, room);
        let mut judged = Vec::with_capacity(entries.len());
        let mut shares = Vec::with_capacity(entries.len());
        let mut entries = entries.into_iter();
        let mut result = Ok(());
        for Queued { op, share } in entries.by_ref() {
            *close |= matches!(op, Op::Close);
            let (told, failed) = transaction.judge(op).await;
            judged.extend(told);
            shares.push(share);
            if let Some(error) = failed {
                result = Err(error);
                break;
            }
        }
        if result.is_ok() {
            result = transaction.commit().await;
        }
        let failed: Option<StoreError> = match result {
            Ok(()) => None,
            Err(error) => {
                self.disk.roll_back().await;
                Some(store_error(error))
            }
        };
        for told in judged {
            told.tell(failed.as_ref());
        }
        entries.collect()
    }
}
