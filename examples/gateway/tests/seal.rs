//! The end of a broken answer, to the byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use http::StatusCode;
use lastbyte_mock::expected_text;
use serde_json::{Value, json};
use support::*;

/// Each way to break in the middle, and the code that tells of it.
fn breaks() -> [(Value, &'static str); 6] {
    [
        (json!({"kind": "cut", "after": 3}), "stream_truncated"),
        (json!({"kind": "cut", "after": 3, "reset": true}), "stream_truncated"),
        (json!({"kind": "half_event", "after": 3}), "stream_truncated"),
        (json!({"kind": "error_event", "after": 3}), "upstream_error"),
        (json!({"kind": "stall", "after": 3}), "idle_timeout"),
        (json!({"kind": "slow", "ms": 200}), "total_timeout"),
    ]
}

const CONFIG: &str = "
    [timeouts]
    first_event = \"1s\"
    idle = \"400ms\"
    total = \"1s\"
    [stream]
    hold_head = \"10s\"
";

/// The text before the break, as it may look.
#[track_caller]
fn assert_sealed(wire: Wire, data: &[u8], code: &str) {
    let data = std::str::from_utf8(data).unwrap();
    let start = data.rfind("\n\n").and_then(|end| data[..end].rfind("\n\n")).map_or(0, |at| at + 2);
    let event = &data[start..];
    let mut lines = event.lines();
    if wire != Wire::Chat {
        assert_eq!(lines.next(), Some("event: error"), "{event}");
    }
    let json: Value = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&json["error"]["type"], &json["error"]["code"]), (&json!("server_error"), &json!(code)));
    assert!(json["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{json}");
    assert_eq!(json.get("type"), (wire == Wire::Messages).then(|| json!("error")).as_ref(), "{json}");
    assert_eq!((lines.next(), lines.next()), (Some(""), None), "nothing behind it");
    assert!(!data.contains("[DONE]"));
    assert_eq!(data.matches("\"error\":{").count(), 1, "{data}");
}

async fn http1(wire: Wire) {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, CONFIG);
    for (fault, code) in breaks() {
        set_faults(&mock, json!({"script": [fault]}));
        let mut raw = Raw::connect(gateway.addr()).await;
        raw.post(wire.path(), &wire.ask(&messages("a"), true)).await;
        let all = raw.rest().await;
        let (head, data, last_chunk) = dechunked(&all);
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/event-stream"), "{head}");
        assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
        assert_sealed(wire, &data, code);
        assert!(!last_chunk && !all.ends_with(b"0\r\n\r\n"), "{wire:?} {fault}");
    }
}

#[tokio::test]
async fn http1_ends_behind_the_event_and_without_its_last_chunk() {
    tokio::join!(http1(Wire::Chat), http1(Wire::Responses), http1(Wire::Messages));
}

async fn http2(wire: Wire) {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, CONFIG);
    let h2 = H2::connect(gateway.addr(), 65_535).await;
    let url = format!("{}{}", gateway.url, wire.path());
    for (fault, code) in breaks() {
        // The neighbour's answer is on its way while this one breaks.
        set_faults(&mock, json!({"script": ["none", fault], "interval_ms": 4, "chunks": 20}));
        let neighbour = h2.send(post(&url, wire.ask(&messages("b"), true))).await;
        let broken = h2.send(post(&url, wire.ask(&messages("a"), true))).await;
        let (neighbour, broken) = tokio::join!(read(neighbour), read(broken));
        assert_eq!(broken.told(), Told::Failed(code.into()), "{wire:?} {fault}");
        assert_sealed(wire, &broken.body, code);
        assert_eq!(neighbour.told(), Told::Whole(expected_text(1, &messages("b"))));
    }
}

#[tokio::test]
async fn http2_ends_by_a_reset_of_this_stream_and_of_no_other() {
    tokio::join!(http2(Wire::Chat), http2(Wire::Responses), http2(Wire::Messages));
}

#[tokio::test]
async fn without_the_seal_it_ends_cleanly_behind_the_event() {
    let mock = mock(json!({"cut": {"after": 3}})).await;
    let gateway = Gateway::before(&mock, "[stream]\nseal = false");
    let h2 = H2::connect(gateway.addr(), 65_535).await;
    for wire in Wire::ALL {
        let mut raw = Raw::connect(gateway.addr()).await;
        raw.post(wire.path(), &wire.ask(&messages("a"), true)).await;
        let (_, data, last_chunk) = dechunked(&raw.until(b"0\r\n\r\n").await);
        assert!(last_chunk);
        assert_sealed(wire, &data, "stream_truncated");
        let url = format!("{}{}", gateway.url, wire.path());
        let answer = read(h2.send(post(&url, wire.ask(&messages("a"), true))).await).await;
        assert!(answer.clean);
        assert_sealed(wire, &answer.body, "stream_truncated");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_ends_the_answer_or_is_413_before_it() {
    let mock = mock(json!({"words": 2000, "chunk_bytes": 100})).await;
    let gateway = Gateway::before(&mock, "[stream]\nmax_event = \"8KiB\"");
    // Of the responses format only the last event, which has all of the text again, is large.
    let url = format!("{}{}", gateway.url, Wire::Responses.path());
    let answer = send(&client(), post(&url, Wire::Responses.ask(&messages("a"), true))).await;
    assert_eq!(answer.told(), Told::Failed("answer_too_large".into()));
    assert_sealed(Wire::Responses, &answer.body, "answer_too_large");

    set_faults(&mock, json!({"words": 2000, "chunk_bytes": 10_000}));
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["code"], "answer_too_large");
    assert_eq!(answer.header("x-lastbyte-attempts"), "1", "it would be as large again");
}
