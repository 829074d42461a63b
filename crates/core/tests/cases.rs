//! The case files, under every way to split their bytes into chunks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use bytes::Bytes;
use http::StatusCode;
use lastbyte_core::sse::Scanner;
use lastbyte_core::{Ask, Cause, Dialect, Ending, FailureKind, Judge, TransportEnd, TransportFault};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every split of `len` bytes in two, every equal split up to 9 bytes, and 50 seeded random ones. Where
/// that is too much work for one body, sizes around powers of two.
fn splits(len: usize) -> Vec<Vec<usize>> {
    let equal = |size: usize| (0..len).step_by(size).skip(1).collect::<Vec<_>>();
    if len > 10_000 {
        return [1, 3, 64, 1021, 8192, len].into_iter().map(equal).collect();
    }
    let mut all: Vec<Vec<usize>> = (0..=len).map(|at| vec![at]).collect();
    all.extend((1..10).map(equal));
    let mut random = fastrand::Rng::with_seed(len as u64);
    for _ in 0..50 {
        let mut cuts: Vec<usize> = (0..random.usize(1..20)).map(|_| random.usize(0..=len)).collect();
        cuts.sort_unstable();
        all.push(cuts);
    }
    all
}

fn chunks(body: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut from = 0;
    let mut out = Vec::new();
    for &to in cuts.iter().chain([&body.len()]) {
        out.push(Bytes::copy_from_slice(&body[from..to]));
        from = to;
    }
    out
}

fn decoded(value: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn input(case: &Value) -> Vec<u8> {
    if let Some(parts) = case["input"]["parts"].as_array() {
        return parts
            .iter()
            .flat_map(|part| decoded(&part["b64"]).repeat(part["repeat"].as_u64().unwrap() as usize))
            .collect();
    }
    decoded(&case["input"]["b64"])
}

#[test]
fn the_scanner_reads_every_stream_under_every_split() {
    let cases = cases("sse_cases.json");
    assert_eq!(cases.len(), 64);
    for case in cases {
        let (name, expect) = (&case["name"], &case["expect"]);
        let body = input(&case);
        for cuts in splits(body.len()) {
            let mut scanner = Scanner::new(1 << 20);
            let mut events: Vec<(String, String, String)> = Vec::new();
            for chunk in chunks(&body, &cuts) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                scanner
                    .push(&chunk, |event| {
                        let kind = if event.name().is_empty() { b"message" } else { event.name() };
                        events.push((text(kind), event.text().into_owned(), text(event.id())));
                    })
                    .unwrap();
            }
            let last_id = scanner.last_event_id();
            assert_eq!(&*last_id, expect["last_event_id"].as_str().unwrap(), "{name} {cuts:?}");
            // One case leaves open what a number too large means.
            if expect["retry_ms"] != "any" {
                assert_eq!(scanner.retry_ms(), expect["retry_ms"].as_u64(), "{name} {cuts:?}");
            }
            if let Some(expected) = expect["events"].as_array() {
                let string = |value: &Value| value.as_str().unwrap().to_owned();
                let expected: Vec<_> = expected
                    .iter()
                    .map(|event| (string(&event["type"]), string(&event["data"]), string(&event["id"])))
                    .collect();
                assert_eq!(events, expected, "{name} {cuts:?}");
            } else {
                assert_eq!(events.len() as u64, expect["events_count"].as_u64().unwrap(), "{name}");
                let data = &events[0].1;
                assert_eq!(data.len() as u64, expect["data_len"].as_u64().unwrap(), "{name}");
                let digest: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(digest, expect["data_sha256"].as_str().unwrap(), "{name}");
            }
        }
    }
}

fn dialect(name: &str) -> Dialect {
    match name {
        "openai-chat" => Dialect::OpenAiChat,
        "openai-responses" => Dialect::OpenAiResponses,
        "anthropic" => Dialect::Anthropic,
        other => panic!("no dialect {other}"),
    }
}

fn transport_end(name: &str) -> TransportEnd {
    let broken = |cause| {
        TransportEnd::Broken(TransportFault {
            kind: FailureKind::Reset,
            cause,
            sent: lastbyte_core::Sent::Maybe,
            passing: true,
        })
    };
    match name {
        "clean" => TransportEnd::Clean,
        "reset" => broken(Cause::Reset),
        "content_length_short" | "chunked_unterminated" => broken(Cause::LengthShort),
        "idle_timeout" => TransportEnd::Limit(Cause::Idle, false),
        other => panic!("no end {other}"),
    }
}

fn assert_outcome(name: &str, ending: &Ending, expect: &Value) {
    let outcome = expect["outcome"].as_str().unwrap();
    let kind = expect["kind"].as_str().unwrap_or_default();
    let as_expected = match (outcome, ending) {
        ("complete", Ending::Complete { finish, .. }) => {
            expect["finish_reason"].as_str().is_none_or(|reason| reason == finish.as_str())
        }
        ("truncated", Ending::Truncated { cause, by_caller: false }) => match kind {
            "eof" | "done_without_finish_reason" => matches!(cause, Cause::Eof | Cause::HalfEvent),
            // Nothing came; what ended the transport is told all the same.
            "empty" => matches!(cause, Cause::Eof | Cause::Reset),
            "reset" => *cause == Cause::Reset,
            "incomplete_body" => *cause == Cause::LengthShort,
            "idle_timeout" => *cause == Cause::Idle,
            "abort" => *cause == Cause::Aborted,
            _ => false,
        },
        ("upstream_error", Ending::Failed { kind: FailureKind::Event { code, .. } }) => **code == *kind,
        ("garbage", Ending::Failed { kind: FailureKind::Garbage }) => true,
        _ => false,
    };
    assert!(as_expected, "{name}: {ending:?} is not {expect}");
}

#[test]
fn every_end_of_a_stream_is_told_under_every_split() {
    let cases = cases("stream_end_cases.json");
    assert_eq!(cases.len(), 48);
    for case in cases {
        let (name, input, expect) = (case["name"].as_str().unwrap(), &case["input"], &case["expect"]);
        let ask = Ask {
            dialect: Some(dialect(input["dialect"].as_str().unwrap())),
            stream: Some(true),
            body: true,
        };
        let (head, ()) = http::Response::builder()
            .status(StatusCode::from_u16(input["status"].as_u64().unwrap() as u16).unwrap())
            .header("content-type", input["content_type"].as_str().unwrap())
            .body(())
            .unwrap()
            .into_parts();
        let body = input["body"].as_str().unwrap().as_bytes();
        for cuts in splits(body.len()) {
            let mut judge = Judge::new(&ask, &head, 1 << 20, 4 << 20);
            for chunk in chunks(body, &cuts) {
                judge.chunk(&chunk);
            }
            if judge.is_stream() {
                assert_eq!(judge.content(), expect["content_seen"].as_bool().unwrap(), "{name} {cuts:?}");
            }
            let ending = judge.end(transport_end(input["transport_end"].as_str().unwrap()));
            assert_outcome(name, &ending, expect);
        }
    }
}
