//! Where the tenants' allowances are kept: in this process, or in the Redis that the answers are in.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use lastbyte::idempotency::OnError;
use lastbyte::quota::{Cost, Denied, Key, Local, Quotas, Standing, Taking};
use lastbyte::store_redis::{self, RedisQuotas};

use crate::config::Config;
use crate::journal::Store;

#[derive(Debug)]
pub(crate) enum Kept {
    Here(Local),
    Redis(RedisQuotas),
}

impl Kept {
    pub(crate) fn new(config: &Config, store: &Store) -> Self {
        let allowance = config.quota.allowance();
        match store {
            Store::Redis(redis) => {
                let on_error = match config.store.on_error {
                    OnError::Refuse => store_redis::OnError::Refuse,
                    OnError::Pass => store_redis::OnError::Pass,
                };
                Self::Redis(RedisQuotas::new(redis.clone(), allowance).with_on_error(on_error))
            }
            Store::Memory(_) | Store::Sqlite(_) => Self::Here(Local::new(allowance)),
        }
    }

    /// Whether tenants have to have names that are the same at every gateway.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Of how many tenants the use is known here.
    pub(crate) fn keys(&self) -> usize {
        match self {
            Self::Here(local) => local.keys(),
            Self::Redis(_) => 0,
        }
    }
}

/// What is not known yet.
pub(crate) enum Later {
    Here(<Local as Quotas>::Later),
    Redis(<RedisQuotas as Quotas>::Later),
}

impl Future for Later {
    type Output = Result<Standing, Denied>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Here(later) => Pin::new(later).poll(cx),
            Self::Redis(later) => Pin::new(later).poll(cx),
        }
    }
}

impl Quotas for Kept {
    type Later = Later;

    fn take(&self, key: &Key, cost: Cost) -> Taking<Later> {
        match self {
            Self::Here(local) => match local.take(key, cost) {
                Taking::Now(taken) => Taking::Now(taken),
                Taking::Later(later) => Taking::Later(Later::Here(later)),
            },
            Self::Redis(redis) => match redis.take(key, cost) {
                Taking::Now(taken) => Taking::Now(taken),
                Taking::Later(later) => Taking::Later(Later::Redis(later)),
            },
        }
    }

    fn settle(&self, key: &Key, taken: Cost, cost: Cost) {
        match self {
            Self::Here(local) => local.settle(key, taken, cost),
            Self::Redis(redis) => redis.settle(key, taken, cost),
        }
    }

    fn token_burst(&self) -> Option<u32> {
        match self {
            Self::Here(local) => local.token_burst(),
            Self::Redis(redis) => redis.token_burst(),
        }
    }

    fn is_unlimited(&self) -> bool {
        match self {
            Self::Here(local) => local.is_unlimited(),
            Self::Redis(redis) => redis.is_unlimited(),
        }
    }
}
