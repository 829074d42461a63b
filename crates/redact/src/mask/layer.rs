use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Watch};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{Reading, ResponseFuture};
use super::{Counts, MaskedBody, Masker, ResponseBody, Totals, Unreadable};
use crate::{Key, Redactor};

/// How large a request is that is masked, in bytes: what the idempotency layer keeps of one by default, eight times a
/// prompt of 128,000 tokens.
const MAX_BODY: usize = 4 << 20;

/// How large an answer is that is not streamed.
const MAX_ANSWER: usize = 4 << 20;

/// Masks what goes to the chat API, and restores what comes back.
#[derive(Clone)]
pub struct MaskLayer {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Config,
}

/// What all services of a layer share.
pub(super) struct Shared {
    pub(super) masker: Masker,
    pub(super) totals: Counters,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    masked: AtomicU64,
    values: AtomicU64,
    refused: AtomicU64,
    passed: AtomicU64,
    restored: AtomicU64,
    lost: AtomicU64,
    unread: AtomicU64,
}

impl Counters {
    pub(super) fn mask(&self, values: usize) {
        self.masked.fetch_add(1, Ordering::Relaxed);
        self.values.fetch_add(values as u64, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answer(&self, counts: Counts) {
        self.restored.fetch_add(counts.restored, Ordering::Relaxed);
        self.lost.fetch_add(counts.lost, Ordering::Relaxed);
    }

    pub(super) fn unread(&self) {
        self.unread.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Config {
    pub(super) unreadable: Unreadable,
    pub(super) max_body: usize,
    pub(super) max_answer: usize,
    pub(super) max_event: usize,
    pub(super) watch: Watch,
}

impl MaskLayer {
    /// Masks what `redactor` finds, with stand-ins that only who has the key can tell from a value.
    #[must_use]
    pub fn new(redactor: Redactor, key: Key) -> Self {
        let config = Config {
            unreadable: Unreadable::Refuse,
            max_body: MAX_BODY,
            max_answer: MAX_ANSWER,
            max_event: 1 << 20,
            watch: Watch::default().strict(),
        };
        let shared = Shared { masker: Masker::new(redactor, key), totals: Counters::default() };
        Self { shared: Arc::new(shared), config }
    }

    /// What becomes of a request that cannot be masked; it is refused by default.
    #[must_use]
    pub fn with_unreadable(mut self, policy: Unreadable) -> Self {
        self.config.unreadable = policy;
        self
    }

    /// How large a request may be, in bytes; 4 MiB by default. A larger one cannot be masked.
    #[must_use]
    pub fn with_max_body(mut self, bytes: usize) -> Self {
        self.config.max_body = bytes;
        self
    }

    /// How large an answer may be that is not streamed, in bytes; 4 MiB by default. A larger one passes with its
    /// stand-ins.
    #[must_use]
    pub fn with_max_answer(mut self, bytes: usize) -> Self {
        self.config.max_answer = bytes;
        self
    }

    /// How large one event of an answer may be, in bytes; 1 MiB by default.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.config.max_event = bytes;
        self.config.watch = self.config.watch.max_event(bytes);
        self
    }

    /// What it has done so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let Counters { masked, values, refused, passed, restored, lost, unread } = &self.shared.totals;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            masked: load(masked),
            values: load(values),
            refused: load(refused),
            passed: load(passed),
            restored: load(restored),
            lost: load(lost),
            unread: load(unread),
        }
    }
}

impl fmt::Debug for MaskLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskLayer").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for MaskLayer {
    type Service = Mask<S>;

    fn layer(&self, inner: S) -> Mask<S> {
        Mask { inner, layer: self.clone() }
    }
}

/// The service of [`MaskLayer`].
#[derive(Clone, Debug)]
pub struct Mask<S> {
    inner: S,
    layer: MaskLayer,
}

impl<S, A, B> Service<Request<A>> for Mask<S>
where
    S: Service<Request<MaskedBody<A>>, Response = Response<B>> + Clone,
    A: Body<Data = Bytes> + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let Some(dialect) = ask.dialect else {
            return ResponseFuture::passing(
                self.inner.call(request.map(MaskedBody::passed)),
                ask,
                &self.layer,
            );
        };
        // What was made ready is what will be called.
        let next = self.inner.clone();
        let service = std::mem::replace(&mut self.inner, next);
        ResponseFuture::reading(Reading::new(service, request, dialect), ask, &self.layer)
    }
}
