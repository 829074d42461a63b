//! A call to the chat API, through everything that belongs to a call: what stands behind the journal.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use lastbyte::backpressure::Charge;
use lastbyte::breaker::{BreakerLayer, Circuits, Mode};
use lastbyte::core::{
    Ask, Attempts, Deadline, Dialect, Refusal, RefusedBy, Tenant, UpstreamKey, credential_token,
};
use lastbyte::guard::GuardLayer;
use lastbyte::idempotency::tenant_of;
use lastbyte::quota::{Key, QuotaLayer, Quotas as _, Wanted};
use lastbyte::redact::mask::{MaskLayer, MaskedBody};
use lastbyte::retry::splice::Settings;
use lastbyte::retry::{Backoff, RetryLayer};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::config::{Config, Timeouts};
use crate::places::Places;
use crate::proxy::RequestId;
use crate::quotas::Kept;
use crate::tenants::Tenants;
use crate::upstream::{self, Client};

/// The longest name of a model, in bytes.
const MAX_MODEL: usize = 256;

type Stack = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, legacy::Error>;

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Calls {
    config: Config,
    key: Option<HeaderValue>,
    stack: (Stack, Timeouts),
    models: HashMap<String, (Stack, Timeouts)>,
    tenants: Tenants,
    /// Whether the quota is shared with others, who do not know that number.
    shares_quota: bool,
    /// Those of each stack.
    pub(crate) circuits: Vec<Circuits>,
}

impl Calls {
    pub(crate) fn new(
        config: &Config,
        places: &Places,
        quota: &QuotaLayer<Kept>,
        mask: Option<&MaskLayer>,
    ) -> Result<Self, String> {
        let client = upstream::client(config).map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let key = config.api_key().map(|key| HeaderValue::from_str(&key)).transpose();
        let mut key = key.map_err(|_| "upstream.api_key_env: the key is no header value".to_owned())?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        let shares_quota = quota.quotas().is_shared() && !quota.quotas().is_unlimited();
        let mut circuits = Vec::new();
        let mut with = |timeouts: Timeouts| {
            let breaker = BreakerLayer::new(config.breaker.policy(timeouts, config.timeouts));
            let breaker = breaker.with_max_event(config.stream.max_event);
            if !config.breaker.enabled {
                breaker.circuits().set_mode(Mode::Closed);
            }
            circuits.push(breaker.circuits());
            let attempts = attempts(config, timeouts, breaker, places, client.clone());
            (stack(quota, mask, attempts), timeouts)
        };
        let stack = with(config.timeouts);
        let models = config.models.iter();
        let models = models.map(|(name, own)| (name.clone(), with(own.over(config.timeouts)))).collect();
        Ok(Self {
            key,
            stack,
            models,
            tenants: Tenants::new(config),
            shares_quota,
            circuits,
            config: config.clone(),
        })
    }

    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Who asks, as far as its credential tells: a number that says nothing about it.
    pub(crate) fn tenant(&self, headers: &HeaderMap, dialect: Option<Dialect>) -> Tenant {
        // The one that an API of that kind looks at comes first.
        let names = match dialect {
            Some(Dialect::Anthropic) => ["x-api-key", "authorization", "api-key"],
            _ => ["authorization", "api-key", "x-api-key"],
        };
        let credential = names.iter().find_map(|name| headers.get(*name));
        Tenant(
            credential.map_or(0, |credential| self.tenants.number(credential_token(credential.as_bytes()))),
        )
    }

    /// Makes the call that a reader's request asks for. The request may be one that somebody else has left
    /// behind: then it has no more than what is kept of one.
    pub(crate) async fn call<B>(self: Arc<Self>, request: Request<B>) -> Result<Response<Body>, legacy::Error>
    where
        B: HttpBody<Data = Bytes, Error = Infallible>,
    {
        let came = Instant::now();
        let (mut head, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let ask = Ask::of(&head).read(&body);
        let model = wanted_model(&body);
        let model = model.as_deref();
        let (stack, timeouts) = model.and_then(|model| self.models.get(model)).unwrap_or(&self.stack).clone();
        let tenant = match head.extensions.get::<Tenant>() {
            Some(tenant) => *tenant,
            None => self.tenant(&head.headers, ask.dialect),
        };
        head.extensions.insert(tenant);
        if self.shares_quota {
            let name = tenant_of(&head);
            head.extensions.insert(Key::named(name));
        }
        head.extensions.insert(self.upstream_key(tenant, model.unwrap_or_default()));
        if self.config.quota.tokens_per_minute > 0 && is_json(&head.headers) {
            head.extensions.insert(Wanted::read(ask.dialect, &body));
        }
        let came = head.extensions.get::<Came>().map_or(came, |came| came.0);
        let deadline = Deadline::of(&head.headers, came, timeouts.total);
        head.uri = match upstream::target(&self.config.upstream.url, &head.uri) {
            Ok(uri) => uri,
            Err(why) => {
                let refusal = Refusal::new(StatusCode::BAD_REQUEST, RefusedBy::Limits, "invalid_path", why);
                return Ok(refusal.dialect(ask.dialect).into_response());
            }
        };
        let id = head.extensions.get::<RequestId>().map_or_else(|| RequestId::new().0, |id| id.0.clone());
        upstream::request_headers(&mut head.headers, &ask, self.key.as_ref(), &id);
        head.extensions.insert(ask);
        head.extensions.insert(deadline);
        if head.extensions.get::<Attempts>().is_none() {
            head.extensions.insert(Attempts::default());
        }
        let share = head.extensions.get::<Arc<Charge>>().cloned();
        let mut response = stack.oneshot(Request::from_parts(head, Full::new(body))).await?;
        if let Some(share) = share {
            // Until the last byte: who reads the answer holds its head as long.
            response.extensions_mut().insert(share);
        }
        Ok(response)
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

/// When a reader's request came, in its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came(pub(crate) Instant);

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

/// The layers around a call, outermost first: what is counted of it, and what the chat API does not see of it.
fn stack<S>(quota: &QuotaLayer<Kept>, mask: Option<&MaskLayer>, attempts: S) -> Stack
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body>, Error = legacy::Error>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let counted = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(quota.clone());
    let Some(mask) = mask else { return BoxCloneSyncService::new(counted.service(attempts)) };
    let masked = counted.map_response(|response: Response<_>| response.map(Body::new)).layer(mask.clone());
    BoxCloneSyncService::new(masked.service_fn(move |request: Request<MaskedBody<Full<Bytes>>>| {
        let attempts = attempts.clone();
        async move {
            let (head, body) = request.into_parts();
            // It is whole: it had to be read to be masked.
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            attempts.oneshot(Request::from_parts(head, Full::new(body))).await
        }
    }))
}

/// The layers around the attempts of a call, outermost first.
fn attempts(
    config: &Config,
    timeouts: Timeouts,
    breaker: BreakerLayer,
    places: &Places,
    client: Client,
) -> impl Service<Request<Full<Bytes>>, Response = Response<Body>, Error = legacy::Error, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
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
    ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(retry)
        .layer(breaker)
        .layer(places.upstream())
        .layer(guard)
        .map_request(upstream::outgoing)
        .map_response(upstream::incoming)
        .service(client)
}
