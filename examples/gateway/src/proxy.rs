//! A chat call through the layers, and everything that is decided once per call.

use std::collections::HashMap;
use std::error::Error as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use lastbyte::backpressure::Charge;
use lastbyte::breaker::{BreakerLayer, Circuits, Mode, State, Status};
use lastbyte::core::{
    Ask, Attempts, Deadline, Dialect, Ending, Refusal, RefusedBy, Tenant, TransportFault, UpstreamKey,
};
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::quota::{QuotaLayer, Wanted, load_tokenizers};
use lastbyte::retry::splice::Settings;
use lastbyte::retry::{Backoff, RetryLayer};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::config::{Config, Timeouts};
use crate::drain::Drain;
use crate::places::Places;
use crate::stats::Stats;
use crate::upstream::{self, Client};

/// The longest name of a model, in bytes.
const MAX_MODEL: usize = 256;

type Stack = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, legacy::Error>;

/// The id that we gave a request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Proxy {
    config: Config,
    key: Option<HeaderValue>,
    stack: (Stack, Timeouts),
    models: HashMap<String, (Stack, Timeouts)>,
    /// What credentials are hashed with: random, and gone with the process.
    tenants: RandomState,
    /// Those of each stack.
    circuits: Vec<Circuits>,
    pub(crate) places: Places,
    pub(crate) quota: QuotaLayer,
    pub(crate) stats: Stats,
    pub(crate) drain: Drain,
}

impl Proxy {
    pub(crate) fn new(config: Config, drain: Drain) -> Result<Self, String> {
        let client = upstream::client(&config).map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let key = config.api_key().map(|key| HeaderValue::from_str(&key)).transpose();
        let mut key = key.map_err(|_| "upstream.api_key_env: the key is no header value".to_owned())?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        let mut circuits = Vec::new();
        let places = Places::new(&config);
        let quota = QuotaLayer::new(config.quota.allowance()).with_max_event(config.stream.max_event);
        if config.quota.tokens_per_minute > 0 {
            load_tokenizers();
        }
        let mut with = |timeouts: Timeouts| {
            let breaker = BreakerLayer::new(config.breaker.policy(timeouts, config.timeouts));
            let breaker = breaker.with_max_event(config.stream.max_event);
            if !config.breaker.enabled {
                breaker.circuits().set_mode(Mode::Closed);
            }
            circuits.push(breaker.circuits());
            (stack(&config, timeouts, breaker, &places, &quota, client.clone(), &drain), timeouts)
        };
        let stack = with(config.timeouts);
        let models = config.models.iter();
        let models = models.map(|(name, own)| (name.clone(), with(own.over(config.timeouts)))).collect();
        let tenants = RandomState::new();
        Ok(Self {
            key,
            stack,
            models,
            tenants,
            circuits,
            places,
            quota,
            stats: Stats::default(),
            drain,
            config,
        })
    }

    /// Where calls go.
    pub(crate) fn upstream(&self) -> &http::Uri {
        &self.config.upstream.url
    }

    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// What each circuit does, by the name of its upstream.
    pub(crate) fn circuits(&self) -> Vec<(Box<str>, Status)> {
        let mut all: Vec<_> = self.circuits.iter().flat_map(Circuits::status).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Changes who decides, for one circuit or for all. `false` where there is none of that name.
    pub(crate) fn set_breaker(&self, mode: Mode, upstream: Option<&str>) -> bool {
        let Some(name) = upstream else {
            self.circuits.iter().for_each(|circuits| circuits.set_mode(mode));
            return true;
        };
        // Not `any`: a name may be in several.
        self.circuits.iter().filter(|circuits| circuits.set_mode_of(name, mode)).count() > 0
    }

    /// Writes a line for each circuit that opens or closes, for ever.
    pub(crate) async fn log_circuits(&self) {
        let mut changes: Vec<_> = self.circuits.iter().map(Circuits::changes).collect();
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
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let tenant = self.tenant(request.headers(), ask.dialect);
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

        let ask = ask.read(&body);
        let model = wanted_model(&body);
        let (stack, timeouts) =
            model.as_deref().and_then(|model| self.models.get(model)).unwrap_or(&self.stack).clone();
        let tenant = Tenant::of(&head.extensions);
        head.extensions.insert(self.upstream_key(tenant, model.as_deref().unwrap_or_default()));
        if self.config.quota.tokens_per_minute > 0 && is_json(&head.headers) {
            head.extensions.insert(Wanted::read(ask.dialect, &body));
        }
        let deadline = Deadline::of(&head.headers, came, timeouts.total);
        let refuse = |why: &str| {
            Refusal::new(StatusCode::BAD_REQUEST, RefusedBy::Limits, "invalid_path", why.to_owned())
        };
        head.uri = upstream::target(&self.config.upstream.url, &head.uri).map_err(refuse)?;
        let id =
            head.extensions.get::<RequestId>().map_or(HeaderValue::from_static("none"), |id| id.0.clone());
        upstream::request_headers(&mut head.headers, &ask, self.key.as_ref(), &id);
        head.extensions.insert(ask);
        head.extensions.insert(deadline);
        head.extensions.insert(attempts.clone());

        let request = Request::from_parts(head, Full::new(body));
        let answered = tokio::select! {
            answered = stack.oneshot(request) => answered,
            () = self.drain.interrupted() => {
                return Err(Refusal::failed(Ending::Interrupted).attempts(attempts.count()));
            }
        };
        let keep = |mut response: Response<Body>| {
            // Until the last byte: the request may be sent once more until then.
            response.extensions_mut().insert(Arc::new(share));
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

    /// Who asks, as far as its credential tells: a number that says nothing about it.
    fn tenant(&self, headers: &http::HeaderMap, dialect: Option<Dialect>) -> Tenant {
        // The one that an API of that kind looks at comes first.
        let names = match dialect {
            Some(Dialect::Anthropic) => ["x-api-key", "authorization", "api-key"],
            _ => ["authorization", "api-key", "x-api-key"],
        };
        let credential = names.iter().find_map(|name| headers.get(*name));
        Tenant(credential.map_or(0, |credential| self.tenants.hash_one(token(credential.as_bytes()))))
    }

    /// Whose limits a call meets: providers count by model, and by the key that is sent to them.
    fn upstream_key(&self, tenant: Tenant, model: &str) -> UpstreamKey {
        if self.has_key() {
            UpstreamKey::new(model)
        } else {
            UpstreamKey::new(format!("{}/{model}", tenant.0))
        }
    }
}

/// A credential without its scheme, which may be spelt in many ways (RFC 9110 section 11.1).
fn token(credential: &[u8]) -> &[u8] {
    let credential = credential.trim_ascii();
    match credential.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii_start(),
        _ => credential,
    }
}

/// Whether a body is text that can be counted. One that does not say is taken to be.
fn is_json(headers: &http::HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().to_ascii_lowercase().windows(4).any(|part| part == b"json"))
}

/// The model that a request asks for.
fn wanted_model(body: &[u8]) -> Option<String> {
    let model: String = lastbyte::core::last_field(body, "model")?;
    // Names of models are short; what is longer is none, and would be kept.
    Some(model).filter(|model| model.len() <= MAX_MODEL)
}

/// The layers, outermost first.
fn stack(
    config: &Config,
    timeouts: Timeouts,
    breaker: BreakerLayer,
    places: &Places,
    quota: &QuotaLayer,
    client: Client,
    drain: &Drain,
) -> Stack {
    let seal = SealLayer::new()
        .with_heartbeat(config.stream.heartbeat)
        .with_seal(config.stream.seal)
        .with_stall_timeout(config.backpressure.stall_timeout)
        .with_max_event(config.stream.max_event);
    let retry = match RetryLayer::new().with_budget(config.retry.budget, config.retry.budget_floor) {
        Some(layer) => layer,
        None => RetryLayer::new(),
    };
    let retry = retry
        .with_pacing(config.retry.pacing)
        .with_hedge(config.retry.hedge)
        .with_splice(Settings {
            strategy: config.retry.mid_stream,
            continuation: config.upstream.continuation,
            max_request: config.max_body,
            max_event: config.stream.max_event,
            ..Settings::default()
        })
        .with_max_attempts(config.retry.max_attempts)
        .with_backoff(Backoff::new(config.retry.initial, config.retry.cap))
        .with_max_wait(config.retry.max_wait)
        .with_ambiguous(config.retry.ambiguous)
        .with_within(config.retry.within)
        .with_total(timeouts.total)
        .with_hold_head(config.stream.hold_head)
        .with_max_body(config.max_body)
        .with_max_event(config.stream.max_event);
    let guard = GuardLayer::new()
        .with_first_event(timeouts.first_event)
        .with_idle(timeouts.idle)
        .with_total(timeouts.total)
        .with_max_event(config.stream.max_event);
    let drain = drain.clone();
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(seal)
        .map_response(move |response| drain.watch(response))
        .layer(quota.clone())
        .layer(retry)
        .layer(breaker)
        .layer(places.upstream())
        .layer(guard)
        .map_request(upstream::outgoing)
        .map_response(upstream::incoming)
        .service(client);
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
