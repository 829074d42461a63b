use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lastbyte_store::{AnswerId, Slot, StoreError};
use redis::Value;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use crate::call::Call;
use crate::hub::Hub;
use crate::lane::{Lane, WITHIN};
use crate::link::{Finder, Link, cluster};
use crate::listener::Listener;
use crate::names::Names;
use crate::script::{MARK, UNMARK};
use crate::spread::Spread;
use crate::stats::{Counters, Stats};
use crate::target::{Place, Target};

/// How many connections carry the calls: while one waits for its reply, the other one gathers.
const LANES: usize = 2;

/// How many calls may wait for a connection. Beyond it who calls waits, as long as a call may take.
const QUEUE: usize = 1024;

/// How many bytes may be under way or wait for it, in KiB.
const ROOM: u32 = 64 * 1024;

/// A [`Journal`](lastbyte_store::Journal) in Redis, for any number of gateways. Clones are the same one.
#[derive(Clone)]
pub struct Redis {
    pub(crate) shared: Arc<Shared>,
}

/// What the clones share. The tasks end when the last of them goes.
pub(crate) struct Shared {
    target: Arc<Target>,
    pub(crate) names: Names,
    lanes: Vec<mpsc::Sender<Call>>,
    /// For what must not get lost when a server does, where that is asked for.
    safe: Option<mpsc::Sender<Call>>,
    room: Arc<Semaphore>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) counters: Arc<Counters>,
    _open: watch::Sender<()>,
}

/// Why there is no store.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is wrong: how, and what to write.
    BadUrl(String),
    /// There is nobody, or nobody who lets us in.
    Unreachable(StoreError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl(what) => f.write_str(what),
            Self::Unreachable(_) => f.write_str("Redis cannot be reached, or refuses us"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BadUrl(_) => None,
            Self::Unreachable(error) => error.source(),
        }
    }
}

impl Redis {
    /// Whether [`connect`](Self::connect) would take this URL. Nobody is asked; the file of `ca_file` is read.
    ///
    /// # Errors
    ///
    /// [`ConnectError::BadUrl`] says what is wrong with it and what to write, and nothing of the URL itself: what is
    /// wrong may be a part of a password.
    pub fn check(url: &str) -> Result<(), ConnectError> {
        Target::parse(url).map(drop).map_err(ConnectError::BadUrl)
    }

    /// Connects to the Redis of this URL. [The crate's page](crate) has its forms.
    ///
    /// # Errors
    ///
    /// [`ConnectError::BadUrl`] says what is wrong with it and what to write. Where nobody answers within some
    /// five seconds, or refuses us, it is [`ConnectError::Unreachable`]; later on it is tried again and again.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let target = Arc::new(Target::parse(url).map_err(ConnectError::BadUrl)?);
        let counters = Arc::<Counters>::default();
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(lane(&target, None, &counters).await.map_err(ConnectError::Unreachable)?);
        }
        let safe = match target.replicas {
            Some(_) => {
                Some(lane(&target, target.replicas, &counters).await.map_err(ConnectError::Unreachable)?)
            }
            None => None,
        };
        let (open, closed) = watch::channel(());
        let shared = Arc::new(Shared {
            names: Names::new(target.prefix.clone()),
            target: target.clone(),
            lanes,
            safe,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            hub: Arc::default(),
            counters,
            _open: open,
        });
        let listener = Listener::new(shared.hub.clone(), Arc::downgrade(&shared), closed);
        // It ends when the last clone of the store is dropped, and `_open` with it.
        tokio::spawn(listener.run(Finder::new(target)));
        // Who may connect may do nothing yet: without a password, or with too few rights.
        shared.probe().await.map_err(ConnectError::Unreachable)?;
        Ok(Self { shared })
    }

    /// What was counted since it was connected, by this clone and all others.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.shared.target).finish()
    }
}

/// Connects, and begins to carry calls.
async fn lane(
    target: &Arc<Target>,
    replicas: Option<(u32, Duration)>,
    counters: &Arc<Counters>,
) -> Result<mpsc::Sender<Call>, StoreError> {
    let (sender, calls) = mpsc::channel(QUEUE);
    if target.place == Place::Cluster {
        let spread = Spread::new(calls, cluster(target).await?, replicas, counters.clone());
        // It ends when the last sender is dropped, with the last clone of the store.
        tokio::spawn(spread.run());
    } else {
        let mut link = Link::new(target.clone(), replicas.map_or(Duration::ZERO, |(_, wait)| wait));
        link.get().await?;
        let lane = Lane::new(calls, link, replicas, counters.clone());
        // It ends when the last sender is dropped, with the last clone of the store.
        tokio::spawn(lane.run());
    }
    Ok(sender)
}

impl Shared {
    fn lane(&self, slot: u128) -> &mpsc::Sender<Call> {
        // An answer has always the same one: what its writer says arrives in that order.
        &self.lanes[(slot % self.lanes.len() as u128) as usize]
    }

    /// Does a step for the answer of a slot.
    pub(crate) async fn ask(&self, slot: Slot, call: Call) -> Result<Value, StoreError> {
        self.ask_by(self.lane(slot.0), call).await
    }

    /// Does a step that has to outlive the server, where that was asked for.
    pub(crate) async fn ask_safely(&self, slot: Slot, call: Call) -> Result<Value, StoreError> {
        self.ask_by(self.safe.as_ref().unwrap_or_else(|| self.lane(slot.0)), call).await
    }

    async fn ask_by(&self, lane: &mpsc::Sender<Call>, mut call: Call) -> Result<Value, StoreError> {
        let reply = call.expected();
        let asked = async {
            let share = u32::try_from(call.bytes() / 1024 + 1).unwrap_or(ROOM).min(ROOM);
            let room = self.room.clone().acquire_many_owned(share).await;
            call.room = Some(room.map_err(StoreError::unavailable)?);
            lane.send(call).await.map_err(|_| StoreError::unavailable("the store is closed"))?;
            reply.await.map_err(StoreError::unavailable)?
        };
        // A little more than the call itself has, which knows better why it failed.
        match timeout(WITHIN + WITHIN / 10, asked).await {
            Ok(reply) => reply,
            Err(late) => Err(StoreError::unavailable(late)),
        }
    }

    /// Has a step done, now or never: nobody waits for it.
    pub(crate) fn tell(&self, slot: u128, call: Call) -> bool {
        self.lane(slot).try_send(call).is_ok()
    }

    /// By what the index of running answers is told when a lease ends.
    pub(crate) fn mark(&self, id: AnswerId, lease: Duration) -> Call {
        let args = vec![id.to_string().into(), whole_millis(lease).to_string().into()];
        Call::new(&MARK, self.names.shard_of(id), args, WITHIN)
    }

    /// By what an answer is taken out of the index, if its lease has ended so long ago.
    pub(crate) fn unmark(&self, id: AnswerId, after: Option<Duration>) -> Call {
        let after = after.map_or(String::new(), millis);
        Call::new(&UNMARK, self.names.shard_of(id), vec![id.to_string().into(), after.into()], WITHIN)
    }

    pub(crate) fn count_events(&self, events: usize) {
        self.counters.events.fetch_add(events as u64, Ordering::Relaxed);
    }
}

fn whole_millis(time: Duration) -> u64 {
    const MOST: u64 = 100 * 365 * 24 * 3_600_000;
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(MOST).min(MOST)
}

/// In whole milliseconds, one at least, and no more than a hundred years: beyond that Redis cannot count.
pub(crate) fn millis(time: Duration) -> String {
    whole_millis(time).max(1).to_string()
}
