use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::request::Parts;
use lastbyte_core::credential_token;
use sha2::{Digest, Sha256};

use crate::IDEMPOTENCY_KEY;
use crate::key::{KeyError, key_of};
use crate::running::Room;

/// What becomes of a request under a key whose answer is running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConcurrent {
    /// It gets the same answer.
    #[default]
    Join,
    /// 409 at once, as the draft asks for.
    Conflict,
}

/// What becomes of an answer that may have been billed, and of which nothing came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It is asked for again: it may be paid for twice, and is read once.
    #[default]
    Retry,
    /// Whoever asks again is told 409 `outcome_unknown`.
    Refuse,
}

/// What becomes of an answer whose writer died behind its first content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterCrash {
    /// It is taken over: the service is called with [`Resume`](lastbyte_core::Resume) in the request's
    /// extensions, and has to answer with what comes behind that, or with no event stream at all. A service
    /// that does not look at it would say everything again: take [`Fail`](Self::Fail) then.
    #[default]
    Resume,
    /// It ends with its error.
    Fail,
}

/// What becomes of a request under a key while the store is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// 503: who sent a key asked for its guarantee.
    #[default]
    Refuse,
    /// It passes without the guarantee, with the header `x-lastbyte-degraded`.
    Pass,
}

type KeyOf = Arc<dyn Fn(&Parts) -> Result<Option<String>, KeyError> + Send + Sync>;
type TenantOf = Arc<dyn Fn(&Parts) -> String + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) key: KeyOf,
    pub(crate) tenant: TenantOf,
    pub(crate) ttl: Duration,
    pub(crate) lease: Duration,
    pub(crate) max_answer: usize,
    pub(crate) max_body: usize,
    pub(crate) max_event: usize,
    pub(crate) max_running: usize,
    pub(crate) room: Room,
    pub(crate) join_wait: Duration,
    pub(crate) hold_head: Duration,
    pub(crate) when_unread: Option<Duration>,
    pub(crate) on_concurrent: OnConcurrent,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) after_crash: AfterCrash,
    pub(crate) on_error: OnError,
    pub(crate) require_key: bool,
    pub(crate) store_server_errors: bool,
    pub(crate) own_credential: bool,
}

/// The least time between two words of a reader elsewhere.
const LEAST: Duration = Duration::from_millis(50);

impl Settings {
    /// How often those who read from elsewhere say so, and how often a writer asks for them; `None` where
    /// nobody has to know.
    pub(crate) fn attend_every(&self) -> Option<Duration> {
        self.when_unread.map(|patience| (patience.min(self.lease) / 3).max(LEAST))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key: Arc::new(|parts| key_of(&parts.headers, &IDEMPOTENCY_KEY)),
            tenant: Arc::new(tenant_of),
            ttl: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(15),
            max_answer: 4 << 20,
            max_body: 4 << 20,
            max_event: 1 << 20,
            max_running: 10_000,
            room: Room { events: 100, bytes: 256 << 10 },
            join_wait: Duration::from_secs(30),
            hold_head: Duration::from_secs(10),
            when_unread: None,
            on_concurrent: OnConcurrent::default(),
            on_unknown: OnUnknown::default(),
            after_crash: AfterCrash::default(),
            on_error: OnError::default(),
            require_key: false,
            store_server_errors: false,
            own_credential: false,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

/// Who asks, by the credential: a hash of it, and `local` where there is none. The same on every machine and
/// after every restart, for the answers outlive both.
///
/// Of several credentials in one request all count: which of them a chat API looks at is its own affair.
pub fn tenant_of(parts: &Parts) -> String {
    let names = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let credentials = names.iter().flat_map(|name| parts.headers.get_all(*name));
    let mut tokens: Vec<&[u8]> =
        credentials.map(|credential| credential_token(credential.as_bytes())).collect();
    tokens.sort_unstable();
    tokens.dedup();
    if tokens.is_empty() {
        return "local".to_owned();
    }
    let mut hash = Sha256::new_with_prefix("lastbyte tenant\0");
    for token in tokens {
        hash.update((token.len() as u64).to_be_bytes());
        hash.update(token);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What was done so far, for metrics. Each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answers that were asked for under a new key.
    pub opened: u64,
    /// Requests that got the answer of one that was running.
    pub joined: u64,
    /// Requests that got an answer that had ended.
    pub replayed: u64,
    /// Answers that were taken over from a writer that had died.
    pub taken_over: u64,
    /// Keys that were set free, because nothing was answered.
    pub released: u64,
    /// Answers that somebody else went on with, or ended, while they were written here.
    pub fenced: u64,
    /// Requests under a key that passed without the guarantee, because the store was away.
    pub degraded: u64,
    /// Requests that were refused because the store was away.
    pub refused: u64,
    /// Answers that are written now.
    pub running: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opened: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) replayed: AtomicU64,
    pub(crate) taken_over: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) fenced: AtomicU64,
    pub(crate) degraded: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Counts {
    pub(crate) fn totals(&self, running: usize) -> Totals {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            opened: get(&self.opened),
            joined: get(&self.joined),
            replayed: get(&self.replayed),
            taken_over: get(&self.taken_over),
            released: get(&self.released),
            fenced: get(&self.fenced),
            degraded: get(&self.degraded),
            refused: get(&self.refused),
            running: running as u64,
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
