use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Tenant, Watch, is_encoded};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Level;

use super::Show;
use super::body::{RequestBody, ResponseBody};
use super::future::ResponseFuture;
use super::question::Question;
use super::record::Record;
use super::sample::Sample;
use crate::Redactor;

/// The target of the lines that [`QuestionsLayer`] logs.
pub const TARGET: &str = "lastbyte_redact::questions";

/// How much of a question is logged unless something else is said, in bytes: some eighty lines.
pub const MAX_QUESTION: usize = 4 * 1024;

/// How much of an answer's end is: where it broke off, and what it came to, stands in its last lines.
pub const MAX_ANSWER: usize = 1024;

/// The same bound that others put on an event.
const MAX_EVENT: usize = 1 << 20;

/// Logs each question and the end of its answer, as far as [`Show`] says, in one line at the answer's end.
#[derive(Clone)]
pub struct QuestionsLayer {
    config: Config,
    /// How many chat calls there were.
    count: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) redactor: Redactor,
    pub(super) show: Show,
    sample: Sample,
    max_question: usize,
    pub(super) max_answer: usize,
    pub(super) max_event: usize,
    watch: Watch,
}

impl QuestionsLayer {
    /// Digests of all questions. Their hashes have the key of `redactor`; without one there are none.
    #[must_use]
    pub fn new(redactor: Redactor) -> Self {
        let (show, sample) = (Show::Digest, Sample::all());
        let (max_question, max_answer, max_event) = (MAX_QUESTION, MAX_ANSWER, MAX_EVENT);
        let watch = Watch::default().strict();
        let config = Config { redactor, show, sample, max_question, max_answer, max_event, watch };
        Self { config, count: Arc::default() }
    }

    /// How much of them is logged.
    #[must_use]
    pub fn with_show(mut self, show: Show) -> Self {
        self.config.show = show;
        self
    }

    /// Logs a share of the calls, chosen at random, instead of all. `None` where it is not between 0 and 1.
    #[must_use]
    pub fn with_sample(mut self, share: f64) -> Option<Self> {
        self.config.sample = self.config.sample.share(share)?;
        Some(self)
    }

    /// Makes the choice the same in every run.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.config.sample = self.config.sample.seed(seed);
        self
    }

    /// How much of a question is shown, from its beginning, in bytes after redaction.
    #[must_use]
    pub fn with_max_question(mut self, bytes: usize) -> Self {
        self.config.max_question = bytes;
        self
    }

    /// How much of an answer is shown, up to its end, in bytes after redaction. Twice as much is kept while it passes.
    #[must_use]
    pub fn with_max_answer(mut self, bytes: usize) -> Self {
        self.config.max_answer = bytes;
        self
    }

    /// How large one event may be, in bytes: 1 MiB. Behind a larger one an answer is not looked at.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.config.max_event = bytes;
        self.config.watch = self.config.watch.max_event(bytes);
        self
    }

    /// Lets an event stream that breaks end as it comes, where it is held to its ending by default. For outside of a
    /// layer that tells of the break in an event, and ends the transport cleanly behind it.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.config.watch = self.config.watch.lenient();
        self
    }
}

impl fmt::Debug for QuestionsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuestionsLayer").field("show", &self.config.show).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for QuestionsLayer {
    type Service = Questions<S>;

    fn layer(&self, inner: S) -> Questions<S> {
        Questions { inner, layer: self.clone() }
    }
}

/// The service of [`QuestionsLayer`].
#[derive(Clone, Debug)]
pub struct Questions<S> {
    inner: S,
    layer: QuestionsLayer,
}

impl<S, A, B> Service<Request<A>> for Questions<S>
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let record = self.layer.record(&ask, &request);
        let question = record.as_ref().and_then(|record| record.question());
        let inner = self.inner.call(request.map(|body| RequestBody::new(body, question)));
        ResponseFuture::new(inner, ask, self.layer.config.watch, record)
    }
}

impl QuestionsLayer {
    /// What will be logged of a request; `None` where nothing will.
    fn record<A>(&self, ask: &Ask, request: &Request<A>) -> Option<Box<Record>> {
        let Config { redactor, show, sample, max_question, .. } = &self.config;
        // Where nobody listens there is nothing to be done.
        if *show == Show::Off || !tracing::enabled!(target: TARGET, Level::INFO) {
            return None;
        }
        let dialect = ask.dialect?;
        if !sample.takes(self.count.fetch_add(1, Ordering::Relaxed)) {
            return None;
        }
        let redactor = match Tenant::of(request.extensions()) {
            Tenant(0) => redactor.clone(),
            Tenant(tenant) => redactor.for_tenant(&format!("{tenant:016x}")),
        };
        let question = if is_encoded(request.headers()) {
            Err("compressed")
        } else {
            Ok(Arc::new(Mutex::new(Question::new(dialect, redactor.clone(), *show, *max_question))))
        };
        Some(Box::new(Record::new(dialect, Config { redactor, ..self.config.clone() }, question)))
    }
}
