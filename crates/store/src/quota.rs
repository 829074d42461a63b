//! How much of a chat API each caller may use, kept where those who share it can ask.
//!
//! The quota layer asks [`Quotas`] before each call and settles with it afterwards. It stands here, beside the
//! journal, because a store that several gateways share keeps both.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use lastbyte_core::Tenant;

mod allowance;
mod rate;

pub use allowance::Allowance;
pub use rate::{Rate, Settlement};

/// Whose allowance a call uses: its tenant's, or that of a key which its request's extensions hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Who asks, as for everything else that is shared fairly.
    Tenant(Tenant),
    /// Any other name.
    Named(Arc<str>),
}

impl Key {
    /// A key of this name.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self::Named(name.into())
    }

    /// The key in these extensions, or else their tenant.
    pub fn of(extensions: &Extensions) -> Self {
        match extensions.get::<Self>() {
            Some(key) => key.clone(),
            None => Self::Tenant(Tenant::of(extensions)),
        }
    }
}

impl From<Tenant> for Key {
    fn from(tenant: Tenant) -> Self {
        Self::Tenant(tenant)
    }
}

/// What a call takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: u32,
    /// Tokens, of its prompt and its answer together.
    pub tokens: u64,
}

/// Which of the two limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limited {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
}

/// One limit, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// How much a minute allows.
    pub limit: u32,
    /// How much could be used at this moment.
    pub remaining: u32,
    /// When all of the burst would be there again, if nothing were used.
    pub reset: Duration,
}

/// What is left to a key; `None`: there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of requests.
    pub requests: Option<Meter>,
    /// Of tokens.
    pub tokens: Option<Meter>,
}

/// Why a call may not go through. Nothing was taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Not yet.
    Exhausted {
        /// The limit that it has to wait for longer.
        by: Limited,
        /// For how long, if nothing else is used meanwhile.
        wait: Duration,
        /// What is left.
        standing: Standing,
    },
    /// Never: it is larger than all that may be used at once.
    TooLarge {
        /// What it would take.
        tokens: u64,
        /// What may be used at once.
        burst: u32,
        /// What is left.
        standing: Standing,
    },
    /// Nobody knows: where the allowances are kept could not be asked, or not in time.
    Unavailable {
        /// When it may be worth asking again.
        wait: Duration,
    },
}

/// What came of asking for a call.
#[derive(Debug)]
pub enum Taking<F> {
    /// It is known at once.
    Now(Result<Standing, Denied>),
    /// It will be.
    Later(F),
}

/// Where allowances are kept.
///
/// Each call is [taken](Self::take) once, and where that was granted [settled](Self::settle) once, whatever
/// becomes of it, also when its future is dropped while it waits for the answer to `take`: an implementation
/// that had to ask somebody settles a call that nobody waits for any more itself, as having taken nothing.
pub trait Quotas: Send + Sync + 'static {
    /// Resolves to what came of it, where it has to be waited for.
    type Later: Future<Output = Result<Standing, Denied>> + Send;

    /// Takes `cost` from what `key` may use: all of it, or nothing.
    ///
    /// A cost of more tokens than the burst is [`Denied::TooLarge`].
    fn take(&self, key: &Key, cost: Cost) -> Taking<Self::Later>;

    /// A call that had taken `taken` has cost `cost`, which may be less and more: it is made so, at once and
    /// without waiting. An implementation that has to tell somebody queues it, in bounds.
    fn settle(&self, key: &Key, taken: Cost, cost: Cost);

    /// How much may be used at once, in tokens. `None`: no limit.
    fn token_burst(&self) -> Option<u32>;

    /// Whether nothing is limited. Then nothing is estimated, taken or settled.
    fn is_unlimited(&self) -> bool;
}
