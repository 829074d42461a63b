//! A reader that leaves takes its call upstream along, at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use lastbyte_mock::Mock;
use serde_json::{Value, json};
use support::*;
use tokio::time::Instant;

/// What is guaranteed.
const WITHIN: Duration = Duration::from_millis(300);

/// The machine may be busy with something else when a reader leaves; one of a few times it is not.
const TRIES: usize = 5;

/// How far an answer has come when its reader leaves: the fault, and whether its head is there.
fn phases() -> [(&'static str, Value, bool); 6] {
    [
        ("before the head", json!({"stall": {"head": true}}), false),
        ("before the first event", json!({"stall": {}}), false),
        ("in the middle, silent", json!({"stall": {"after": 3}}), true),
        ("in the middle, flowing", json!({"interval_ms": 20}), true),
        ("in the middle, flooding", json!({"words": 400_000, "chunk_bytes": 4096}), true),
        (
            "before the first event of the second attempt",
            json!({"script": ["refuse", {"kind": "stall"}]}),
            false,
        ),
    ]
}

async fn is_under_way(mock: &Mock) {
    until("a call upstream", || mock.stats().active == 1).await;
}

/// Ready once the call upstream is gone; how long it took since `left`.
async fn gone(mock: &Mock, left: Instant) -> Duration {
    until("the end of the call upstream", || mock.stats().active == 0).await;
    let took = left.elapsed();
    assert_eq!(mock.stats().cancelled, 1, "{:?}", mock.stats());
    took
}

fn asked(gateway: &Gateway, stream: bool) -> Request<Full<bytes::Bytes>> {
    post(&format!("{}{CHAT}", gateway.url), question("a", stream))
}

async fn close(mock: &Mock, gateway: &Gateway, with_head: bool) -> Duration {
    let mut raw = Raw::connect(gateway.addr()).await;
    raw.post(CHAT, &question("a", true)).await;
    is_under_way(mock).await;
    if with_head {
        raw.until(b"\"content\":\"0:").await;
    }
    let left = Instant::now();
    drop(raw);
    gone(mock, left).await
}

async fn reset(mock: &Mock, gateway: &Gateway, with_head: bool) -> Duration {
    let h2 = H2::connect(gateway.addr(), 1 << 20).await;
    let left = if with_head {
        let mut response = h2.send(asked(gateway, true)).await;
        response.frame().await.unwrap().unwrap();
        Instant::now()
    } else {
        let asking = tokio::time::timeout(PATIENCE, h2.send(asked(gateway, true)));
        tokio::select! {
            _ = asking => panic!("a head"),
            () = is_under_way(mock) => Instant::now(),
        }
    };
    // The stream is dropped by now, and the connection is not.
    let took = gone(mock, left).await;
    drop(h2);
    took
}

#[tokio::test]
async fn a_reader_that_closes_its_connection_cancels_its_upstream_call() {
    for (phase, faults, with_head) in phases() {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let mock = mock(faults.clone()).await;
            let gateway = Gateway::before(&mock, "[retry]\ninitial = \"1ms\"");
            best = best.min(close(&mock, &gateway, with_head).await);
            if best < WITHIN {
                break;
            }
        }
        assert!(best < WITHIN, "{phase}: {best:?}");
    }
}

#[tokio::test]
async fn a_reader_that_resets_its_stream_cancels_its_upstream_call() {
    for (phase, faults, with_head) in phases() {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let mock = mock(faults.clone()).await;
            let gateway = Gateway::before(&mock, "[retry]\ninitial = \"1ms\"");
            best = best.min(reset(&mock, &gateway, with_head).await);
            if best < WITHIN {
                break;
            }
        }
        assert!(best < WITHIN, "{phase}: {best:?}");
    }
}

#[tokio::test]
async fn behind_heartbeats_and_without_a_stream_it_is_the_same() {
    let mock = mock(json!({"stall": {}})).await;
    let early = "[stream]\nhold_head = \"50ms\"\nheartbeat = \"20ms\"";
    let gateway = Gateway::before(&mock, early);
    let mut best = [Duration::MAX; 2];
    for _ in 0..TRIES {
        mock.reset();
        let mut raw = Raw::connect(gateway.addr()).await;
        raw.post(CHAT, &question("a", true)).await;
        raw.until(b": ping\n").await;
        let left = Instant::now();
        drop(raw);
        best[0] = best[0].min(gone(&mock, left).await);

        mock.reset();
        let mut raw = Raw::connect(gateway.addr()).await;
        raw.post(CHAT, &question("a", false)).await;
        is_under_way(&mock).await;
        let left = Instant::now();
        drop(raw);
        best[1] = best[1].min(gone(&mock, left).await);
        if best.iter().all(|best| *best < WITHIN) {
            break;
        }
    }
    assert!(best.iter().all(|best| *best < WITHIN), "{best:?}");
}

#[tokio::test]
async fn no_attempt_is_made_for_a_reader_that_left_while_it_was_waited() {
    let mock = mock(json!({"status": {"code": 429, "retry_after_ms": 400}})).await;
    // With pacing the second would wait for the time that the first was told.
    let gateway = Gateway::before(&mock, "[retry]\npacing = false");
    let mut raw = Raw::connect(gateway.addr()).await;
    raw.post(CHAT, &question("a", true)).await;
    let h2 = H2::connect(gateway.addr(), 1 << 20).await;
    let asking = tokio::time::timeout(PATIENCE, h2.send(asked(&gateway, true)));
    tokio::select! {
        _ = asking => panic!("a head"),
        () = until("both first attempts", || mock.stats().requests == 2) => {}
    }
    drop(raw);
    // Beyond the time of the next attempt, its tenth of jitter included.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(mock.stats().requests, 2);
    let stats = send(&client(), request(http::Method::GET, &format!("{}/stats", gateway.admin))).await.json();
    assert_eq!((&stats["endings"], &stats["active"]), (&json!({"abandoned": 2}), &json!(0)));
}
