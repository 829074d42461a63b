//! One connection, and the calls of all answers that go over it together.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lastbyte_store::StoreError;
use redis::{Pipeline, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::call::{Call, Fate, Meaning, meaning, weighed};
use crate::link::{Link, REPLY};
use crate::stats::Counters;

/// How long a call may take in all, with everything that is tried again.
pub(crate) const WITHIN: Duration = Duration::from_secs(5);

/// No more than one batch in such a time: enough come together for a fifth of a round trip each, and nobody
/// notices it in an answer of many seconds. The first after a pause goes at once.
const PACE: Duration = Duration::from_millis(2);

/// The most calls of a batch: the last of them waits for the others, some five microseconds each.
const MOST_CALLS: usize = 512;

/// The most bytes of a batch, but for one call that has more alone: Redis reads no other connection meanwhile.
const MOST_BYTES: usize = 1 << 20;

/// Who has been away for so long is not waited for any more by those who come now.
const AWAY: Duration = Duration::from_secs(2);

pub(crate) struct Lane {
    calls: mpsc::Receiver<Call>,
    link: Link,
    /// How many replicas have to have what goes over it, and how long they may take.
    replicas: Option<(u32, Duration)>,
    counters: Arc<Counters>,
    waiting: VecDeque<Call>,
}

impl Lane {
    pub(crate) fn new(
        calls: mpsc::Receiver<Call>,
        link: Link,
        replicas: Option<(u32, Duration)>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { calls, link, replicas, counters, waiting: VecDeque::new() }
    }

    /// Does what it is told, until nobody is left who could tell it something.
    pub(crate) async fn run(mut self) {
        let mut next = Instant::now();
        loop {
            if self.waiting.is_empty() {
                match self.calls.recv().await {
                    Some(call) => self.waiting.push_back(call),
                    None => return,
                }
            }
            self.gather(next).await;
            next = Instant::now() + PACE;
            let batch = self.batch();
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    /// Those that come until then.
    async fn gather(&mut self, until: Instant) {
        while self.waiting.len() < MOST_CALLS {
            match self.calls.try_recv() {
                Ok(call) => self.waiting.push_back(call),
                Err(_) => match timeout_at(until, self.calls.recv()).await {
                    Ok(Some(call)) => self.waiting.push_back(call),
                    Ok(None) | Err(_) => return,
                },
            }
        }
    }

    /// The next that go together, without those that nobody waits for any more.
    fn batch(&mut self) -> Vec<Call> {
        let mut batch: Vec<Call> = Vec::new();
        let mut reads = HashMap::new();
        let mut bytes = 0;
        while let Some(call) = self.waiting.front() {
            if batch.len() >= MOST_CALLS || (!batch.is_empty() && bytes + call.bytes() > MOST_BYTES) {
                break;
            }
            let Some(call) = self.waiting.pop_front() else { break };
            if call.is_forsaken() {
                continue;
            }
            if Instant::now() >= call.until {
                call.failed(&StoreError::unavailable("Redis did not answer in time"));
                continue;
            }
            // They have not been sent yet, so what they read is not older than they are.
            if let Some(reads_what) = call.reads {
                if let Some(first) = reads.get(&reads_what).and_then(|&at: &usize| batch.get_mut(at)) {
                    first.replies.extend(call.replies);
                    continue;
                }
                reads.insert(reads_what, batch.len());
            }
            bytes += call.bytes();
            batch.push(call);
        }
        batch
    }

    async fn send(&mut self, batch: Vec<Call>) {
        let mut connection = match self.link.get().await {
            Ok(connection) => connection,
            Err(error) => {
                let gone = self.link.away() > AWAY;
                let fate = |call: Call| if gone { call.failed(&error) } else { call.not_done(&error) };
                return self.put_back(batch.into_iter().map(fate));
            }
        };
        let mut pipeline = Pipeline::with_capacity(batch.len() + 1);
        for call in &batch {
            pipeline.add_command(call.command());
        }
        let wait = self.replicas.map_or(Duration::ZERO, |(_, wait)| wait);
        if let Some((want, wait)) = self.replicas {
            pipeline.cmd("WAIT").arg(want).arg(wait.as_millis() as u64);
        }
        self.counters.round_trips.fetch_add(1, Ordering::Relaxed);
        self.counters.calls.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let sent = connection.send_packed_commands(&pipeline, 0, pipeline.len());
        let replies = match timeout(REPLY + wait, sent).await {
            Ok(Ok(replies)) if replies.len() == pipeline.len() => replies,
            Ok(Ok(_)) => return self.lost(batch, StoreError::unavailable("Redis gave too few replies")),
            Ok(Err(error)) => return self.lost(batch, StoreError::unavailable(error)),
            Err(late) => return self.lost(batch, StoreError::unavailable(late)),
        };
        self.hear(batch, replies);
    }

    /// Tells everybody what came of it.
    fn hear(&mut self, batch: Vec<Call>, mut replies: Vec<Value>) {
        let waited = self.replicas.and_then(|_| replies.pop());
        let want = self.replicas.map_or(0, |(want, _)| want);
        let mut fates = Vec::new();
        let mut is_not_now = false;
        for (mut call, reply) in batch.into_iter().zip(replies) {
            let error = match reply {
                Value::ServerError(error) => error,
                reply => {
                    call.done(weighed(reply, waited.as_ref(), want));
                    continue;
                }
            };
            let meaning = meaning(Some(error.code()));
            let error = StoreError::unavailable(redis::RedisError::from(error));
            fates.push(match meaning {
                Meaning::Unknown => {
                    call.unknown = true;
                    call.not_done(&error)
                }
                Meaning::NotNow => {
                    is_not_now = true;
                    call.not_done(&error)
                }
                Meaning::Full => call.failed(&StoreError::Full),
                Meaning::No => call.failed(&error),
            });
        }
        if is_not_now {
            self.link.broken()
        } else {
            self.link.worked()
        }
        self.put_back(fates.into_iter());
    }

    fn lost(&mut self, batch: Vec<Call>, error: StoreError) {
        self.link.broken();
        self.put_back(batch.into_iter().map(|call| call.lost(&error)));
    }

    /// Those that are tried again go first, in their order.
    fn put_back(&mut self, fates: impl DoubleEndedIterator<Item = Fate>) {
        for fate in fates.rev() {
            if let Fate::Again(call) = fate {
                self.waiting.push_front(call);
            }
        }
    }
}
