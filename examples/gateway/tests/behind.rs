//! A reader that is far behind when its answer breaks: it still gets everything up to the break, the error
//! event, and only then a failed transport.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use lastbyte_mock::{Mock, expected_words};
use serde_json::{Value, json};
use support::*;

/// Half a megabyte of text.
const WORDS: usize = 40_000;

/// What the reader is behind by, at least.
const BEHIND: usize = 200 << 10;

/// Longer than anything in the gateway waits for a writer that makes no progress, save for the reader.
const PAUSE: Duration = Duration::from_millis(150);

/// Answers of 16 KiB an event that end behind 400 KiB.
fn cut(by_reset: bool) -> Value {
    json!({"words": WORDS, "chunk_bytes": 16 << 10, "cut": {"after": 25, "reset": by_reset}})
}

/// One huge event, one small, the cut: what is queued behind the first has no window to go.
fn large_event() -> Value {
    json!({"words": WORDS, "chunk_bytes": 250 << 10, "cut": {"after": 1}})
}

fn asked(gateway: &Gateway, question: &str) -> Request<Full<Bytes>> {
    post(&format!("{}{CHAT}", gateway.url), support::question(question, true))
}

/// Waits until the chat API has broken off all its answers.
async fn all_cut(mock: &Mock) {
    until("the cut", || mock.stats().active == 0 && mock.stats().requests > 0).await;
    tokio::time::sleep(PAUSE).await;
}

#[track_caller]
fn assert_told_of_all(answer: &Answer, question: &str, least: usize) {
    let whole = expected_words(1, &messages(question), WORDS);
    let text = answer.text();
    assert_eq!(answer.code().as_deref(), Some("stream_truncated"), "{} bytes", answer.body.len());
    assert!(text.len() >= least && whole.starts_with(&text), "{} bytes of text", text.len());
    assert!(answer.body.ends_with(b"\n\n") && !answer.clean);
}

/// The text that comes before the cut.
const BEFORE_CUT: usize = 24 * (16 << 10);

async fn http1(by_reset: bool, receive: usize) {
    let mock = mock(cut(by_reset)).await;
    let gateway = Gateway::before(&mock, "");
    let mut raw = Raw::narrow(gateway.addr(), receive).await;
    raw.post(CHAT, &question("a", true)).await;
    all_cut(&mock).await;
    let (head, data, last_chunk) = dechunked(&raw.rest().await);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let answer = Answer {
        status: http::StatusCode::OK,
        headers: http::HeaderMap::new(),
        body: data.into(),
        clean: last_chunk,
    };
    assert!(answer.body.len() > BEHIND);
    assert_told_of_all(&answer, "a", BEFORE_CUT);
}

#[tokio::test]
async fn http1_with_a_small_receive_buffer() {
    http1(false, 4 << 10).await;
    http1(true, 4 << 10).await;
}

#[tokio::test]
async fn http1_with_what_the_system_gives() {
    http1(false, 1 << 20).await;
    http1(true, 1 << 20).await;
}

async fn http2(faults: Value, window: u32, least: usize) {
    let mock = mock(faults).await;
    let gateway = Gateway::before(&mock, "");
    let h2 = H2::connect(gateway.addr(), window).await;
    let response = h2.send(asked(&gateway, "a")).await;
    all_cut(&mock).await;
    assert_told_of_all(&read(response).await, "a", least);
}

#[tokio::test]
async fn http2_with_the_window_of_the_specification() {
    for by_reset in [false, true] {
        http2(cut(by_reset), 65_535, BEFORE_CUT).await;
    }
}

#[tokio::test]
async fn http2_with_a_large_window() {
    for by_reset in [false, true] {
        http2(cut(by_reset), 2 << 20, BEFORE_CUT).await;
    }
}

#[tokio::test]
async fn http2_with_a_window_smaller_than_an_event() {
    http2(large_event(), 65_535, 249 << 10).await;
    http2(large_event(), 300, 249 << 10).await;
}

/// Reads on in the background, so that its stream keeps the connection busy.
fn keep_reading(response: Response<Incoming>) -> tokio::task::JoinHandle<Answer> {
    tokio::spawn(read(response))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_among_twenty_busy_streams() {
    // The broken answer is the last one asked for, so that the script knows it.
    let mut script = vec![json!({"kind": "slow", "ms": 25}); 20];
    script.push(json!({"kind": "cut", "after": 15}));
    let busy = json!({"words": 20_000, "chunk_bytes": 16 << 10, "script": script});
    for window in [65_535, 2 << 20] {
        let mock = mock(busy.clone()).await;
        let gateway = Gateway::before(&mock, "");
        let h2 = H2::connect(gateway.addr(), window).await;
        let mut others = Vec::new();
        for number in 0..20 {
            others.push(keep_reading(h2.send(asked(&gateway, &number.to_string())).await));
        }
        let response = h2.send(asked(&gateway, "a")).await;
        until("the cut", || mock.stats().active <= 20).await;
        assert_told_of_all(&read(response).await, "a", 14 * (16 << 10));
        for (number, other) in others.into_iter().enumerate() {
            let whole = expected_words(1, &messages(&number.to_string()), 20_000);
            assert_eq!(other.await.unwrap().told(), Told::Whole(whole));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_where_ten_streams_break_at_once() {
    for window in [65_535, 2 << 20] {
        let mock = mock(cut(false)).await;
        let gateway = Gateway::before(&mock, "");
        let h2 = H2::connect(gateway.addr(), window).await;
        let mut responses = Vec::new();
        for number in 0..10 {
            responses.push((number.to_string(), h2.send(asked(&gateway, &number.to_string())).await));
        }
        all_cut(&mock).await;
        let reading = responses.into_iter().map(|(question, response)| (question, keep_reading(response)));
        for (question, reading) in reading.collect::<Vec<_>>() {
            assert_told_of_all(&reading.await.unwrap(), &question, BEFORE_CUT);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_beside_downloads_that_fill_the_connection() {
    let head = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    let upstream = Upstream::start(move |seen| {
        if seen.head.starts_with("POST") {
            let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n";
            return Reply { head: stream.into(), part: head.into(), times: 1, ..Reply::default() };
        }
        let file = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999999999999\r\n\r\n";
        Reply { head: file.into(), part: vec![7; 64 << 10].into(), times: usize::MAX, ..Reply::default() }
    })
    .await;
    let short = "[timeouts]\nidle = \"200ms\"\n[backpressure]\nstall_timeout = \"2s\"";
    let gateway = Gateway::upstream(&upstream.url(), short);
    let h2 = H2::connect(gateway.addr(), 16 << 20).await;
    let url = format!("{}/v1/files/1/content", gateway.url);
    let mut downloads = Vec::new();
    for _ in 0..8 {
        let mut download = h2.send(request(http::Method::GET, &url)).await.into_body();
        downloads.push(tokio::spawn(async move { while let Some(Ok(_)) = download.frame().await {} }));
    }
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(keep_reading(h2.send(asked(&gateway, "a")).await));
    }
    for answer in answers {
        let answer = answer.await.unwrap();
        assert_eq!((answer.text().as_str(), answer.told()), ("Hel", Told::Failed("idle_timeout".into())));
    }
    assert!(downloads.iter().all(|download| !download.is_finished()));
}

#[tokio::test]
async fn a_body_is_read_no_faster_than_its_reader_takes_it() {
    // Ten megabytes: more than all the buffers on the way hold.
    let mock = mock(json!({"words": 800_000, "chunk_bytes": 16 << 10})).await;
    let gateway = Gateway::before(&mock, "");
    let h2 = H2::connect(gateway.addr(), 65_535).await;
    let mut response = h2.send(asked(&gateway, "a")).await;
    let _ = response.frame().await;
    tokio::time::sleep(PAUSE).await;
    assert_eq!(mock.stats().active, 1, "the chat API waits as well");
    let whole = expected_words(1, &messages("a"), 800_000);
    // Without the event that was read above, which is the role.
    assert_eq!(read(response).await.told(), Told::Whole(whole));
}
