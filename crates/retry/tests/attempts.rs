//! What each attempt is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Attempts, Deadline};
use lastbyte_retry::{MaxAttempts, ReplayBody, RetryLayer};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

const S: Duration = Duration::from_secs(1);

/// What two attempts were sent, of which the first fails at once.
async fn sent(layer: RetryLayer, request: Request<Full<Bytes>>) -> Vec<(Instant, Parts, Bytes)> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = sent.clone();
    let chat = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
        let kept = kept.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let first = {
                let mut kept = kept.lock().unwrap();
                kept.push((Instant::now(), head, body));
                kept.len() == 1
            };
            if first {
                Err(io::ErrorKind::ConnectionReset.into())
            } else {
                Ok::<_, io::Error>(Response::new(Full::<Bytes>::default()))
            }
        }
    });
    let response = layer.with_seed(1).layer(chat).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-lastbyte-attempts"], "2");
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    assert_eq!(sent.len(), 2);
    sent
}

fn request() -> http::request::Builder {
    Request::put("https://example.com/v1/x?y=1").version(http::Version::HTTP_2).header("x-many", "one")
}

fn deadline(head: &Parts) -> Option<Deadline> {
    head.extensions.get().copied()
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_sent_the_same_request() {
    let request = request()
        .header("x-many", "two")
        .header("authorization", "Bearer sk-1")
        .extension(7u8)
        .body(Full::from("hello"))
        .unwrap();
    let sent = sent(RetryLayer::new(), request).await;
    for (_, head, body) in &sent {
        assert_eq!((head.method.as_str(), head.version), ("PUT", http::Version::HTTP_2));
        assert_eq!(head.uri, "https://example.com/v1/x?y=1");
        assert_eq!(head.extensions.get(), Some(&7u8));
        assert_eq!(body, "hello");
    }
    assert_eq!(sent[0].1.headers, sent[1].1.headers);
    assert_eq!(sent[1].1.headers.get_all("x-many").iter().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_attempts_behind_the_first_are_told_what_is_left_of_the_call() {
    let began = Instant::now();
    let body = || Full::from("hello");
    let sent_plain = sent(RetryLayer::new(), request().body(body()).unwrap()).await;
    assert_eq!(deadline(&sent_plain[0].1), None, "the first has its own limits");
    assert_eq!(deadline(&sent_plain[1].1), Some(Deadline { at: began + 600 * S, by_caller: false }));

    let began = Instant::now();
    let hurried = request().header("x-request-timeout", "30").body(body()).unwrap();
    let sent_hurried = sent(RetryLayer::new(), hurried).await;
    assert_eq!(deadline(&sent_hurried[0].1), None, "the first has the header");
    assert_eq!(deadline(&sent_hurried[1].1), Some(Deadline { at: began + 30 * S, by_caller: true }));
}

#[tokio::test(start_paused = true)]
async fn a_configured_total_and_a_known_deadline_hold_for_every_attempt() {
    let began = Instant::now();
    let total = RetryLayer::new().with_total(20 * S);
    let limited = sent(total.clone(), request().body(Full::from("hello")).unwrap()).await;
    let expected = Deadline { at: began + 20 * S, by_caller: false };
    assert!(limited.iter().all(|(_, head, _)| deadline(head) == Some(expected)));

    let known = Deadline { at: Instant::now() + 40 * S, by_caller: true };
    let request = request().extension(known).body(Full::from("hello")).unwrap();
    let limited = sent(total, request).await;
    assert!(limited.iter().all(|(_, head, _)| deadline(head) == Some(known)));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_where_others_look() {
    let attempts = Attempts::default();
    let request = request().extension(attempts.clone()).body(Full::from("hello")).unwrap();
    sent(RetryLayer::new().with_max_attempts(MaxAttempts::new(2).unwrap()), request).await;
    assert_eq!(attempts.count(), 2);
}
