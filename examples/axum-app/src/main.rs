//! `cargo run -p axum-app`: the layers on both sides of an axum app that asks a chat API.
//!
//! Towards the chat API they retry and guard; towards the reader they seal. Between them stands a handler
//! that knows nothing of it.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Extension, Router, body::Body};
use http::{HeaderMap, HeaderName, header};
use http_body_util::Full;
use hyper_util::{client::legacy, rt::TokioExecutor};
use lastbyte::ServiceBuilderExt;
use lastbyte::core::{
    ATTEMPTS, Ask, BoxError, Deadline, Dialect, Ending, EndingHandle, Refusal, TransportFault,
};
use lastbyte_mock::{Faults, Mock, MockConfig};
use tokio::time::{Duration, Instant};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

type ChatApi = BoxCloneSyncService<http::Request<Full<axum::body::Bytes>>, Response, legacy::Error>;

/// How long an answer may take, where its reader has no shorter patience.
const TOTAL: Duration = Duration::from_secs(600);

#[derive(Clone)]
struct App {
    chat_api: ChatApi,
    url: String,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A chat API in this process that breaks every other answer.
    let faults = br#"{"reset_before_head": 0.25, "cut": {"rate": 0.25, "after": 10}, "interval_ms": 30}"#;
    let faults = Faults::read(faults)?;
    let mock = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("curl -N http://{}/ask -d 'What is a tide?'", listener.local_addr()?);
    // With Nagle's algorithm on, small events wait up to 40 ms for the reader's acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app(mock.url())).await?;
    Ok(())
}

fn app(url: String) -> Router {
    // The path `/ask` does not tell the wire format, so the route does.
    let ask = Ask { dialect: Some(Dialect::OpenAiChat), stream: Some(true), body: true };
    let towards_the_reader = ServiceBuilder::new().layer(from_fn(log)).layer(Extension(ask)).seal();
    Router::new()
        .route("/ask", post(answer))
        .layer(towards_the_reader)
        .with_state(App { chat_api: chat_api(), url })
}

/// Towards the chat API: each attempt is guarded, and made again while nothing was forwarded.
fn chat_api() -> ChatApi {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let service = ServiceBuilder::new()
        .map_response(|response: http::Response<_>| response.map(Body::new))
        .retry_answers()
        .guard()
        .service(client);
    BoxCloneSyncService::new(service)
}

async fn answer(
    State(app): State<App>,
    Extension(ask): Extension<Ask>,
    headers: HeaderMap,
    question: String,
) -> Response {
    // The reader's own patience, `x-request-timeout`: no wait goes beyond it.
    let deadline = Deadline::of(&headers, Instant::now(), TOTAL);
    let messages = serde_json::json!([{"role": "user", "content": question}]);
    let body = serde_json::json!({"model": "m", "stream": true, "messages": messages}).to_string();
    let request = http::Request::post(format!("{}/chat/completions", app.url))
        .header(header::CONTENT_TYPE, "application/json")
        .extension(ask)
        .extension(deadline)
        .body(Full::from(body));
    let Ok(request) = request else { return http::StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let (head, body) = match app.chat_api.oneshot(request).await {
        Ok(response) => response.into_parts(),
        Err(error) => {
            let kind = TransportFault::of_any(&error).kind;
            return Refusal::failed(Ending::Failed { kind }).into_response();
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    // Among them the handle of the ending: the seal listens to it and scans nothing again.
    *response.extensions_mut() = head.extensions;
    let ours =
        [header::CONTENT_TYPE, header::RETRY_AFTER, ATTEMPTS, HeaderName::from_static("retry-after-ms")];
    for name in ours {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// A line for each answer, written at its last byte.
async fn log(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let attempts = response.headers().get(ATTEMPTS).cloned();
    if let Some(ending) = response.extensions().get::<EndingHandle>().cloned() {
        // The task ends with the answer: also one that is dropped half-way has an ending.
        tokio::spawn(async move { println!("attempts {attempts:?}: {}", ending.wait().await) });
    }
    response
}

#[cfg(test)]
mod tests;
