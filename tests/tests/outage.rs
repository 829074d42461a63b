//! A known outage, replayed: calls ran in a chain of tasks with a pool of permits, one timeout that nobody
//! caught killed the chain and kept its permit, the pool filled, and calls that had nothing to do with it
//! froze behind it.
//!
//! Here some calls time out, break and panic in every place there is, through one stack, one pool and one
//! runtime; others, which nothing happens to, have to come out whole and in time, and everything has to be
//! given back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::retry::{Backoff, RetryLayer};
use lastbyte_mock::{Fault, Faults, Kind, Mock, MockConfig, expected_text};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceBuilder};

/// Permits for all; fewer than calls, so that a handful of lost ones would freeze everybody.
const PERMITS: usize = 8;
const NEIGHBOURS: usize = 48;
const VICTIMS: usize = 48;

/// A permit for a call, from its start to its last byte, and a panic on demand in the place of a real one.
#[derive(Clone)]
struct Pool(Arc<Semaphore>);

#[derive(Clone)]
struct Pooled<S> {
    inner: S,
    pool: Arc<Semaphore>,
}

impl<S> Layer<S> for Pool {
    type Service = Pooled<S>;

    fn layer(&self, inner: S) -> Pooled<S> {
        Pooled { inner, pool: self.0.clone() }
    }
}

impl<S, A> Service<http::Request<A>> for Pooled<S>
where
    S: Service<http::Request<A>> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
    A: Send + 'static,
{
    type Response = Response<PooledBody>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<PooledBody>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let pool = self.pool.clone();
        let panic = request.headers().get("x-panic").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Box::pin(async move {
            let permit = pool.acquire_owned().await.expect("it is never closed");
            assert_ne!(panic.as_deref(), Some("call"), "a panic on purpose");
            let response = inner.call(request).await?.into_response();
            let after = (panic.as_deref() == Some("body")).then_some(3);
            Ok(response.map(|inner| PooledBody { inner, after, _permit: permit }))
        })
    }
}

struct PooledBody {
    inner: Body,
    /// After how many frames it panics.
    after: Option<usize>,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for PooledBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.after.as_mut() {
            Some(0) => panic!("a panic on purpose"),
            Some(after) => *after -= 1,
            None => {}
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[derive(Clone)]
struct Upstreams {
    well: SocketAddr,
    ill: SocketAddr,
    client: Client<HttpConnector, Body>,
}

async fn pass(State(upstreams): State<Upstreams>, request: Request) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let addr = if head.headers.contains_key("x-ill") { upstreams.ill } else { upstreams.well };
    head.uri = format!("http://{addr}{}", head.uri.path()).parse().unwrap();
    head.headers.clear();
    match upstreams.client.request(Request::from_parts(head, body)).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn serve(router: Router) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (addr, tasks)
}

fn messages(number: usize) -> Value {
    json!([{"role": "user", "content": format!("question {number}")}])
}

/// What came of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Whole,
    /// An error with a status.
    Refused,
    /// An error event, and a transport that failed.
    Told,
    /// Something that a reader could take for whole.
    Dishonest,
}

async fn call(
    client: Client<HttpConnector, Full<Bytes>>,
    addr: SocketAddr,
    number: usize,
    headers: &[(&'static str, &'static str)],
) -> Came {
    let question = json!({"model": "mock-1", "stream": true, "messages": messages(number)});
    let mut request = http::Request::post(format!("http://{addr}/v1/chat/completions"))
        .body(Full::new(Bytes::from(question.to_string())))
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    let response = client.request(request).await.expect("there is always a head");
    let status = response.status();
    let mut body = response.into_body();
    let (mut bytes, mut failed) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(_) => {
                failed = true;
                break;
            }
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    let events: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let said: String =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    let told = events.last().is_some_and(|event| event["error"]["code"].is_string());
    if status.is_server_error()
        && serde_json::from_str::<Value>(&text).is_ok_and(|json| json["error"]["code"].is_string())
    {
        Came::Refused
    } else if !failed && text.ends_with("data: [DONE]\n\n") && said == expected_text(1, &messages(number)) {
        Came::Whole
    } else if failed && told && !text.contains("[DONE]") {
        Came::Told
    } else {
        eprintln!("{number}: {status} failed: {failed} {text}");
        Came::Dishonest
    }
}

#[tokio::test]
async fn an_outage_of_some_is_no_outage_of_others() {
    let mix = [Kind::Panic, Kind::Stall, Kind::Cut, Kind::ErrorEvent, Kind::HalfEvent, Kind::ResetBeforeHead]
        .map(|kind| Fault { rate: 0.15, ..Fault::new(kind) });
    let stall_in_the_middle = Fault { rate: 0.1, after: Some(4), ..Fault::new(Kind::Stall) };
    let ill = Faults { mix: mix.into_iter().chain([stall_in_the_middle]).collect(), ..Faults::default() };
    let bind = |faults| Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults });
    let (well, ill) = (bind(Faults::default()).await.unwrap(), bind(ill).await.unwrap());

    let pool = Arc::new(Semaphore::new(PERMITS));
    let patience = Duration::from_millis(300);
    let stack = ServiceBuilder::new()
        .layer(SealLayer::new())
        .layer(RetryLayer::new().with_seed(1).with_backoff(Backoff::new(patience / 30, patience / 10)))
        .layer(Pool(pool.clone()))
        .layer(GuardLayer::new().with_first_event(patience).with_idle(patience));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let upstreams = Upstreams { well: well.addr(), ill: ill.addr(), client };
    let router = Router::new().route("/v1/chat/completions", post(pass)).with_state(upstreams).layer(stack);
    let (addr, server) = serve(router).await;

    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut calls = JoinSet::new();
    for number in 0..NEIGHBOURS + VICTIMS {
        let client = client.clone();
        let headers: &[(&str, &str)] = match number % 6 {
            0 | 2 | 4 => &[],
            1 => &[("x-panic", "call")],
            3 => &[("x-panic", "body")],
            _ => &[("x-ill", "1")],
        };
        calls.spawn(async move {
            (headers.first().map(|(name, _)| *name), call(client, addr, number, headers).await)
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(30), calls.join_all());
    let came = all.await.expect("somebody froze");
    let mut count: BTreeMap<(Option<&str>, Came), usize> = BTreeMap::new();
    came.into_iter().for_each(|came| *count.entry(came).or_default() += 1);

    assert_eq!(count.get(&(None, Came::Whole)), Some(&NEIGHBOURS), "whom nothing happened to: {count:?}");
    assert!(count.keys().all(|(_, came)| *came != Came::Dishonest), "{count:?}");
    let panicked: usize =
        [Came::Refused, Came::Told].iter().filter_map(|came| count.get(&(Some("x-panic"), *came))).sum();
    assert_eq!(panicked, VICTIMS / 3 * 2, "every panic is an honest end: {count:?}");
    assert!(
        count.contains_key(&(Some("x-panic"), Came::Refused))
            && count.contains_key(&(Some("x-panic"), Came::Told))
    );
    assert!(count.contains_key(&(Some("x-ill"), Came::Told)), "{count:?}");

    let given_back = async {
        while pool.available_permits() < PERMITS || well.stats().active + ill.stats().active > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let given_back = tokio::time::timeout(Duration::from_secs(10), given_back).await;
    let held = (PERMITS - pool.available_permits(), well.stats().active, ill.stats().active);
    assert!(given_back.is_ok(), "permits held and calls open, well and ill: {held:?}");
    drop(server);
}
