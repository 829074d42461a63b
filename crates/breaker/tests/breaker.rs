//! The layer over whole calls.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Full};
use lastbyte_breaker::{Breaker, BreakerLayer, Policy, State};
use lastbyte_core::{Ask, BodyError, BoxError, Dialect, Ending, EndingHandle, RefusedBy, UpstreamKey};
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt};

const MS: Duration = Duration::from_millis(1);
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
type Api = BoxCloneService<Request<()>, Response<AnswerBody>, BoxError>;

fn stream(body: impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static) -> Response<AnswerBody> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(body.map_err(Into::into).boxed_unsync())
        .unwrap()
}

fn whole() -> Response<AnswerBody> {
    stream(Full::from([HELLO, STOP].concat()))
}

fn cut() -> Response<AnswerBody> {
    stream(Full::from(HELLO))
}

fn status(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(Full::from("{}").map_err(Into::into).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn api(answer: impl Fn() -> Result<Response<AnswerBody>, BoxError> + Clone + Send + 'static) -> Api {
    BoxCloneService::new(tower::service_fn(move |_: Request<()>| {
        let answer = answer();
        async move { answer }
    }))
}

/// Answers one call with this body.
fn once(body: impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static) -> Api {
    let body = Arc::new(Mutex::new(Some(body)));
    api(move || Ok(stream(body.lock().unwrap().take().unwrap())))
}

fn call() -> Request<()> {
    let mut request = Request::post("http://api.test/v1/chat/completions").body(()).unwrap();
    request.extensions_mut().insert(Ask {
        dialect: Some(Dialect::OpenAiChat),
        stream: Some(true),
        body: true,
    });
    request
}

fn to(key: &str) -> Request<()> {
    let mut request = call();
    request.extensions_mut().insert(UpstreamKey::new(key));
    request
}

/// The status of one answer, read to its end, and what refused it.
async fn ask(service: &mut Breaker<Api>, request: Request<()>) -> (StatusCode, Option<String>) {
    match service.ready().await.unwrap().call(request).await {
        Ok(response) => {
            let by = response.headers().get("x-lastbyte-refused-by");
            let told = (response.status(), by.map(|by| by.to_str().unwrap().to_owned()));
            let _ = response.into_body().collect().await;
            told
        }
        Err(_) => (StatusCode::BAD_GATEWAY, None),
    }
}

fn state(layer: &BreakerLayer) -> State {
    layer.circuits().status()[0].1.state
}

#[tokio::test(start_paused = true)]
async fn a_hundred_streams_that_die_behind_their_200_open_it() {
    let layer = BreakerLayer::seeded(Policy::new(), 1);
    let mut service = layer.layer(api(|| Ok(cut())));
    let mut through = 0;
    for _ in 0..100 {
        through += u32::from(ask(&mut service, call()).await.1.is_none());
    }
    assert_eq!(through, 20);
    assert_eq!(state(&layer), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_503_of_the_chat_apis_own_shape_with_a_time() {
    let layer = BreakerLayer::seeded(Policy::new(), 1);
    let mut service = layer.layer(api(|| Ok(status(StatusCode::BAD_GATEWAY))));
    for _ in 0..20 {
        ask(&mut service, call()).await;
    }
    tokio::time::advance(MS * 1000).await;
    let response = service.ready().await.unwrap().call(call()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["x-lastbyte-refused-by"], "breaker");
    let after: u64 = response.headers()["retry-after-ms"].to_str().unwrap().parse().unwrap();
    assert!((4000..=6000).contains(&after), "{after}");
    let ending = response.extensions().get::<EndingHandle>().unwrap().ending().cloned();
    assert_eq!(ending, Some(Ending::Refused { by: RefusedBy::Breaker }));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(std::str::from_utf8(&body).unwrap().contains("\"code\":\"circuit_open\""));
}

#[tokio::test(start_paused = true)]
async fn refusals_for_being_too_much_and_wrong_requests_keep_it_closed() {
    for code in [429, 400, 401, 404, 422] {
        let layer = BreakerLayer::seeded(Policy::new(), 1);
        let code = StatusCode::from_u16(code).unwrap();
        let mut service = layer.layer(api(move || Ok(status(code))));
        for _ in 0..200 {
            assert_eq!(ask(&mut service, call()).await, (code, None));
        }
        assert_eq!(state(&layer), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_fail_open_it() {
    let layer = BreakerLayer::seeded(Policy::new(), 1);
    let refused = || Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
    let mut service = layer.layer(api(refused));
    for _ in 0..20 {
        assert_eq!(ask(&mut service, call()).await, (StatusCode::BAD_GATEWAY, None));
    }
    assert_eq!(state(&layer), State::Open);
}

#[tokio::test(start_paused = true)]
async fn one_upstream_that_is_down_shuts_out_nobody_from_another() {
    let layer = BreakerLayer::seeded(Policy::new(), 1);
    let down = Arc::new(AtomicUsize::new(0));
    let counted = down.clone();
    let mut service = layer.layer(api(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(status(StatusCode::INTERNAL_SERVER_ERROR))
    }));
    for _ in 0..30 {
        ask(&mut service, to("sick")).await;
    }
    assert_eq!(down.load(Ordering::Relaxed), 20);
    assert_eq!(ask(&mut service, to("other")).await, (StatusCode::INTERNAL_SERVER_ERROR, None));
    let states: Vec<_> =
        layer.circuits().status().into_iter().map(|(name, status)| (name, status.state)).collect();
    assert_eq!(states, [("other".into(), State::Closed), ("sick".into(), State::Open)]);
}

/// A circuit that is half-open, with room for one probe.
async fn half_open(answer: Api) -> (BreakerLayer, Breaker<Api>) {
    let policy = Policy::new().with_min_calls(1).with_probes(1);
    let layer = BreakerLayer::seeded(policy, 1);
    let mut down = layer.layer(api(|| Ok(status(StatusCode::BAD_GATEWAY))));
    ask(&mut down, call()).await;
    tokio::time::advance(MS * 6000).await;
    assert_eq!(state(&layer), State::HalfOpen);
    let service = layer.layer(answer);
    (layer, service)
}

#[tokio::test(start_paused = true)]
async fn a_probe_gives_its_place_back_wherever_it_is_dropped() {
    // Before it is polled, while there is no head, and with a head that was not read.
    let silent = BoxCloneService::new(tower::service_fn(|_| pending()));
    let (layer, mut service) = half_open(silent).await;
    drop(service.ready().await.unwrap().call(call()));
    let mut second = Box::pin(service.ready().await.unwrap().call(call()));
    assert!(poll_once(second.as_mut()).await.is_none());
    assert_eq!(ask(&mut service, call()).await.1.as_deref(), Some("breaker"), "there is one place");
    drop(second);

    let (_sender, body) = Channel::<Bytes>::new(1);
    let mut service = layer.layer(once(body));
    let response = service.ready().await.unwrap().call(call()).await.unwrap();
    assert_eq!(ask(&mut service, call()).await.1.as_deref(), Some("breaker"));
    let mut body = Box::pin(response.into_body());
    assert!(poll_once(body.frame()).await.is_none());
    drop(body);
    assert_eq!(state(&layer), State::HalfOpen);

    // And it is a place to be had.
    let mut service = layer.layer(api(|| Ok(whole())));
    assert_eq!(ask(&mut service, call()).await, (StatusCode::OK, None));
    assert_eq!(state(&layer), State::Closing);
}

/// Polls once.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(cx) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_alive_at_its_first_content_and_its_ending_still_counts() {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    let (layer, mut service) = half_open(once(body)).await;
    let mut sender = sender;
    let response = service.ready().await.unwrap().call(call()).await.unwrap();
    let mut body = Box::pin(response.into_body());
    assert_eq!(state(&layer), State::HalfOpen, "a head says nothing");
    sender.send(Frame::data(Bytes::from(HELLO))).await.unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(state(&layer), State::Closing);
    sender.abort(std::io::ErrorKind::ConnectionReset.into());
    let error: BodyError = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.ending().code(), "stream_truncated");
    assert_eq!(state(&layer), State::Open, "it broke after all");
}

#[tokio::test(start_paused = true)]
async fn those_who_watch_are_told_of_every_change() {
    let layer = BreakerLayer::seeded(Policy::new().with_min_calls(1).with_probes(1), 1);
    let circuits = layer.circuits();
    let (mut state, mut changes) = (circuits.watch("a"), circuits.changes());
    let mut service = layer.layer(api(|| Ok(status(StatusCode::BAD_GATEWAY))));
    ask(&mut service, to("a")).await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(*state.borrow_and_update(), State::Open);
    tokio::time::advance(MS * 6000).await;
    let mut service = layer.layer(api(|| Ok(whole())));
    ask(&mut service, to("a")).await;
    assert_eq!(*state.borrow_and_update(), State::Closing);
    assert!(changes.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn it_takes_any_error_of_the_service() {
    let service = tower::service_fn(|_: Request<()>| async { Ok::<_, Infallible>(whole()) });
    let response = BreakerLayer::default().layer(service).oneshot(call()).await.unwrap();
    assert!(response.into_body().collect().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refused_holds_nothing() {
    let inner = tower::limit::ConcurrencyLimit::new(api(|| Ok(whole())), 1);
    let layer = BreakerLayer::default();
    layer.circuits().set_mode(lastbyte_breaker::Mode::Open);
    let (mut one, mut other) = (layer.layer(inner.clone()), layer.layer(inner));
    let answer = one.ready().await.unwrap().call(call()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready = tokio::time::timeout(MS, other.ready()).await;
    assert!(ready.is_ok_and(|ready| ready.is_ok()), "the place further in is free");
}
