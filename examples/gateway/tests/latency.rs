//! A small event leaves at once, whatever the one before it is waiting for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::*;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

/// What Linux delays an acknowledgement by at least. With Nagle's algorithm on, an event waits for that of
/// the one before.
const DELAYED_ACK: Duration = Duration::from_millis(40);

/// When the first and the second content came, counted from the first.
async fn gap(raw: &mut Raw) -> Duration {
    raw.post(CHAT, &question("a", true)).await;
    let (mut all, mut first) = (Vec::new(), None);
    let mut gap = Duration::ZERO;
    loop {
        assert_ne!(raw.0.read_buf(&mut all).await.unwrap(), 0);
        let text = String::from_utf8_lossy(&all);
        let contents =
            text.matches("\"content\":\"").count() - usize::from(text.contains("\"content\":\"\""));
        if contents >= 1 && first.is_none() {
            first = Some(Instant::now());
        }
        if let Some(first) = first
            && contents >= 2
            && gap.is_zero()
        {
            gap = first.elapsed();
        }
        if all.ends_with(b"0\r\n\r\n") {
            return gap;
        }
    }
}

#[tokio::test]
async fn the_second_event_does_not_wait_for_the_first_to_be_acknowledged() {
    let mock = mock(json!({"chunks": 3, "interval_ms": 5})).await;
    let gateway = Gateway::before(&mock, "");
    let mut raw = Raw::connect(gateway.addr()).await;
    let mut gaps = Vec::new();
    // On a connection that is kept: a system acknowledges the first packets of a new one at once.
    for _ in 0..25 {
        gaps.push(gap(&mut raw).await);
    }
    gaps.sort();
    let median = gaps[gaps.len() / 2];
    assert!(median < DELAYED_ACK / 2, "{gaps:?}");
}
