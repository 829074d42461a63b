//! A chat call through the layers, and everything that is decided once per call.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use lastbyte::backpressure::Charge;
use lastbyte::breaker::{Circuits, Mode, State, Status};
use lastbyte::core::{Ask, Attempts, Deadline, Dialect, Ending, Refusal, RefusedBy, TransportFault};
use lastbyte::guard::SealLayer;
use lastbyte::idempotency::{IdempotencyLayer, RequestBody};
use lastbyte::quota::{QuotaLayer, load_tokenizers};
use lastbyte::redact::mask::MaskLayer;
use lastbyte::redact::tower::{QuestionsLayer, Show};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceBuilder, ServiceExt, service_fn};

use crate::calls::{Calls, Came};
use crate::config::{Config, Redact};
use crate::drain::Drain;
use crate::journal::Store;
use crate::places::Places;
use crate::quotas::Kept;
use crate::stats::Stats;
use crate::upstream;

/// What answers a reader's request whose body was read.
type Readers = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, legacy::Error>;

/// The id that we gave a request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

impl RequestId {
    pub(crate) fn new() -> Self {
        let id = format!("req_{:032x}", fastrand::u128(..));
        Self(HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("req_0")))
    }
}

/// What all readers share.
#[derive(Debug)]
pub(crate) struct Proxy {
    config: Config,
    calls: Arc<Calls>,
    readers: Readers,
    pub(crate) answers: IdempotencyLayer,
    pub(crate) places: Places,
    pub(crate) quota: QuotaLayer<Kept>,
    pub(crate) mask: Option<MaskLayer>,
    pub(crate) stats: Stats,
    pub(crate) drain: Drain,
}

impl Proxy {
    pub(crate) fn new(config: Config, store: &Store, drain: Drain) -> Result<Self, String> {
        let places = Places::new(&config);
        let quota =
            QuotaLayer::with_quotas(Kept::new(&config, store)).with_max_event(config.stream.max_event);
        if config.quota.tokens_per_minute > 0 {
            load_tokenizers();
        }
        let mask = config
            .redact
            .mask()?
            .map(|mask| mask.with_max_body(config.max_body).with_max_event(config.stream.max_event));
        let calls = Arc::new(Calls::new(&config, &places, &quota, mask.as_ref())?);
        // Without a key of its own, the gateway needs the readers'.
        let answers = config.idempotency.builder(&config).with_own_credential(calls.has_key());
        let answers = answers.build(store.journal());
        let questions = questions(&config)?;
        let readers = readers(&config, questions, &answers, &calls, &drain);
        let stats = Stats::default();
        Ok(Self { calls, readers, answers, places, quota, mask, stats, drain, config })
    }

    /// Takes over the answers that others have left behind, for ever.
    pub(crate) async fn take_care(&self) {
        let calls = self.calls.clone();
        let service =
            service_fn(move |request: Request<RequestBody<Full<Bytes>>>| calls.clone().call(request));
        self.answers.layer(service).take_care().await;
    }

    /// Where calls go.
    pub(crate) fn upstream(&self) -> &http::Uri {
        &self.config.upstream.url
    }

    pub(crate) fn redact(&self) -> &Redact {
        &self.config.redact
    }

    pub(crate) fn has_key(&self) -> bool {
        self.calls.has_key()
    }

    /// What each circuit does, by the name of its upstream.
    pub(crate) fn circuits(&self) -> Vec<(Box<str>, Status)> {
        let mut all: Vec<_> = self.calls.circuits.iter().flat_map(Circuits::status).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Changes who decides, for one circuit or for all. `false` where there is none of that name.
    pub(crate) fn set_breaker(&self, mode: Mode, upstream: Option<&str>) -> bool {
        let Some(name) = upstream else {
            self.calls.circuits.iter().for_each(|circuits| circuits.set_mode(mode));
            return true;
        };
        // Not `any`: a name may be in several.
        self.calls.circuits.iter().filter(|circuits| circuits.set_mode_of(name, mode)).count() > 0
    }

    /// Writes a line for each circuit that opens or closes, for ever.
    pub(crate) async fn log_circuits(&self) {
        let mut changes: Vec<_> = self.calls.circuits.iter().map(Circuits::changes).collect();
        let mut known: HashMap<Box<str>, State> = HashMap::new();
        loop {
            let changed = changes.iter_mut().map(|changes| Box::pin(changes.changed()));
            let _ = futures_util::future::select_all(changed).await;
            let all = self.circuits();
            known.retain(|name, _| all.iter().any(|(other, _)| other == name));
            for (name, Status { state, successes, failures, slow, open_for, .. }) in all {
                if known.insert(name.clone(), state) == Some(state) {
                    continue;
                }
                let open_ms = open_for.map(|left| left.as_millis() as u64);
                match state {
                    State::Open => tracing::warn!(upstream = %name, open_ms, "the circuit opened"),
                    state => {
                        tracing::info!(upstream = %name, successes, failures, slow, "the circuit is {state:?}")
                    }
                }
            }
        }
    }

    /// Answers a request to `/v1/…`.
    pub(crate) async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let came = Instant::now();
        if let Some(normal) = upstream::normal(request.uri()) {
            *request.uri_mut() = normal;
        }
        let mut ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        if *request.method() == Method::GET && request.uri().path().starts_with("/v1/answers/") {
            // It may be a stream, whose reader is told of its end like any other's.
            ask = Ask { dialect: Some(Dialect::OpenAiChat), stream: None, body: true };
        }
        let tenant = self.calls.tenant(request.headers(), ask.dialect);
        let deadline = Deadline::of(request.headers(), came, self.config.timeouts.total);
        request.extensions_mut().insert(tenant);
        request.extensions_mut().insert(deadline);

        let attempts = Attempts::default();
        let (proxy, counted) = (self.clone(), attempts.clone());
        let call = service_fn(move |request| {
            let (proxy, attempts) = (proxy.clone(), counted.clone());
            async move {
                let answered = proxy.call(request, ask, came, attempts).await;
                Ok(answered.unwrap_or_else(|refusal| refusal.dialect(ask.dialect).into_response()))
            }
        });
        // Inside of the watchdog: the line of a reader that stopped is written when it is let go.
        let logged = service_fn(|request| {
            let (begun, call) = (self.stats.begin(attempts.clone()), call.clone());
            async { Ok(begun.answer(self.places.admit(request, call).await)) }
        });
        self.places.watch(request, logged).await
    }

    async fn call(
        &self,
        request: Request<Body>,
        ask: Ask,
        came: Instant,
        attempts: Attempts,
    ) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = request.into_parts();
        let limit = Deadline::of(&head.headers, came, self.config.timeouts.total);
        let (body, share) =
            tokio::time::timeout_at(limit.at, self.read(&head.headers, body)).await.map_err(|_| {
                let message = "the request's body did not come in time";
                Refusal::new(StatusCode::REQUEST_TIMEOUT, RefusedBy::Limits, "request_timeout", message)
            })??;

        head.extensions.insert(ask.read(&body));
        head.extensions.insert(Came(came));
        head.extensions.insert(attempts.clone());
        // An answer under a key outlives its reader, and so does its request.
        let share = Arc::new(share);
        head.extensions.insert(share.clone());

        let request = Request::from_parts(head, Full::new(body));
        let answered = tokio::select! {
            answered = self.readers.clone().oneshot(request) => answered,
            () = self.drain.interrupted() => {
                return Err(Refusal::failed(Ending::Interrupted).attempts(attempts.count()));
            }
        };
        let keep = |mut response: Response<Body>| {
            // Until the last byte: the request may be sent once more until then.
            response.extensions_mut().insert(share);
            response
        };
        answered.map(keep).map_err(|error| {
            let kind = TransportFault::of_any(&error).kind;
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, source, "the upstream gave no answer");
            // Our attempts are spent, and an SDK that begins anew would multiply them.
            Refusal::failed(Ending::Failed { kind }).should_retry(false).attempts(attempts.count())
        })
    }

    /// The whole body of a request: it has to be there for the next attempt. And its share of the memory.
    async fn read(&self, headers: &http::HeaderMap, mut body: Body) -> Result<(Bytes, Charge), Refusal> {
        let max = self.config.max_body;
        let refuse = |status, code, message| Refusal::new(status, RefusedBy::Limits, code, message);
        let too_large = || {
            let message = format!("the request's body is larger than {max} bytes (max_body)");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
        };
        let told =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if told.is_some_and(|told| told > max as u64) {
            return Err(too_large());
        }
        let mut share = self.places.share();
        let mut read = BytesMut::new();
        loop {
            let frame = tokio::time::timeout(self.config.backpressure.stall_timeout, body.frame()).await;
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => return Ok((read.freeze(), share)),
                Ok(Some(Err(error))) => {
                    let message = format!("the request's body could not be read: {error}");
                    return Err(refuse(StatusCode::BAD_REQUEST, "invalid_body", message));
                }
                Err(_) => {
                    let message = "nothing more came of the request's body".to_owned();
                    return Err(refuse(StatusCode::REQUEST_TIMEOUT, "request_timeout", message));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            if read.len() + data.len() > max {
                return Err(too_large());
            }
            if !share.resize(read.len() + data.len()) {
                let message = "there is no memory for this request at the moment; try again in a moment";
                return Err(Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    RefusedBy::Admission,
                    "memory_budget",
                    message,
                )
                .retry_after(Some(Duration::from_secs(1))));
            }
            read.extend_from_slice(&data);
        }
    }
}

/// What logs questions.
fn questions(config: &Config) -> Result<QuestionsLayer, String> {
    let redactor = match config.log.questions {
        // The marks are those of the rest of the log.
        Show::Redacted => config.redact.redactor()?,
        _ => config.redact.digests()?,
    };
    let questions = QuestionsLayer::new(redactor).with_show(config.log.questions);
    Ok(questions.with_max_event(config.stream.max_event))
}

/// The layers around a reader's request, outermost first: what is one reader's own, and the journal.
fn readers(
    config: &Config,
    questions: QuestionsLayer,
    answers: &IdempotencyLayer,
    calls: &Arc<Calls>,
    drain: &Drain,
) -> Readers {
    let seal = SealLayer::new()
        .with_heartbeat(config.stream.heartbeat)
        .with_seal(config.stream.seal)
        .with_stall_timeout(config.backpressure.stall_timeout)
        .with_max_event(config.stream.max_event);
    let (drain, calls) = (drain.clone(), calls.clone());
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(seal)
        .map_response(move |response| drain.watch(response))
        // Inside of the seal, whose heartbeats and error event are no part of an answer; outside of the journal, so
        // that whoever gets an answer again has a line of its own.
        .layer(questions)
        .layer(answers.clone())
        .service(service_fn(move |request| calls.clone().call(request)));
    BoxCloneSyncService::new(service)
}

/// The answer where there is nothing, in the chat API's own shape.
pub(crate) fn nothing(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let error = serde_json::json!({"error": {
        "message": message, "type": "invalid_request_error", "param": null, "code": code,
    }});
    let mut response = Response::new(Body::from(error.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
