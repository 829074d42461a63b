//! What is answered where, on both listeners.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Router, http::StatusCode};
use http::{HeaderValue, Response, header};
use lastbyte::core::{ATTEMPTS, Ask, Refusal, RefusedBy};
use lastbyte::redact::tower::SensitiveHeadersLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::admin;
use crate::proxy::{Proxy, RequestId, nothing};
use crate::upstream::REQUEST_ID;

const PAGE: &str = include_str!("../page/index.html");
pub(crate) const STYLE: &str = include_str!("../page/style.css");
pub(crate) const ICON: &str = include_str!("../page/icon.svg");
const CHAT: &str = include_str!("../page/chat.js");
const ANSWER: &str = include_str!("../page/answer.js");
const EVENTS: &str = include_str!("../page/events.js");
const OUTCOME: &str = include_str!("../page/outcome.js");
const RESUME: &str = include_str!("../page/resume.js");
const SESSION: &str = include_str!("../page/session.js");
const DEMO: &str = include_str!("../page/demo.js");
const FAULTS: &str = include_str!("../page/faults.js");

pub(crate) const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";

/// The readers' side.
pub(crate) fn public(proxy: Arc<Proxy>) -> Router {
    let health = health(proxy.clone());
    Router::new()
        .route("/", get(|| asset("text/html; charset=utf-8", PAGE)))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .route("/chat.js", get(|| asset(SCRIPT_TYPE, CHAT)))
        .route("/answer.js", get(|| asset(SCRIPT_TYPE, ANSWER)))
        .route("/events.js", get(|| asset(SCRIPT_TYPE, EVENTS)))
        .route("/outcome.js", get(|| asset(SCRIPT_TYPE, OUTCOME)))
        .route("/resume.js", get(|| asset(SCRIPT_TYPE, RESUME)))
        .route("/session.js", get(|| asset(SCRIPT_TYPE, SESSION)))
        .route("/demo.js", get(|| asset(SCRIPT_TYPE, DEMO)))
        .route("/faults.js", get(|| asset(SCRIPT_TYPE, FAULTS)))
        .route("/v1/realtime", any(realtime))
        .route("/v1/{*path}", any(chat))
        .with_state(proxy)
        .merge(health)
}

/// The operators' side.
pub(crate) fn admin(proxy: Arc<Proxy>) -> Router {
    admin::routes(proxy.clone()).merge(health(proxy))
}

fn health(proxy: Arc<Proxy>) -> Router {
    let ready = |State(proxy): State<Arc<Proxy>>| async move {
        if proxy.drain.is_begun() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else {
            (StatusCode::OK, "ready\n")
        }
    };
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(proxy)
}

/// What every route has around it: an id, a span, an answer where there is none.
pub(crate) fn finish(router: Router) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let id =
                request.extensions().get::<RequestId>().and_then(|id| id.0.to_str().ok()).unwrap_or_default();
            tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
        })
        // The one line of a call is written at its last byte, by `stats::Call`.
        .on_request(())
        .on_response(())
        .on_body_chunk(())
        .on_eos(())
        .on_failure(());
    router
        .fallback(async || nothing(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            nothing(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not take this method",
            )
        })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a request was ended by a panic");
            nothing(StatusCode::INTERNAL_SERVER_ERROR, "interrupted", "the gateway failed at this request")
        }))
        // Each side of a header is marked before the trace can show it.
        .layer(SensitiveHeadersLayer::responses())
        .layer(trace)
        .layer(SensitiveHeadersLayer::requests())
        .layer(middleware::from_fn(identify))
}

/// The largest head of a request, in bytes: four times what browsers and SDKs send at most, cookies
/// included.
const MAX_HEAD: usize = 64 << 10;

fn has_large_head(request: &Request) -> bool {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    headers.sum::<usize>() + uri > MAX_HEAD
}

/// Gives each request an id of ours, and each answer the headers that all answers have.
async fn identify(mut request: Request, next: Next) -> Response<Body> {
    let RequestId(id) = RequestId::new();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = if has_large_head(&request) {
        let message = "the request's head is larger than 64 KiB";
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, RefusedBy::Limits, "request_too_large", message)
            .dialect(Ask::from_path(request.uri().path()).dialect)
            .into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().entry(ATTEMPTS).or_insert(HeaderValue::from_static("0"));
    response
}

async fn chat(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    proxy.answer(request).await
}

async fn realtime() -> Response<Body> {
    let message = "the realtime API is not carried: its sessions have no last byte to wait for";
    nothing(StatusCode::NOT_IMPLEMENTED, "not_implemented", message)
}

pub(crate) async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let own = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, own),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn sensitive_headers_are_marked_on_both_sides() {
        let marked = |headers: &http::HeaderMap, name| headers[name].is_sensitive();
        let router = Router::new().route(
            "/",
            get(async move |request: Request| {
                let asked = request.headers();
                let seen = ["authorization", "cookie", "accept"].map(|name| marked(asked, name));
                ([(header::SET_COOKIE, "a=b"), (header::ALLOW, "GET")], format!("{seen:?}"))
            }),
        );
        let request = Request::get("/").header("authorization", "Bearer x").header("cookie", "a=b");
        let request = request.header("accept", "*/*").body(Body::empty()).unwrap();
        let answer = finish(router).oneshot(request).await.unwrap();
        assert_eq!(["set-cookie", "allow"].map(|name| marked(answer.headers(), name)), [true, false]);
        let seen = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(seen, "[true, true, false]");
    }
}
