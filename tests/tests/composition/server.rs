//! Inside of axum, with `Router::layer`, behind a real server.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{any, get};
use bytes::Bytes;
use http::{Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::retry::{Backoff, RetryLayer};
use lastbyte_mock::{Fault, Kind, Mock};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceBuilder;

use super::support::{Got, SOON, cut, fault, mock, read, request, until};

/// A server that ends with its last handle.
struct Server {
    addr: SocketAddr,
    _tasks: JoinSet<()>,
}

async fn serve(router: Router) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Server { addr, _tasks: tasks }
}

#[derive(Clone)]
struct Upstream {
    addr: SocketAddr,
    client: Client<HttpConnector, Body>,
}

/// Passes a request on to the chat API. A call that fails is a 502, as a handler would have it.
async fn pass(State(upstream): State<Upstream>, request: Request) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().as_str();
    head.uri = format!("http://{}{path}", upstream.addr).parse().unwrap();
    head.headers.remove(header::HOST);
    head.version = Version::HTTP_11;
    match upstream.client.request(Request::from_parts(head, body)).await {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            head.headers.remove(header::CONNECTION);
            head.headers.remove(header::TRANSFER_ENCODING);
            head.version = Version::default();
            Response::from_parts(head, Body::new(body))
        }
        Err(_) => Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::empty()).unwrap(),
    }
}

fn router(mock: &Mock) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let upstream = Upstream { addr: mock.addr(), client };
    Router::new()
        .route("/v1/chat/completions", any(pass))
        .route("/v1/{*rest}", any(pass))
        .route("/healthz", get(|| async { "fine" }))
        .with_state(upstream)
}

fn retry() -> RetryLayer {
    RetryLayer::new().with_backoff(Backoff::new(Duration::from_millis(5), Duration::from_millis(20)))
}

/// The ways in which the layers stand around a router here.
fn orders(mock: &Mock) -> Vec<(&'static str, Router)> {
    let (seal, guard) = (SealLayer::new(), GuardLayer::new());
    let build = ServiceBuilder::new;
    vec![
        ("seal > guard", router(mock).layer(guard).layer(seal)),
        ("seal > retry > guard", router(mock).layer(build().layer(seal).layer(retry()).layer(guard))),
        ("retry > seal > guard", router(mock).layer(build().layer(retry()).layer(seal).layer(guard))),
        ("guard > seal > retry", router(mock).layer(build().layer(guard).layer(seal).layer(retry()))),
        ("seal > seal", router(mock).layer(seal).layer(seal)),
        ("seal by route", router(mock).route_layer(build().layer(seal).layer(guard))),
    ]
}

/// One request on a connection of its own.
async fn call(addr: SocketAddr, version: Version, request: http::Request<Full<Bytes>>) -> Got {
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    // The connection ends with its request, or is dropped with the runtime.
    let response = if version == Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let (mut head, body) = request.into_parts();
        head.headers.insert(header::HOST, "localhost".parse().unwrap());
        head.uri = head.uri.path().parse().unwrap();
        sender.send_request(http::Request::from_parts(head, body)).await.unwrap()
    };
    tokio::time::timeout(SOON, read(response)).await.expect("it comes to an end")
}

#[tokio::test]
async fn a_whole_answer_comes_through_every_router() {
    let mock = mock(&[]).await;
    for (name, router) in orders(&mock) {
        let server = serve(router).await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let got = call(server.addr, version, request("localhost")).await;
            got.assert_whole(&format!("{name}, {version:?}"));
        }
    }
    until(&mock, "all answers were whole", |stats| stats.active == 0 && stats.answers == stats.requests)
        .await;
}

#[tokio::test]
async fn a_fault_before_content_is_asked_again_behind_the_handler() {
    for kind in [Kind::Status, Kind::ResetBeforeHead] {
        let fault = Fault { code: Some(503), ..fault(kind) };
        let mock = mock(&[fault.clone(), fault]).await;
        let server = serve(
            router(&mock)
                .layer(ServiceBuilder::new().layer(SealLayer::new()).layer(retry()).layer(GuardLayer::new())),
        )
        .await;
        let got = call(server.addr, Version::HTTP_11, request("localhost")).await;
        got.assert_whole(&format!("{kind:?}"));
        assert_eq!(got.head.headers["x-lastbyte-attempts"], "3", "{kind:?}");
    }
}

#[tokio::test]
async fn a_cut_answer_is_told_on_the_wire_and_its_transport_fails() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mock = mock(&vec![cut(); 6]).await;
        for (name, router) in orders(&mock) {
            let server = serve(router).await;
            let got = call(server.addr, version, request("localhost")).await;
            assert!(got.failed, "{name}, {version:?}: it looks whole: {}", got.bytes);
            assert_eq!(got.code().as_deref(), Some("stream_truncated"), "{name}, {version:?}: {}", got.bytes);
            assert!(!got.bytes.contains("[DONE]"), "{name}, {version:?}");
            assert_eq!(got.bytes.matches("\"error\"").count(), 1, "{name}, {version:?}: told once");
            let text = got.text();
            assert!(!text.is_empty() && super::support::answer().starts_with(&text), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn what_has_a_length_keeps_it_on_the_wire() {
    let mock = mock(&[]).await;
    for (name, router) in orders(&mock) {
        let server = serve(router).await;
        for (method, path) in [("GET", "/v1/models"), ("GET", "/healthz"), ("POST", "/v1/audio/speech")] {
            let request =
                http::Request::builder().method(method).uri(path).body(Full::new(Bytes::from("{}")));
            let io = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            // It ends when the sender is dropped.
            tokio::spawn(connection);
            let mut request = request.unwrap();
            request.headers_mut().insert(header::HOST, "localhost".parse().unwrap());
            let response = sender.send_request(request).await.unwrap();
            let told: u64 = response.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
            let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
            assert_eq!(body.len() as u64, told, "{name}, {path}");
        }
    }
}

#[tokio::test]
async fn a_reader_who_closes_the_connection_ends_the_call_upstream() {
    let stall = Fault { after: Some(3), ..fault(Kind::Stall) };
    let mock = mock(&vec![stall; 6]).await;
    for (number, (name, router)) in orders(&mock).into_iter().enumerate() {
        let server = serve(router).await;
        let io = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        let connection = tokio::spawn(connection);
        let (mut head, body) = request("localhost").into_parts();
        head.headers.insert(header::HOST, "localhost".parse().unwrap());
        head.uri = head.uri.path().parse().unwrap();
        let response = sender.send_request(http::Request::from_parts(head, body)).await.unwrap();
        until(&mock, name, |stats| stats.active == 1).await;
        drop((response, sender));
        connection.abort();
        let cancelled = number as u64 + 1;
        until(&mock, name, |stats| stats.active == 0 && stats.cancelled == cancelled).await;
    }
}
