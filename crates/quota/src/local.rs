use std::collections::HashMap;
use std::fmt;
use std::future::Ready;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::bucket::{Bucket, Cell, Wait};
use crate::{Allowance, Cost, Denied, Key, Limited, Quotas, Standing, Taking};

/// How many keys there may be: those of a minute, even of a large service, at some 100 bytes each.
const MAX_KEYS: usize = 10_000;

/// Allowances that are kept in this process, one for each key.
pub struct Local {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    max_keys: usize,
    /// Where its clock begins.
    since: Instant,
    accounts: Mutex<Accounts>,
}

/// What one key has used.
#[derive(Clone, Debug, Default)]
struct Account {
    requests: Cell,
    tokens: Cell,
    /// Calls that are not settled yet.
    open: Arc<AtomicU32>,
}

#[derive(Debug, Default)]
struct Accounts {
    all: HashMap<Key, Account>,
    /// At how many it is looked for some to forget. More than may be where too many have calls under way.
    full: usize,
}

impl Local {
    /// The same allowance for each key.
    pub fn new(allowance: Allowance) -> Self {
        let bucket = |limit| Bucket::new(limit, allowance.burst());
        Self {
            requests: allowance.requests_per_minute().map(bucket),
            tokens: allowance.tokens_per_minute().map(bucket),
            max_keys: MAX_KEYS,
            since: Instant::now(),
            accounts: Mutex::default(),
        }
    }

    /// How many keys there may be, 10,000 by default, 8 at least. Beyond it an eighth of them is forgotten:
    /// first those that have nothing left to come back, of which forgetting changes nothing, then those that
    /// have used least. Those that have calls under way are kept, however many.
    #[must_use]
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys.max(8);
        self
    }

    /// How many keys are known.
    pub fn keys(&self) -> usize {
        self.lock().all.len()
    }

    /// What is left to `key`.
    pub fn standing(&self, key: &Key) -> Standing {
        let account = self.lock().all.get(key).cloned();
        self.left(&account.unwrap_or_default(), self.now())
    }

    /// The runtime's time, which tests can stop, in nanoseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn left(&self, account: &Account, now: u64) -> Standing {
        Standing {
            requests: self.requests.as_ref().map(|bucket| bucket.meter(&account.requests, now)),
            tokens: self.tokens.as_ref().map(|bucket| bucket.meter(&account.tokens, now)),
        }
    }

    fn account(&self, key: &Key) -> Account {
        let mut accounts = self.lock();
        if let Some(account) = accounts.all.get(key) {
            return account.clone();
        }
        if accounts.all.len() >= accounts.full.max(self.max_keys) {
            self.forget(&mut accounts);
        }
        accounts.all.entry(key.clone()).or_default().clone()
    }

    /// Makes room, for an eighth of the keys so that it is rarely needed.
    #[cold]
    fn forget(&self, accounts: &mut Accounts) {
        let now = self.now();
        let used = |account: &Account| {
            let of =
                |bucket: &Option<Bucket>, cell| bucket.as_ref().map_or(0, |bucket| bucket.used(cell, now));
            of(&self.requests, &account.requests).max(of(&self.tokens, &account.tokens))
        };
        let many = accounts.all.len();
        let is_idle = |account: &Account| account.open.load(Ordering::Relaxed) == 0;
        let idle = accounts.all.extract_if(|_, account| is_idle(account));
        let mut idle: Vec<_> = idle.map(|(key, account)| (used(&account), key, account)).collect();
        let gone = (many - (self.max_keys - self.max_keys / 8).min(many)).min(idle.len());
        if gone < idle.len() {
            idle.select_nth_unstable_by_key(gone, |(used, ..)| *used);
        }
        accounts.all.extend(idle.into_iter().skip(gone).map(|(_, key, account)| (key, account)));
        accounts.full = accounts.all.len() + self.max_keys / 8;
    }

    fn take_now(&self, account: &Account, cost: Cost) -> Result<Standing, Denied> {
        let now = self.now();
        if let Some(tokens) = &self.tokens
            && cost.tokens > tokens.burst().into()
        {
            let (burst, standing) = (tokens.burst(), self.left(account, now));
            return Err(Denied::TooLarge { tokens: cost.tokens, burst, standing });
        }
        let take = |bucket: &Option<Bucket>, cell, many| {
            bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(cell, many, now))
        };
        let tokens = take(&self.tokens, &account.tokens, cost.tokens);
        let requests = take(&self.requests, &account.requests, cost.requests.into());
        if tokens.is_ok() && requests.is_ok() {
            account.open.fetch_add(1, Ordering::Relaxed);
            return Ok(self.left(account, now));
        }
        // All or nothing: what the one gave goes back where the other gave nothing.
        let taken = Cost {
            requests: if requests.is_ok() { cost.requests } else { 0 },
            tokens: if tokens.is_ok() { cost.tokens } else { 0 },
        };
        self.settle_now(account, taken, Cost::default(), now);
        let wait = |taken: Result<(), Wait>| taken.err().map(|Wait(wait)| wait);
        // `None`, which has not to wait, is less than any wait.
        let (by, wait) = match (wait(tokens), wait(requests)) {
            (tokens, requests) if requests > tokens => (Limited::Requests, requests),
            (tokens, _) => (Limited::Tokens, tokens),
        };
        Err(Denied::Exhausted { by, wait: wait.unwrap_or_default(), standing: self.left(account, now) })
    }

    fn settle_now(&self, account: &Account, taken: Cost, cost: Cost, now: u64) {
        if let Some(bucket) = &self.tokens {
            bucket.settle(&account.tokens, taken.tokens, cost.tokens, now);
        }
        if let Some(bucket) = &self.requests {
            bucket.settle(&account.requests, taken.requests.into(), cost.requests.into(), now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quotas for Local {
    type Later = Ready<Result<Standing, Denied>>;

    fn take(&self, key: &Key, cost: Cost) -> Taking<Self::Later> {
        Taking::Now(self.take_now(&self.account(key), cost))
    }

    fn settle(&self, key: &Key, taken: Cost, cost: Cost) {
        let account = self.account(key);
        if taken != cost {
            self.settle_now(&account, taken, cost, self.now());
        }
        let _ = account.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| open.checked_sub(1));
    }

    fn token_burst(&self) -> Option<u32> {
        self.tokens.as_ref().map(Bucket::burst)
    }

    fn is_unlimited(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "local/tests.rs"]
mod tests;
