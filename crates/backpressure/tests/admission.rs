//! Places that are held to the last byte, and the queue before them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use lastbyte_backpressure::{Admission, AdmissionLayer, MemoryBudget, Occupancy};
use lastbyte_core::{Class, Deadline, Tenant, UpstreamKey};
use support::*;
use tokio::time::{Instant, advance, sleep};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt};

const S: Duration = Duration::from_secs(1);

type Answer = Response<lastbyte_backpressure::ResponseBody<AnswerBody>>;
type Waiting = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

fn endless() -> Api {
    let upstream = Endless::default();
    api(move || stream(upstream.body()))
}

async fn send(service: &mut Admission<Api>, request: Request<Empty<Bytes>>) -> Answer {
    service.ready().await.unwrap().call(request).await.unwrap()
}

/// A call that is under way, polled once.
async fn begin(service: &mut Admission<Api>, request: Request<Empty<Bytes>>) -> Waiting {
    let call = service.ready().await.unwrap().call(request);
    let mut call: Waiting = Box::pin(call.map(Result::unwrap));
    assert!(call.as_mut().now_or_never().is_none(), "it has to wait");
    call
}

fn occupancy(layer: &AdmissionLayer) -> (usize, usize) {
    let Occupancy { held, waiting, .. } = layer.occupancy()[0].1;
    (held, waiting)
}

fn refused(answer: &Answer) -> Option<(&str, u16)> {
    let by = answer.headers().get("x-lastbyte-refused-by")?;
    Some((by.to_str().unwrap(), answer.status().as_u16()))
}

async fn code(answer: Answer) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (_, code) = text.split_once("\"code\":\"").unwrap();
    code.split('"').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn one_more_than_the_limit_waits_though_all_heads_are_long_out() {
    // Tower's own limit, beside it: its place goes back with the head.
    let mut tower = ConcurrencyLimitLayer::new(3).layer(endless());
    let mut heads = Vec::new();
    for _ in 0..4 {
        heads.push(tower.ready().now_or_never().unwrap().unwrap().call(call()).await.unwrap());
    }
    assert_eq!(heads.len(), 4, "it lets a fourth stream in beside three");

    let layer = AdmissionLayer::new(3).with_queue_timeout(S * 1000);
    let mut service = layer.layer(endless());
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(send(&mut service, call()).await);
    }
    sleep(S * 100).await;
    let fourth = begin(&mut service, call()).await;
    assert_eq!(occupancy(&layer), (3, 1));
    streams.pop();
    let fourth = fourth.await;
    assert_eq!(fourth.status(), StatusCode::OK);
    assert_eq!(occupancy(&layer), (3, 0));
    drop((streams, fourth));
    assert_eq!(occupancy(&layer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_place_goes_back_with_the_last_byte_and_not_with_the_body() {
    let layer = AdmissionLayer::new(1);
    let (sender, body) = channel();
    let mut service = layer.layer(once(stream(body)));
    let mut body = Box::pin(send(&mut service, call()).await.into_body());
    sender.send(WHOLE).await;
    drop(sender);
    while body.frame().await.is_some() {}
    assert_eq!(occupancy(&layer), (0, 0));
    drop(body);
    assert_eq!(occupancy(&layer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_place_comes_back_wherever_its_call_is_dropped() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 1000);
    let silent: Api = tower::util::BoxCloneService::new(tower::service_fn(|_| std::future::pending()));
    let mut silent = layer.layer(silent);
    let mut service = layer.layer(endless());

    // Not polled, waiting for a head, and in the queue.
    drop(silent.ready().await.unwrap().call(call()));
    assert_eq!(occupancy(&layer), (0, 0));
    let head = begin(&mut silent, call()).await;
    let queued = begin(&mut service, call()).await;
    assert_eq!(occupancy(&layer), (1, 1));
    drop(queued);
    assert_eq!(occupancy(&layer), (1, 0));
    // One that has come to its place and is not polled any more.
    let queued = begin(&mut service, call()).await;
    drop(head);
    assert_eq!(occupancy(&layer), (1, 0));
    drop(queued);
    assert_eq!(occupancy(&layer), (0, 0));
    // With a head, not read; and in the middle.
    drop(send(&mut service, call()).await);
    let mut body = Box::pin(send(&mut service, call()).await.into_body());
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(occupancy(&layer), (1, 0));
    drop(body);
    assert_eq!(occupancy(&layer), (0, 0));
    // A panic in the body, while it is read.
    let mut panics = layer.layer(api(|| stream(panicking())));
    let body = send(&mut panics, call()).await.into_body();
    let read = std::panic::AssertUnwindSafe(body.collect()).catch_unwind().await;
    assert!(read.is_err());
    assert_eq!(occupancy(&layer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_queues_time_or_with_the_callers() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 5);
    let mut service = layer.layer(endless());
    let _stream = send(&mut service, call()).await;
    let began = Instant::now();
    let answer = send(&mut service, call()).await;
    assert_eq!(refused(&answer), Some(("admission", 503)));
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(code(answer).await, "queue_timeout");

    let mut hurried = call();
    hurried.extensions_mut().insert(Deadline { at: Instant::now() + S * 2, by_caller: true });
    let began = Instant::now();
    assert_eq!(refused(&send(&mut service, hurried).await), Some(("admission", 503)));
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(occupancy(&layer), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_turn_cannot_come_in_time_is_refused_at_once() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 60);
    let mut service = layer.layer(endless());
    let mut stream = send(&mut service, call()).await;
    // Places become free every ten seconds, while others wait.
    let mut waiting: Vec<_> = vec![begin(&mut service, call()).await];
    for _ in 0..10 {
        waiting.push(begin(&mut service, call()).await);
        sleep(S * 10).await;
        drop(stream);
        // The queue has not emptied for long, so the newest goes first.
        stream = waiting.pop().unwrap().await;
    }
    let within = |time: Duration| {
        let mut request = call();
        request.extensions_mut().insert(Deadline { at: Instant::now() + time, by_caller: true });
        request
    };
    let hurried = service.ready().await.unwrap().call(within(S * 5)).now_or_never().unwrap().unwrap();
    assert_eq!(refused(&hurried), Some(("admission", 503)));
    let after: u64 = hurried.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((8..=12).contains(&after), "{after}");
    let _patient = begin(&mut service, within(S * 30)).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let layer = AdmissionLayer::new(1).with_max_queue(1);
    let mut service = layer.layer(endless());
    let _stream = send(&mut service, call()).await;
    let _queued = begin(&mut service, call()).await;
    let answer = service.ready().await.unwrap().call(call()).now_or_never().unwrap().unwrap();
    assert_eq!(refused(&answer), Some(("admission", 503)));
    assert_eq!(code(answer).await, "queue_full");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_a_storm_leaves_the_others_their_turns() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 60).with_max_queue(20);
    let mut service = layer.layer(endless());
    let stream = send(&mut service, call()).await;
    let of = |tenant: u64, class: Class| {
        let mut request = call();
        request.extensions_mut().insert(Tenant(tenant));
        request.extensions_mut().insert(class);
        request
    };
    let mut storm = Vec::new();
    for _ in 0..20 {
        storm.push(begin(&mut service, of(1, Class::Live)).await);
    }
    // The queue is full of one tenant's: it makes room.
    let mut quiet = begin(&mut service, of(2, Class::Live)).await;
    assert_eq!(refused(&storm.pop().unwrap().await), Some(("admission", 503)));
    drop(stream);
    let first = storm.remove(0).await;
    drop(first);
    assert!(quiet.as_mut().now_or_never().is_some(), "its turn is the second");
}

#[tokio::test(start_paused = true)]
async fn each_upstream_has_its_own_places() {
    let layer = AdmissionLayer::per_upstream(1).with_max_queue(0);
    let mut service = layer.layer(endless());
    let to = |name: &str| {
        let mut request = call();
        request.extensions_mut().insert(UpstreamKey::new(name));
        request
    };
    let _first = send(&mut service, to("a")).await;
    let _other = send(&mut service, to("b")).await;
    assert_eq!(refused(&send(&mut service, to("a")).await), Some(("backpressure", 503)));
}

#[tokio::test(start_paused = true)]
async fn without_memory_nobody_is_let_in_and_it_comes_back_with_the_last_byte() {
    let budget = MemoryBudget::new(200 << 10);
    let layer = AdmissionLayer::new(100).with_memory(budget.clone());
    let mut service = layer.layer(endless());
    let first = send(&mut service, call()).await;
    let _second = send(&mut service, call()).await;
    let answer = send(&mut service, call()).await;
    assert_eq!(refused(&answer), Some(("admission", 503)));
    assert_eq!(code(answer).await, "memory_budget");
    drop(first);
    assert!(refused(&send(&mut service, call()).await).is_none());
    assert_eq!(budget.used(), 96 << 10);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_a_herd_is_asked_for_as_much_as_it_took() {
    let layer = AdmissionLayer::per_upstream(1000).with_adaptive(true);
    // Eight streams at once, and no more.
    let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(8));
    let mut service = layer.layer(api(move || {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            return response;
        };
        let held = move |frame| {
            let _ = &slot;
            frame
        };
        stream(Endless::default().body().map_frame(held).boxed_unsync())
    }));
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(service.ready().await.unwrap().call(call()));
    }
    let answers: Vec<_> = futures_util::future::join_all(calls).await;
    let whole: Vec<_> = answers.into_iter().map(Result::unwrap).filter(|it| it.status() == 200).collect();
    assert_eq!(whole.len(), 8);
    assert_eq!(layer.occupancy()[0].1.limit, 8);
    let _ninth = begin(&mut service, call()).await;
    advance(S).await;
    drop(whole);
}

/// The limit after a hundred calls one after the other, of which all get this status.
async fn limit_behind(status: StatusCode, retry_after: Option<&'static str>) -> usize {
    let layer = AdmissionLayer::per_upstream(1000).with_adaptive(true);
    let mut service = layer.layer(api(move || {
        let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        if let Some(seconds) = retry_after {
            response.headers_mut().insert("retry-after", http::HeaderValue::from_static(seconds));
        }
        response
    }));
    for _ in 0..100 {
        assert_eq!(send(&mut service, call()).await.status(), status);
        advance(S / 10).await;
    }
    layer.occupancy()[0].1.limit
}

#[tokio::test(start_paused = true)]
async fn failures_are_not_taken_for_a_limit() {
    let failed = limit_behind(StatusCode::SERVICE_UNAVAILABLE, None).await;
    assert_eq!(limit_behind(StatusCode::INTERNAL_SERVER_ERROR, None).await, failed);
    assert_eq!(limit_behind(StatusCode::SERVICE_UNAVAILABLE, Some("1")).await, 1);
    assert_eq!(limit_behind(StatusCode::TOO_MANY_REQUESTS, None).await, 1);
    assert!(failed > 1, "{failed}");
}

fn refusing() -> Api {
    api(|| {
        let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response
    })
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_dropped_before_their_heads_are_under_way_no_more() {
    let layer = AdmissionLayer::per_upstream(1000).with_adaptive(true);
    let silent: Api = tower::util::BoxCloneService::new(tower::service_fn(|_| std::future::pending()));
    let mut silent = layer.layer(silent);
    for _ in 0..50 {
        drop(begin(&mut silent, call()).await);
    }
    // Each is refused alone. Beside fifty others it would say that fifty fit.
    let mut refusing = layer.layer(refusing());
    for _ in 0..3 {
        send(&mut refusing, call()).await;
    }
    assert_eq!(layer.occupancy()[0].1.limit, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_is_let_in_when_time_alone_has_raised_the_limit() {
    let layer = AdmissionLayer::per_upstream(1000).with_adaptive(true).with_queue_timeout(S * 60);
    let mut service = layer.layer(endless());
    // A stream that nobody reads, so that nothing is heard of it; and as many refusals as are believed.
    let _silent = send(&mut service, call()).await;
    let mut refusing = layer.layer(refusing());
    for _ in 0..3 {
        send(&mut refusing, call()).await;
    }
    assert_eq!(layer.occupancy()[0].1.limit, 1);
    let (mut first, mut second) = (begin(&mut service, call()).await, begin(&mut service, call()).await);
    let began = Instant::now();
    let (answer, is_second) = tokio::select! {
        answer = &mut first => (answer, false),
        answer = &mut second => (answer, true),
    };
    assert_eq!(answer.status(), StatusCode::OK);
    assert!((S / 2..S * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(occupancy(&layer), (2, 1));
    // It shows its first event, and so there is room for one more.
    let mut body = Box::pin(answer.into_body());
    assert!(body.frame().await.unwrap().is_ok());
    let other = if is_second { first } else { second };
    assert_eq!(tokio::time::timeout(S * 5, other).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_lets_no_more_in_and_those_who_wait_are_let_in_at_its_time() {
    let layer = AdmissionLayer::per_upstream(1000).with_adaptive(true).with_queue_timeout(S * 60);
    let upstream = Endless::default();
    let mut service = layer.layer(api(move || {
        let mut response = stream(upstream.body());
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-remaining-requests", http::HeaderValue::from_static("0"));
        headers.insert("x-ratelimit-reset-requests", http::HeaderValue::from_static("20s"));
        response
    }));
    let _stream = send(&mut service, call()).await;
    assert_eq!(layer.occupancy()[0].1.limit, 1);
    let began = Instant::now();
    let _second = send(&mut service, call()).await;
    assert_eq!(began.elapsed().as_secs(), 20);
}

/// A place, behind which six tenants wait while one becomes free each `pace`.
async fn crowd(service: &mut Admission<Api>, pace: Duration) -> Vec<Waiting> {
    let mut holder = send(service, call()).await;
    let mut waiting: Vec<Waiting> = Vec::new();
    for tenant in 0..20 {
        let mut request = call();
        request.extensions_mut().insert(Tenant(tenant));
        waiting.push(begin(service, request).await);
        if waiting.len() > 6 {
            advance(pace).await;
            drop(holder);
            let turn = waiting.iter_mut().enumerate();
            let mut turn = turn.filter_map(|(at, call)| Some((at, call.as_mut().now_or_never()?)));
            let (at, answer) = turn.next().unwrap();
            holder = answer;
            drop(waiting.remove(at));
        }
    }
    std::mem::forget(holder);
    waiting
}

#[tokio::test(start_paused = true)]
async fn who_waited_in_vain_is_told_how_long_a_turn_takes() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 90);
    let mut service = layer.layer(endless());
    let mut waiting = crowd(&mut service, S * 10).await;
    sleep(S * 91).await;
    let answer = waiting.swap_remove(0).await;
    assert_eq!(refused(&answer), Some(("admission", 503)));
    let after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(after >= 10, "a place becomes free each 10 s: {after}");
}

#[tokio::test(start_paused = true)]
async fn in_an_overload_too_a_turn_that_cannot_come_in_time_is_refused_at_once() {
    let layer = AdmissionLayer::new(1).with_queue_timeout(S * 60);
    let mut service = layer.layer(endless());
    let _waiting = crowd(&mut service, S * 2).await;
    for class in [Class::Deferred, Class::Live] {
        let mut request = call();
        request.extensions_mut().insert(Tenant(100));
        request.extensions_mut().insert(class);
        request.extensions_mut().insert(Deadline { at: Instant::now() + S * 5, by_caller: true });
        let answer = service.ready().await.unwrap().call(request).now_or_never();
        // It comes behind six others, 2 s each.
        let answer = answer.unwrap().unwrap();
        assert_eq!(refused(&answer), Some(("admission", 503)), "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refused_holds_nothing() {
    let inner = tower::limit::ConcurrencyLimit::new(endless(), 1);
    let full = AdmissionLayer::new(1).with_memory(MemoryBudget::new(1));
    let (mut one, mut other) = (full.layer(inner.clone()), AdmissionLayer::new(1).layer(inner));
    let answer = one.ready().await.unwrap().call(call()).await.unwrap();
    assert_eq!(refused(&answer), Some(("admission", 503)));
    assert!(other.ready().now_or_never().is_some(), "the place further in is free");
}
