use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lastbyte_store::Slot;
use lastbyte_store::quota::{
    Allowance, Cost, Denied, Key, Limited, Quotas, Rate, Settlement, Standing, Taking,
};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep};

use crate::call::{Call, Reply};
use crate::redis::Redis;
use crate::reply::Parts;
use crate::script::{SETTLE, TAKE};

/// How long a call waits to hear whether it may: longer than Redis takes where it is there, and less than the
/// patience of a caller, who waits for an answer besides.
const WITHIN: Duration = Duration::from_secs(2);

/// When it may be worth asking again where Redis is away: about as long as a failover begins to take.
const AGAIN: Duration = Duration::from_secs(1);

/// How many settlements may wait. Each call has one: those of some seconds, where Redis is away.
const CHORES: usize = 8_192;

/// How many of them are sent at a time.
const AT_ONCE: usize = 256;

/// What to do with a call where Redis does not say whether it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// Refuse it: nobody uses more than they may.
    #[default]
    Refuse,
    /// Let it pass: nobody has to wait for Redis, and nothing is limited meanwhile.
    Pass,
}

/// Allowances that all gateways share: one for each key, in Redis, and counted by its clock.
///
/// Of a key only a hash is written, and nothing of one that has used nothing.
#[derive(Clone)]
pub struct RedisQuotas {
    inner: Arc<Inner>,
    on_error: OnError,
}

struct Inner {
    redis: Redis,
    requests: Option<Rate>,
    tokens: Option<Rate>,
    chores: mpsc::Sender<Chore>,
}

/// What is left to do behind a call.
enum Chore {
    Settle(u128, Vec<Bytes>),
    /// Nobody waits any more for what came of this: what it has taken goes back.
    Orphan(u128, oneshot::Receiver<Reply>, Vec<Bytes>),
}

impl RedisQuotas {
    /// The same allowance for each key, in this Redis.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(redis: Redis, allowance: Allowance) -> Self {
        let rate = |limit| Rate::new(limit, allowance.burst());
        let (chores, to_do) = mpsc::channel(CHORES);
        // It ends when the last clone of the quotas and the last future of theirs is dropped.
        tokio::spawn(do_chores(redis.clone(), to_do));
        let inner = Inner {
            redis,
            requests: allowance.requests_per_minute().map(rate),
            tokens: allowance.tokens_per_minute().map(rate),
            chores,
        };
        Self { inner: Arc::new(inner), on_error: OnError::default() }
    }

    /// What to do with a call where Redis does not say whether it may: refuse it, by default.
    #[must_use]
    pub fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }
}

impl Inner {
    fn call(&self, hash: u128, cost: Cost) -> Call {
        let of = |rate: &Option<Rate>, many: u64| match rate {
            Some(rate) => [rate.nanos(many.min(rate.burst().get().into())), rate.burst_nanos()],
            None => [0, 0],
        };
        let args = [of(&self.requests, cost.requests.into()), of(&self.tokens, cost.tokens)].concat();
        let args = args.iter().map(|nanos| nanos.to_string().into()).collect();
        // Nobody could tell a second one from the first.
        Call::new(&TAKE, self.redis.shared.names.quota(hash), args, WITHIN).once()
    }

    /// What settling moves; `None`: nothing.
    fn moves(&self, taken: Cost, cost: Cost) -> Option<Vec<Bytes>> {
        let of = |rate: &Option<Rate>, taken, cost| {
            let Some(rate) = rate else { return (String::from("0"), 0) };
            match rate.settle(taken, cost) {
                Settlement::Back(nanos) => (format!("-{nanos}"), rate.most()),
                Settlement::Owed(nanos) => (nanos.to_string(), rate.most()),
            }
        };
        let (requests, most_requests) = of(&self.requests, taken.requests.into(), cost.requests.into());
        let (tokens, most_tokens) = of(&self.tokens, taken.tokens, cost.tokens);
        let moves = |moved: &str| moved.trim_start_matches('-') != "0";
        (moves(&requests) || moves(&tokens)).then(|| {
            vec![
                requests.into(),
                most_requests.to_string().into(),
                tokens.into(),
                most_tokens.to_string().into(),
            ]
        })
    }

    fn leave(&self, chore: Chore) {
        if self.chores.try_send(chore).is_err() {
            self.redis.shared.counters.settlements_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self, reply: Reply, asked: Cost) -> Option<Result<Standing, Denied>> {
        let mut parts = Parts::of(reply.ok()?).ok()?;
        let is_granted = parts.number().ok()? == 1;
        let (requests, tokens) = (parts.number().ok()?, parts.number().ok()?);
        let standing = Standing {
            requests: self.requests.map(|rate| rate.meter(requests)),
            tokens: self.tokens.map(|rate| rate.meter(tokens)),
        };
        if let Some(burst) = self.too_small_for(asked) {
            return Some(Err(Denied::TooLarge { tokens: asked.tokens, burst, standing }));
        }
        if is_granted {
            return Some(Ok(standing));
        }
        let (requests, tokens) = (parts.number().ok()?, parts.number().ok()?);
        let by = if requests > tokens { Limited::Requests } else { Limited::Tokens };
        let wait = Duration::from_nanos(requests.max(tokens));
        Some(Err(Denied::Exhausted { by, wait, standing }))
    }

    /// The burst, where a call is larger than that.
    fn too_small_for(&self, cost: Cost) -> Option<u32> {
        let burst = self.tokens?.burst().get();
        (cost.tokens > burst.into()).then_some(burst)
    }
}

impl OnError {
    fn without_an_answer(self, inner: &Inner) -> Result<Standing, Denied> {
        inner.redis.shared.counters.quotas_away.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Refuse => Err(Denied::Unavailable { wait: AGAIN }),
            Self::Pass => Ok(Standing::default()),
        }
    }
}

impl Quotas for RedisQuotas {
    type Later = Later;

    fn take(&self, key: &Key, cost: Cost) -> Taking<Later> {
        let hash = hash(key);
        // One that can never pass takes nothing, and hears what is left.
        let takes = if self.inner.too_small_for(cost).is_some() { Cost::default() } else { cost };
        let mut call = self.inner.call(hash, takes);
        let reply = call.expected();
        if !self.inner.redis.shared.tell(hash, call) {
            return Taking::Now(self.on_error.without_an_answer(&self.inner));
        }
        Taking::Later(Later {
            inner: self.inner.clone(),
            on_error: self.on_error,
            hash,
            asked: cost,
            takes,
            reply: Some(reply),
            late: Box::pin(sleep(WITHIN)),
        })
    }

    fn settle(&self, key: &Key, taken: Cost, cost: Cost) {
        if let Some(moves) = self.inner.moves(taken, cost) {
            self.inner.leave(Chore::Settle(hash(key), moves));
        }
    }

    fn token_burst(&self) -> Option<u32> {
        self.inner.tokens.map(|rate| rate.burst().get())
    }

    fn is_unlimited(&self) -> bool {
        self.inner.requests.is_none() && self.inner.tokens.is_none()
    }
}

impl fmt::Debug for RedisQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuotas").field("on_error", &self.on_error).finish_non_exhaustive()
    }
}

/// Says whether a call may, once Redis has said so. Where it is dropped before, what was taken goes back.
pub struct Later {
    inner: Arc<Inner>,
    on_error: OnError,
    hash: u128,
    asked: Cost,
    takes: Cost,
    reply: Option<oneshot::Receiver<Reply>>,
    late: Pin<Box<Sleep>>,
}

impl Later {
    /// Nobody waits for it any more.
    fn give_back(&mut self) {
        if let (Some(reply), Some(moves)) = (self.reply.take(), self.inner.moves(self.takes, Cost::default()))
        {
            self.inner.leave(Chore::Orphan(self.hash, reply, moves));
        }
    }
}

impl Future for Later {
    type Output = Result<Standing, Denied>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(reply) = &mut this.reply else { return Poll::Pending };
        let read = match Pin::new(reply).poll(cx) {
            Poll::Ready(reply) => {
                this.reply = None;
                reply.ok().and_then(|reply| this.inner.read(reply, this.asked))
            }
            Poll::Pending if this.late.as_mut().poll(cx).is_ready() => {
                // Who passes is settled with, as if it had been granted; perhaps it was.
                match this.on_error {
                    OnError::Refuse => this.give_back(),
                    OnError::Pass => this.reply = None,
                }
                None
            }
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(read.unwrap_or_else(|| this.on_error.without_an_answer(&this.inner)))
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("asked", &self.asked).finish_non_exhaustive()
    }
}

async fn do_chores(redis: Redis, mut chores: mpsc::Receiver<Chore>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            chore = chores.recv(), if under_way.len() < AT_ONCE => match chore {
                Some(chore) => under_way.push(done(redis.clone(), chore)),
                None => break,
            },
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
        }
    }
    while under_way.next().await.is_some() {}
}

async fn done(redis: Redis, chore: Chore) {
    let (hash, moves) = match chore {
        Chore::Settle(hash, moves) => (hash, moves),
        Chore::Orphan(hash, reply, moves) => {
            let granted = async { Parts::of(reply.await.ok()?.ok()?).ok()?.number().ok() };
            if granted.await != Some(1) {
                return;
            }
            (hash, moves)
        }
    };
    let call = Call::new(&SETTLE, redis.shared.names.quota(hash), moves, crate::lane::WITHIN).once();
    if redis.shared.ask(Slot(hash), call).await.is_err() {
        redis.shared.counters.settlements_lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a key is known by in Redis.
fn hash(key: &Key) -> u128 {
    let mut hash = Sha256::new_with_prefix("lastbyte quota\0");
    match key {
        Key::Tenant(tenant) => {
            hash.update("tenant\0");
            hash.update(tenant.0.to_be_bytes());
        }
        Key::Named(name) => {
            hash.update("name\0");
            hash.update(name.as_bytes());
        }
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    u128::from_be_bytes(first)
}
