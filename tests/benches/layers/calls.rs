//! What a layer adds to one call: from the request to the last byte of a short answer.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use lastbyte::backpressure::AdmissionLayer;
use lastbyte::breaker::BreakerLayer;
use lastbyte::core::{Ask, Watch, Watched};
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::quota::{Allowance, QuotaLayer};
use lastbyte::retry::{MaxAttempts, RetryLayer};
use tower::{Service, ServiceBuilder};
use tower_resilience_bulkhead::{BulkheadLayer, BulkheadServiceError};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};
use tower_resilience_ratelimiter::{RateLimiterLayer, RateLimiterServiceError};
use tower_resilience_timelimiter::{TimeLimiterError, TimeLimiterLayer};

use crate::requests::{Answer, Bare, Paced, drain, prepare};
use crate::rounds::{Subject, sample};

/// Small enough for the requests of a batch to stay in the nearest caches.
const BATCH: usize = 32;

pub(crate) const BARE: &str = "bare service";
pub(crate) const WATCHED: &str = "watched service";
pub(crate) const GUARD_SEAL: &str = "seal + guard";
pub(crate) const RETRY: &str = "retry, no pacing, no budget";
pub(crate) const RETRY_ONCE: &str = "the same, 1 attempt allowed";
pub(crate) const RETRY_GUARD: &str = "the same + guard";
pub(crate) const STACK: &str = "seal + retry, as it comes, + guard";
pub(crate) const PEERS: &str = "tower-resilience retry + time limiter";
pub(crate) const GUARD: &str = "guard";
pub(crate) const FOUR: &str = "quota + breaker + permit + guard";
pub(crate) const FIVE: &str = "quota + retry, no pacing, no budget, + breaker + permit + guard";
pub(crate) const PEERS_FOUR: &str = "tower-resilience retry + breaker + bulkhead + rate limiter";
pub(crate) const COPY: &str = "HeaderMap: clone and drop";

type Req = Request<Full<Bytes>>;
type Res = Response<Paced>;

/// The subjects of one table.
pub(crate) fn subjects(request: &Req, answer: Answer) -> Vec<Subject> {
    let headers = request.headers().clone();
    vec![
        subject(BARE, Bare, request, answer),
        subject(WATCHED, tower::service_fn(watched), request, answer),
        subject(GUARD, ServiceBuilder::new().layer(GuardLayer::new()).service(Bare), request, answer),
        subject("seal", ServiceBuilder::new().layer(SealLayer::new()).service(Bare), request, answer),
        subject(
            GUARD_SEAL,
            ServiceBuilder::new().layer(SealLayer::new()).layer(GuardLayer::new()).service(Bare),
            request,
            answer,
        ),
        subject(RETRY, ServiceBuilder::new().layer(alone()).service(Bare), request, answer),
        subject(
            "retry, as it comes",
            ServiceBuilder::new().layer(RetryLayer::new()).service(Bare),
            request,
            answer,
        ),
        subject(RETRY_ONCE, ServiceBuilder::new().layer(once()).service(Bare), request, answer),
        subject(
            RETRY_GUARD,
            ServiceBuilder::new().layer(alone()).layer(GuardLayer::new()).service(Bare),
            request,
            answer,
        ),
        subject(
            STACK,
            ServiceBuilder::new()
                .layer(SealLayer::new())
                .layer(RetryLayer::new())
                .layer(GuardLayer::new())
                .service(Bare),
            request,
            answer,
        ),
        subject(
            "tower-resilience retry",
            ServiceBuilder::new().layer(peer_retry::<Infallible>()).service(Bare),
            request,
            answer,
        ),
        subject(
            "tower-resilience time limiter",
            ServiceBuilder::new().layer(peer_limit()).service(Bare),
            request,
            answer,
        ),
        subject(
            PEERS,
            ServiceBuilder::new()
                .layer(peer_retry::<TimeLimiterError<Infallible>>())
                .layer(peer_limit())
                .service(Bare),
            request,
            answer,
        ),
        subject("breaker", ServiceBuilder::new().layer(breaker()).service(Bare), request, answer),
        subject("permit", ServiceBuilder::new().layer(permit()).service(Bare), request, answer),
        subject("quota", ServiceBuilder::new().layer(quota()).service(Bare), request, answer),
        subject(
            "quota, without its headers",
            ServiceBuilder::new().layer(quota().with_headers(false)).service(Bare),
            request,
            answer,
        ),
        subject(FOUR, four(quota()), request, answer),
        subject("the same, without the quota's headers", four(quota().with_headers(false)), request, answer),
        subject(
            FIVE,
            ServiceBuilder::new()
                .layer(quota())
                .layer(alone())
                .layer(breaker())
                .layer(permit())
                .layer(GuardLayer::new())
                .service(Bare),
            request,
            answer,
        ),
        subject(
            "tower-resilience breaker",
            ServiceBuilder::new().layer(peer_breaker()).service(Bare),
            request,
            answer,
        ),
        subject(
            "tower-resilience bulkhead",
            ServiceBuilder::new().layer(peer_bulkhead()).service(Bare),
            request,
            answer,
        ),
        subject(
            "tower-resilience rate limiter",
            ServiceBuilder::new().layer(peer_rate()).service(Bare),
            request,
            answer,
        ),
        subject(
            PEERS_FOUR,
            ServiceBuilder::new()
                .layer(peer_retry::<
                    CircuitBreakerError<BulkheadServiceError<RateLimiterServiceError<Infallible>>>,
                >())
                .layer(peer_breaker())
                .layer(peer_bulkhead())
                .layer(peer_rate())
                .service(Bare),
            request,
            answer,
        ),
        Subject::new(COPY, move || {
            sample(BATCH, || {
                for _ in 0..BATCH {
                    drop(black_box(headers.clone()));
                }
            })
        }),
    ]
}

/// The bare service with its answers watched, and nothing else: what it takes to read a stream.
async fn watched(request: Req) -> Result<Response<Watched<Paced>>, Infallible> {
    let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
    Bare.call(request).await.map(|response| Watch::default().strict().response(&ask, response))
}

/// What each call has for itself, as the peers have it.
fn alone() -> RetryLayer {
    RetryLayer::new().with_pacing(false).without_budget()
}

fn once() -> RetryLayer {
    alone().with_max_attempts(MaxAttempts::new(1).unwrap())
}

fn peer_retry<E: Send + 'static>() -> tower_resilience_retry::RetryLayer<Req, Res, E> {
    tower_resilience_retry::RetryLayer::builder()
        .max_attempts(5)
        .exponential_backoff(Duration::from_secs(1))
        .retry_on_response(|response: &Res| response.status().is_server_error())
        .build()
}

/// What stands around a call where nothing is asked again.
fn four(quota: QuotaLayer) -> impl Service<Req, Response = Response<impl Body>> {
    ServiceBuilder::new().layer(quota).layer(breaker()).layer(permit()).layer(GuardLayer::new()).service(Bare)
}

fn breaker() -> BreakerLayer {
    BreakerLayer::default()
}

fn permit() -> AdmissionLayer {
    AdmissionLayer::per_upstream(1_000)
}

/// Both limits, and more than the benchmark uses.
fn quota() -> QuotaLayer {
    QuotaLayer::new(Allowance::new().with_requests_per_minute(u32::MAX).with_tokens_per_minute(u32::MAX))
}

fn peer_breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100).build().unwrap()
}

fn peer_bulkhead() -> BulkheadLayer {
    BulkheadLayer::builder().max_concurrent_calls(1_000).build().unwrap()
}

fn peer_rate() -> RateLimiterLayer {
    RateLimiterLayer::builder()
        .limit_for_period(usize::MAX / 2)
        .refresh_period(Duration::from_secs(60))
        .build()
        .unwrap()
}

fn peer_limit() -> TimeLimiterLayer {
    TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(600)).build()
}

fn subject<S, B>(name: &str, mut service: S, request: &Req, answer: Answer) -> Subject
where
    S: Service<Req, Response = Response<B>> + 'static,
    B: Body,
{
    let request = request.clone();
    Subject::new(name, move || {
        let requests: Vec<Req> = (0..BATCH).map(|_| request.clone()).collect();
        prepare((0..BATCH).map(|_| answer.response()));
        sample(BATCH, || requests.into_iter().for_each(|request| call(&mut service, request)))
    })
}

/// One call, from the request to the end of the answer's body.
fn call<S, B>(service: &mut S, request: Req)
where
    S: Service<Req, Response = Response<B>>,
    B: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    let _ = black_box(service.poll_ready(&mut cx));
    let mut future = pin!(service.call(black_box(request)));
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(response)) => {
                let (head, body) = response.into_parts();
                drain(body);
                return drop(black_box(head));
            }
            Poll::Ready(Err(_)) => panic!("the chat API answers"),
            Poll::Pending => {}
        }
    }
}
