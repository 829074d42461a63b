//! What is known of an answer at its last byte: one line in the log, and the counters of `/stats`.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use lastbyte::backpressure::Charge;
use lastbyte::core::{Attempts, Blame, Ending, EndingHandle};
use pin_project_lite::pin_project;
use serde::Serialize;
use tokio::time::Instant;
use tracing::Span;

/// Counts since the start.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    counts: Arc<Mutex<Counts>>,
    since: Instant,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Calls of readers to the chat API.
    pub(crate) requests: u64,
    /// Calls that have not ended.
    pub(crate) active: u64,
    /// Attempts upstream of calls that ended.
    pub(crate) attempts: u64,
    /// Bytes of the bodies of answers that ended.
    pub(crate) bytes: u64,
    /// Calls by how they ended.
    pub(crate) endings: BTreeMap<&'static str, u64>,
    /// Those that were refused, by what refused them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Default for Stats {
    fn default() -> Self {
        Self { counts: Arc::default(), since: Instant::now() }
    }
}

impl Stats {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// How long it has been counted.
    pub(crate) fn up(&self) -> Duration {
        self.since.elapsed()
    }

    /// A call that has come; it is counted out, and logged, when what this returns is dropped.
    pub(crate) fn begin(&self, attempts: Attempts) -> Call {
        let mut counts = self.lock();
        counts.requests += 1;
        counts.active += 1;
        Call {
            stats: self.clone(),
            attempts,
            begun: Instant::now(),
            bytes: 0,
            head: None,
            share: None,
            span: Span::current(),
        }
    }
}

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Call {
    stats: Stats,
    attempts: Attempts,
    begun: Instant,
    bytes: u64,
    /// The status, and how the answer ends; `None` where the reader left before the head.
    head: Option<(u16, Option<EndingHandle>)>,
    /// What its request holds of the memory.
    share: Option<Arc<Charge>>,
    span: Span,
}

impl Call {
    /// Goes on in the body of `response`.
    pub(crate) fn answer(mut self, mut response: Response<Body>) -> Response<Body> {
        self.share = response.extensions_mut().remove::<Arc<Charge>>();
        let handle = response.extensions().get::<EndingHandle>().cloned();
        self.head = Some((response.status().as_u16(), handle));
        response.map(|inner| Body::new(AccessBody { inner, call: self }))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (status, handle) = self.head.take().unwrap_or((499, None));
        let ending = match &handle {
            Some(handle) => handle.ending().cloned(),
            None => Some(Ending::Abandoned),
        };
        let name = ending.as_ref().map_or("unknown", Ending::name);
        let attempts = self.attempts.count();
        {
            let mut counts = self.stats.lock();
            counts.active = counts.active.saturating_sub(1);
            counts.attempts += u64::from(attempts);
            counts.bytes += self.bytes;
            *counts.endings.entry(name).or_default() += 1;
            if let Some(Ending::Refused { by }) = ending {
                *counts.refused.entry(by.as_str()).or_default() += 1;
            }
        }
        let _entered = self.span.enter();
        // 64 bits: a number of 128 is logged as a text.
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let bytes = self.bytes;
        let why = ending.as_ref().map_or_else(|| "nobody knows how it ended".to_owned(), ToString::to_string);
        // A reader who leaves, and a request that is wrong, are nothing to wake anybody for.
        let is_wrong = (400..500).contains(&status) && status != 429;
        match ending.map(|ending| (ending.blame(), ending)) {
            Some((_, Ending::Refused { .. })) if is_wrong => {
                tracing::info!(status, ending = name, attempts, bytes, ms, "{why}");
            }
            None | Some((Blame::Upstream | Blame::Us, _)) => {
                tracing::warn!(status, ending = name, attempts, bytes, ms, "{why}");
            }
            _ => tracing::info!(status, ending = name, attempts, bytes, ms, "{why}"),
        }
    }
}

pin_project! {
    /// Counts the bytes, and is there when the answer ends.
    struct AccessBody {
        // Before `call`: fields are dropped in this order, and the call looks at what the body reported.
        #[pin]
        inner: Body,
        call: Call,
    }
}

impl http_body::Body for AccessBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.call.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
