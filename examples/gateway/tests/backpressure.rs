//! Places, and readers that do not read, as the gateway's users meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::json;
use support::*;
use tokio::io::AsyncWriteExt as _;

/// The value of a metric.
async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let answer = send(&client(), request(Method::GET, &format!("{}/metrics", gateway.admin))).await;
    let text = std::str::from_utf8(&answer.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    // An ending that there was none of has no line.
    line.map_or(0, |value| value.parse().unwrap())
}

/// Waits until a metric has a value.
async fn until(gateway: &Gateway, name: &str, value: u64) {
    let reached = async {
        while metric(gateway, name).await != value {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("{name} {value}"));
}

const READERS: &str = "lastbyte_places_held{side=\"readers\"}";
const UPSTREAM: &str = "lastbyte_places_held{side=\"upstream\"}";
const STALLED: &str = "lastbyte_endings_total{ending=\"stalled\"}";
const WAITING: &str = "lastbyte_places_waiting{side=\"readers\"}";

#[tokio::test]
async fn one_more_than_max_streams_waits_for_a_last_byte() {
    let mock = mock(json!({"stall": {"after": 3}})).await;
    let gateway =
        Gateway::before(&mock, "[backpressure]\nmax_streams = 1\nmax_queue = 1\nqueue_timeout = \"1m\"");
    let url = format!("{}{CHAT}", gateway.url);
    let mut first = client().request(post(&url, question("a", true))).await.unwrap();
    assert!(first.body_mut().frame().await.is_some(), "its head is long out");

    let second = tokio::spawn({
        let url = url.clone();
        async move { client().request(post(&url, question("b", true))).await.unwrap().status() }
    });
    until(&gateway, WAITING, 1).await;
    let third = ask(&gateway.url, "c", true).await;
    assert_eq!((third.status.as_u16(), third.header("x-lastbyte-refused-by")), (503, "admission"));
    assert_eq!(third.json()["error"]["code"], "queue_full");
    assert_ne!(third.header("retry-after"), "");
    assert_eq!(mock.stats().requests, 1);

    drop(first);
    assert_eq!(second.await.unwrap(), 200);
    until(&gateway, READERS, 0).await;
    until(&gateway, UPSTREAM, 0).await;
}

#[tokio::test]
async fn a_call_that_does_not_fit_into_the_memory_is_refused() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[backpressure]\nmemory_budget = \"64KiB\"");
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lastbyte-refused-by")), (503, "admission"));
    assert_eq!(answer.json()["error"]["code"], "memory_budget");
    assert_eq!(mock.stats().requests, 0);
    assert_eq!(metric(&gateway, "lastbyte_memory_charged_bytes").await, 0);
}

#[tokio::test]
async fn the_body_of_a_request_is_charged_as_it_comes() {
    let mock = mock(json!({})).await;
    let config = "[backpressure]\nmemory_budget = \"512KiB\"\nstall_timeout = \"2s\"";
    let gateway = Gateway::before(&mock, config);
    // A head that promises more than there is holds nothing but its own place, and that not for long.
    let mut silent = Raw::connect(gateway.url.strip_prefix("http://").unwrap().parse().unwrap()).await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n");
    silent.0.write_all(head.as_bytes()).await.unwrap();
    until(&gateway, "lastbyte_memory_charged_bytes", 96 * 1024).await;
    assert_eq!(ask(&gateway.url, "a", true).await.status, 200);
    let told = silent.rest().await;
    assert!(told.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&told));

    let large = ask(&gateway.url, &"a".repeat(500_000), true).await;
    assert_eq!((large.status.as_u16(), large.header("x-lastbyte-refused-by")), (503, "admission"));
    assert_eq!(large.json()["error"]["code"], "memory_budget");
    assert_eq!(mock.stats().requests, 1);
    until(&gateway, "lastbyte_memory_charged_bytes", 0).await;
}

#[tokio::test]
async fn the_body_of_a_request_is_charged_until_its_answer_has_ended_without_its_reader_too() {
    const BODY: usize = 100_000;
    let mock = mock(json!({"stall": {"after": 3}})).await;
    let gateway = Gateway::before(&mock, "[store]\nurl = \"memory:\"");
    let mut request = post(&format!("{}{CHAT}", gateway.url), question(&"a".repeat(BODY), true));
    request.headers_mut().insert("idempotency-key", http::HeaderValue::from_static("a"));
    let mut answer = client().request(request).await.unwrap();
    let id = answer.headers()["x-lastbyte-answer"].to_str().unwrap().to_owned();
    assert!(answer.body_mut().frame().await.is_some());
    drop(answer);
    until(&gateway, READERS, 0).await;
    let charged = metric(&gateway, "lastbyte_memory_charged_bytes").await;
    assert!(charged >= BODY as u64, "{charged}");
    send(&client(), self::request(Method::DELETE, &format!("{}/v1/answers/{id}", gateway.url))).await;
    until(&gateway, "lastbyte_memory_charged_bytes", 0).await;
}

/// Readers that never read, in the tests.
const IDLE_READERS: usize = 100;

/// An answer of 50 MB, sent as fast as it is taken.
async fn flood() -> Upstream {
    let event = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(200)
    );
    let part = event.repeat(64);
    let times = (50 << 20) / part.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Upstream::start(move |_| Reply {
        head: head.into(),
        part: part.clone().into(),
        times,
        every: Duration::ZERO,
    })
    .await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn readers_that_never_read_take_little_memory_and_are_let_go() {
    let upstream = flood().await;
    let config = "[backpressure]\nstall_timeout = \"4s\"\nadaptive = false";
    let gateway = Gateway::upstream(&upstream.url(), config);
    assert_eq!(metric(&gateway, READERS).await, 0);
    let idle = gateway.resident();

    let mut readers = Vec::new();
    for _ in 0..IDLE_READERS {
        let mut reader = Raw::narrow(gateway.addr(), 4096).await;
        reader.post(CHAT, &question("a", true)).await;
        readers.push(reader);
    }
    until(&gateway, READERS, IDLE_READERS as u64).await;
    // Until the first of them is let go, whatever can pile up does.
    let mut most = idle;
    while metric(&gateway, READERS).await == IDLE_READERS as u64 {
        most = most.max(gateway.resident());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let each = (most - idle) / IDLE_READERS;
    assert!(each < (256 << 10) + (96 << 10), "{each} bytes for each");

    until(&gateway, READERS, 0).await;
    until(&gateway, UPSTREAM, 0).await;
    for mut reader in readers {
        // HTTP/1 has no other way to tell it than the end of the connection, in the middle of the body.
        let rest = reader.rest().await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "an answer that was dropped ends as if it were whole");
    }
    until(&gateway, STALLED, IDLE_READERS as u64).await;
}

#[tokio::test]
async fn on_http2_only_the_stream_that_is_not_read_is_let_go() {
    let upstream = flood().await;
    let gateway = Gateway::upstream(&upstream.url(), "[backpressure]\nstall_timeout = \"1s\"");
    let h2 = H2::connect(gateway.addr(), 65_535).await;
    let url = format!("{}{CHAT}", gateway.url);
    let unread = h2.send(post(&url, question("a", true))).await;
    until(&gateway, STALLED, 1).await;
    // The connection goes on.
    let mut another = h2.send(post(&url, question("b", true))).await;
    assert!(another.body_mut().frame().await.unwrap().is_ok());
    assert!(unread.into_body().collect().await.is_err());
    until(&gateway, READERS, 1).await;
}

#[tokio::test]
async fn what_is_read_ahead_waits_for_its_reader() {
    let upstream = flood().await;
    let config = "[backpressure]\nread_ahead = true\nbuffer_events = 100\nmemory_budget = \"1MiB\"";
    let gateway = Gateway::upstream(&upstream.url(), config);
    let mut reader = Raw::narrow(gateway.addr(), 4096).await;
    reader.post(CHAT, &question("a", true)).await;
    until(&gateway, READERS, 1).await;
    // Its place of 96 KiB and the whole buffer.
    until(&gateway, "lastbyte_memory_charged_bytes", (96 + 256) * 1024 + question("a", true).len() as u64)
        .await;
    drop(reader);
    until(&gateway, "lastbyte_memory_charged_bytes", 0).await;
    until(&gateway, UPSTREAM, 0).await;
}
