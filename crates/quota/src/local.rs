use std::collections::HashMap;
use std::fmt;
use std::future::Ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::bucket::{Bucket, Cell, Wait};
use crate::{Allowance, Cost, Denied, Key, Limited, Quotas, Standing, Taking};

/// How many keys there may be: those of a minute, even of a large service, at some 100 bytes each.
const MAX_KEYS: usize = 10_000;

/// Allowances that are kept in this process, one for each key.
pub struct Local {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    max_keys: usize,
    accounts: Mutex<HashMap<Key, Account>>,
}

/// What one key has used.
#[derive(Clone, Debug, Default)]
struct Account {
    requests: Cell,
    tokens: Cell,
}

impl Local {
    /// The same allowance for each key.
    pub fn new(allowance: Allowance) -> Self {
        let bucket = |limit| Bucket::new(limit, allowance.burst());
        Self {
            requests: allowance.requests_per_minute().map(bucket),
            tokens: allowance.tokens_per_minute().map(bucket),
            max_keys: MAX_KEYS,
            accounts: Mutex::default(),
        }
    }

    /// How many keys there may be, 10,000 by default, 8 at least. Beyond it an eighth of them is forgotten:
    /// first those that have nothing left to come back, of which forgetting changes nothing, then those that
    /// have used least.
    #[must_use]
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys.max(8);
        self
    }

    /// How many keys are known.
    pub fn keys(&self) -> usize {
        self.lock().len()
    }

    /// What is left to `key`.
    pub fn standing(&self, key: &Key) -> Standing {
        let account = self.lock().get(key).cloned();
        self.left(&account.unwrap_or_default())
    }

    fn left(&self, account: &Account) -> Standing {
        Standing {
            requests: self.requests.as_ref().map(|bucket| bucket.meter(&account.requests)),
            tokens: self.tokens.as_ref().map(|bucket| bucket.meter(&account.tokens)),
        }
    }

    fn account(&self, key: &Key) -> Account {
        let mut accounts = self.lock();
        if let Some(account) = accounts.get(key) {
            return account.clone();
        }
        if accounts.len() >= self.max_keys {
            self.forget(&mut accounts);
        }
        accounts.entry(key.clone()).or_default().clone()
    }

    /// Makes room, for an eighth of the keys so that it is rarely needed.
    #[cold]
    fn forget(&self, accounts: &mut HashMap<Key, Account>) {
        let used = |account: &Account| {
            let of = |bucket: &Option<Bucket>, cell| bucket.as_ref().map_or(0, |bucket| bucket.used(cell));
            of(&self.requests, &account.requests).max(of(&self.tokens, &account.tokens))
        };
        let mut all: Vec<_> = accounts.drain().map(|(key, account)| (used(&account), key, account)).collect();
        let gone = all.len() - (self.max_keys - self.max_keys / 8).min(all.len());
        if gone < all.len() {
            all.select_nth_unstable_by_key(gone, |(used, ..)| *used);
        }
        accounts.extend(all.into_iter().skip(gone).map(|(_, key, account)| (key, account)));
    }

    fn take_now(&self, account: &Account, cost: Cost) -> Result<Standing, Denied> {
        if let Some(tokens) = &self.tokens
            && cost.tokens > tokens.burst().into()
        {
            let (burst, standing) = (tokens.burst(), self.left(account));
            return Err(Denied::TooLarge { tokens: cost.tokens, burst, standing });
        }
        let take = |bucket: &Option<Bucket>, cell, many| {
            bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(cell, many))
        };
        let tokens = take(&self.tokens, &account.tokens, cost.tokens);
        let requests = take(&self.requests, &account.requests, cost.requests.into());
        let (by, wait) = match (tokens, requests) {
            (Ok(()), Ok(())) => return Ok(self.left(account)),
            (Err(Wait(tokens)), Err(Wait(requests))) if requests > tokens => (Limited::Requests, requests),
            (Err(Wait(tokens)), Ok(())) => {
                self.give_back(account, Cost { tokens: 0, ..cost });
                (Limited::Tokens, tokens)
            }
            (Err(Wait(tokens)), Err(_)) => (Limited::Tokens, tokens),
            (Ok(()), Err(Wait(requests))) => {
                self.give_back(account, Cost { requests: 0, ..cost });
                (Limited::Requests, requests)
            }
        };
        Err(Denied::Exhausted { by, wait, standing: self.left(account) })
    }

    fn give_back(&self, account: &Account, cost: Cost) {
        self.settle_now(account, cost, Cost::default());
    }

    fn settle_now(&self, account: &Account, taken: Cost, cost: Cost) {
        if let Some(bucket) = &self.tokens {
            bucket.settle(&account.tokens, taken.tokens, cost.tokens);
        }
        if let Some(bucket) = &self.requests {
            bucket.settle(&account.requests, taken.requests.into(), cost.requests.into());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quotas for Local {
    type Later = Ready<Result<Standing, Denied>>;

    fn take(&self, key: &Key, cost: Cost) -> Taking<Self::Later> {
        Taking::Now(self.take_now(&self.account(key), cost))
    }

    fn settle(&self, key: &Key, taken: Cost, cost: Cost) {
        if taken != cost {
            self.settle_now(&self.account(key), taken, cost);
        }
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
