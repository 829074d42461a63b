use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::request::Parts;
use lastbyte_store::Journal;
use tower_layer::Layer;

use crate::core::{Core, Shared};
use crate::key::{KeyError, key_of};
use crate::service::Idempotency;
use crate::settings::{AfterCrash, OnConcurrent, OnError, OnUnknown, Settings, Totals};

/// Gives one paid answer to all requests under one key.
///
/// Clones share what is running: one layer, made once, can be put into several stacks.
#[derive(Clone, Debug)]
pub struct IdempotencyLayer(Arc<Shared>);

/// An [`IdempotencyLayer`] before its first use. See [`IdempotencyLayer::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder(Settings);

impl IdempotencyLayer {
    /// A layer over `journal`, with the defaults: see [`Builder`].
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self::builder().build(journal)
    }

    /// For other settings than the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What was done so far.
    pub fn totals(&self) -> Totals {
        let core = &self.0.core;
        core.counts.totals(core.running())
    }

    /// Waits until no answer is written here any more.
    pub async fn drained(&self) {
        let core = &self.0.core;
        loop {
            let left = core.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if core.running() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Hands over what is written here: every answer that has not ended can be taken over elsewhere at once,
    /// and readers here are told of [`Ending::Interrupted`](lastbyte_core::Ending::Interrupted). No more are
    /// begun, those that ask for one get 503; what has ended is still replayed.
    pub fn interrupt(&self) {
        self.0.core.interrupt();
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Idempotency<S>;

    fn layer(&self, inner: S) -> Idempotency<S> {
        Idempotency::new(inner, self.0.clone())
    }
}

impl Builder {
    /// The layer, over `journal`.
    pub fn build(mut self, journal: Arc<dyn Journal>) -> IdempotencyLayer {
        // What is running is not forgotten between two of its renewals.
        self.0.ttl = self.0.ttl.max(self.0.lease);
        IdempotencyLayer(Arc::new(Shared::new(Core::new(journal, self.0))))
    }

    /// The header that holds the key, instead of `Idempotency-Key`.
    pub fn with_header(self, name: HeaderName) -> Self {
        self.with_key(move |parts| key_of(&parts.headers, &name))
    }

    /// Where the key comes from: any function of a request's head. `None`: the request has no key.
    pub fn with_key(
        mut self,
        key: impl Fn(&Parts) -> Result<Option<String>, KeyError> + Send + Sync + 'static,
    ) -> Self {
        self.0.key = Arc::new(key);
        self
    }

    /// Whose key it is: a name that is the same on every machine and after a restart. A hash of the credential
    /// unless told otherwise ([`tenant_of`](crate::tenant_of)).
    pub fn with_tenant(mut self, tenant: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.0.tenant = Arc::new(tenant);
        self
    }

    /// Whether the service has a credential of its own, and needs none of its readers: then
    /// [`take_care`](crate::Idempotency::take_care) goes on with every answer. Without it those whose requests
    /// had a credential wait for their readers, since credentials are not kept.
    pub fn with_own_credential(mut self, own: bool) -> Self {
        self.0.own_credential = own;
        self
    }

    /// How long an answer is kept behind its last change: 24 h, as Stripe's keys.
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.0.ttl = ttl;
        self
    }

    /// How long the writer of an answer may be silent before somebody else goes on: 15 s.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.0.lease = lease;
        self
    }

    /// How many bytes an answer may have, 4 MiB; a larger one ends as `answer_too_large`.
    pub fn with_max_answer(mut self, bytes: usize) -> Self {
        self.0.max_answer = bytes;
        self
    }

    /// How many bytes the body of a request under a key may have, 4 MiB; a larger one is refused with 413.
    pub fn with_max_body(mut self, bytes: usize) -> Self {
        self.0.max_body = bytes;
        self
    }

    /// How many bytes one event may have, 1 MiB, where no layer further in watches the body already.
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.0.max_event = bytes;
        self
    }

    /// How many answers may be written here at once, 10 000; more are refused with 503.
    pub fn with_max_running(mut self, answers: usize) -> Self {
        self.0.max_running = answers;
        self
    }

    /// How far a reader may lag before it reads from the store: 100 events and 256 KiB.
    pub fn with_buffer(mut self, events: usize, bytes: usize) -> Self {
        self.0.room = crate::running::Room { events, bytes };
        self
    }

    /// How long a request waits that wants no stream and finds its answer running, before it is told 409: 30 s.
    pub fn with_join_wait(mut self, wait: Duration) -> Self {
        self.0.join_wait = wait;
        self
    }

    /// How long the head of a stream is waited for that somebody else has asked for, 10 s; then the reader gets
    /// 200, and what still fails is told inside the stream.
    pub fn with_hold_head(mut self, hold: Duration) -> Self {
        self.0.hold_head = hold;
        self
    }

    /// After how long without a reader an answer is cancelled; `None`, unless told otherwise: it is finished.
    pub fn with_when_unread(mut self, after: Option<Duration>) -> Self {
        self.0.when_unread = after;
        self
    }

    /// What becomes of a request whose answer is running.
    pub fn with_on_concurrent(mut self, policy: OnConcurrent) -> Self {
        self.0.on_concurrent = policy;
        self
    }

    /// What becomes of an answer that may have been billed, and of which nothing came back.
    pub fn with_on_unknown(mut self, policy: OnUnknown) -> Self {
        self.0.on_unknown = policy;
        self
    }

    /// What becomes of an answer whose writer died behind its first content.
    pub fn with_after_crash(mut self, policy: AfterCrash) -> Self {
        self.0.after_crash = policy;
        self
    }

    /// What becomes of requests under a key while the store is away.
    pub fn with_on_error(mut self, policy: OnError) -> Self {
        self.0.on_error = policy;
        self
    }

    /// Whether a `POST` without a key is refused with 400; they pass unless told otherwise.
    pub fn with_require_key(mut self, require: bool) -> Self {
        self.0.require_key = require;
        self
    }

    /// Whether a 5xx of the chat API is kept and replayed, as Stripe's first version does. It is not, unless
    /// told otherwise: nothing was generated, and the next try may well work.
    pub fn with_store_server_errors(mut self, store: bool) -> Self {
        self.0.store_server_errors = store;
        self
    }
}
