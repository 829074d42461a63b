//! Attempts and waits: what is configured, what the upstream asks for, what the caller allows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, SystemTime};

use http::{Method, Request};
use http_body_util::Full;
use lastbyte_mock::{Mock, expected_text};
use serde_json::{Value, json};
use support::*;
use tokio::time::Instant;

const QUICK: &str = "[retry]\ninitial = \"1ms\"\ncap = \"2ms\"";

fn asked(gateway: &Gateway, stream: bool) -> Request<Full<bytes::Bytes>> {
    post(&format!("{}{CHAT}", gateway.url), question("a", stream))
}

async fn timed(gateway: &Gateway, stream: bool) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = send(&client(), asked(gateway, stream)).await;
    (answer, began.elapsed())
}

/// An upstream that refuses for ever, in these words.
async fn refusing(status: &str, headers: &str, body: &str) -> Upstream {
    let length = body.len();
    let all = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    Upstream::start(move |_| Reply::new(all.clone())).await
}

const LIMITED: &str =
    r#"{"error":{"message":"slower","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;

#[tokio::test]
async fn there_are_as_many_attempts_as_configured() {
    for attempts in 1..=5 {
        let mock = mock(json!({"status": {"code": 503}})).await;
        let gateway = Gateway::before(&mock, &format!("{QUICK}\nmax_attempts = {attempts}"));
        let answer = ask(&gateway.url, "a", attempts % 2 == 0).await;
        assert_eq!((answer.status.as_u16(), mock.stats().requests), (503, attempts));
        assert_eq!(answer.header("x-lastbyte-attempts"), attempts.to_string());
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(answer.header("retry-after-ms").parse::<u64>().unwrap() >= 1);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert_eq!(answer.header("x-lastbyte-refused-by"), "", "nobody here said no");
        assert_eq!(answer.json()["error"]["message"], "The server had an error");
    }
}

#[tokio::test]
async fn waits_are_below_the_bounds_of_the_backoff() {
    let mock = mock(json!({"status": {"code": 503}})).await;
    let gateway = Gateway::before(&mock, "[retry]\ninitial = \"100ms\"\ncap = \"150ms\"\nmax_attempts = 4");
    // 100, 150 and 150 ms at most; without an end to the jitter it would be seconds.
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(timed(&gateway, true).await.1);
    }
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*least < Duration::from_millis(400), "{waits:?}");
    assert!(*most > Duration::from_millis(20), "there is a wait: {waits:?}");
}

#[tokio::test]
async fn a_wait_that_the_upstream_asks_for_is_kept() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    let waits = [
        (json!({"retry_after_ms": 300}), 300),
        (json!({"retry_after": "1"}), 1000),
        (json!({"retry_after": "0.4"}), 400),
        // Milliseconds are the finer word.
        (json!({"retry_after": "9", "retry_after_ms": 300}), 300),
        // In whole seconds, of which up to one is over by the time it is read.
        (json!({"retry_after": date}), 1000),
    ];
    let mut all = tokio::task::JoinSet::new();
    for (mut fault, least) in waits {
        fault["kind"] = "status".into();
        fault["code"] = 429.into();
        all.spawn(async move {
            let mock = mock(json!({"script": [fault]})).await;
            let gateway = Gateway::before(&mock, QUICK);
            let (answer, took) = timed(&gateway, true).await;
            assert_eq!(answer.told(), Told::Whole(expected_text(1, &messages("a"))), "{fault}");
            assert!(took >= Duration::from_millis(least), "{fault}: {took:?}");
            assert_eq!(mock.stats().requests, 2);
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_429_that_names_no_time_is_tried_again_after_the_backoff() {
    let mock =
        mock(json!({"script": [{"kind": "status", "code": 429}, {"kind": "status", "code": 429}]})).await;
    let gateway = Gateway::before(&mock, QUICK);
    let answer = ask(&gateway.url, "a", false).await;
    assert_eq!(answer.told(), Told::Whole(expected_text(1, &messages("a"))));
    assert_eq!(answer.header("x-lastbyte-attempts"), "3");
}

#[tokio::test]
async fn a_wait_beyond_max_wait_is_handed_on_at_once_as_it_came() {
    let headers = "retry-after: 3600\r\nx-ratelimit-remaining-requests: 0\r\nx-request-id: up-1\r\n";
    let upstream = refusing("429 Too Many Requests", headers, LIMITED).await;
    let gateway = Gateway::upstream(&upstream.url(), "");
    for stream in [true, false] {
        let (answer, took) = timed(&gateway, stream).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (429, LIMITED.as_bytes()));
        for (name, value) in [
            ("retry-after", "3600"),
            ("retry-after-ms", "3600000"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-upstream-request-id", "up-1"),
            ("x-should-retry", "false"),
            ("x-lastbyte-attempts", "1"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(upstream.seen().len(), 2);
    // `max_wait` is what decides.
    let gateway = Gateway::upstream(
        &upstream.url(),
        "[retry]\nmax_wait = \"2h\"\nwithin = \"3h\"\n[timeouts]\ntotal = \"4h\"",
    );
    let mut hurried = asked(&gateway, false);
    hurried.headers_mut().insert("x-request-timeout", "0.5".parse().unwrap());
    send(&client(), hurried).await;
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn money_is_not_waited_for() {
    let body = LIMITED.replace("rate_limit_exceeded", "insufficient_quota");
    let upstream = refusing("429 Too Many Requests", "retry-after: 1\r\n", &body).await;
    let gateway = Gateway::upstream(&upstream.url(), QUICK);
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (429, body.as_bytes()));
    assert_eq!((answer.header("retry-after"), answer.header("x-lastbyte-attempts")), ("1", "1"));
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_upstreams_own_word_on_retrying_is_obeyed() {
    for (status, said, attempts) in
        [("503 Busy", "false", 1), ("400 Bad", "true", 3), ("400 Bad", "", 1), ("501 No", "", 1)]
    {
        let header = if said.is_empty() { String::new() } else { format!("x-should-retry: {said}\r\n") };
        let upstream = refusing(status, &header, LIMITED).await;
        let gateway = Gateway::upstream(&upstream.url(), &format!("{QUICK}\nmax_attempts = 3"));
        let answer = ask(&gateway.url, "a", true).await;
        assert_eq!(upstream.seen().len(), attempts, "{status} {said}");
        assert_eq!(answer.body, LIMITED);
        let should = if attempts == 3 { "false" } else { said };
        assert_eq!(answer.header("x-should-retry"), should, "{status} {said}");
    }
}

#[tokio::test]
async fn no_attempt_begins_later_than_within() {
    let mock = mock(json!({"status": {"code": 429, "retry_after_ms": 400}})).await;
    let gateway = Gateway::before(&mock, "[retry]\nwithin = \"600ms\"");
    let (answer, took) = timed(&gateway, true).await;
    assert_eq!((answer.status.as_u16(), mock.stats().requests), (429, 2));
    assert_eq!((answer.header("x-should-retry"), answer.header("retry-after-ms")), ("false", "400"));
    assert!(took >= Duration::from_millis(400));
}

#[tokio::test]
async fn a_callers_limit_shorter_than_the_wait_fails_at_once_with_the_time_to_come_back() {
    let mock = mock(json!({"status": {"code": 429, "retry_after": "20"}})).await;
    let gateway = Gateway::before(&mock, "");
    let mut hurried = asked(&gateway, true);
    hurried.headers_mut().insert("x-request-timeout", "15".parse().unwrap());
    let began = Instant::now();
    let answer = send(&client(), hurried).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!((answer.status.as_u16(), mock.stats().requests), (429, 1));
    assert_eq!((answer.header("retry-after"), answer.header("retry-after-ms")), ("20", "20000"));
    assert_eq!(answer.header("x-should-retry"), "false");
}

#[tokio::test]
async fn a_callers_limit_ends_the_call_wherever_it_is() {
    let limits = [
        (json!({"stall": {"head": true}}), true, "504", "total_timeout"),
        (json!({"stall": {"head": true}}), false, "504", "total_timeout"),
        (json!({"stall": {}}), true, "504", "total_timeout"),
        (json!({"stall": {}}), false, "504", "total_timeout"),
        (json!({"stall": {"after": 2}}), true, "total_timeout", "total_timeout"),
    ];
    for (faults, stream, told, code) in limits {
        let mock = mock(faults.clone()).await;
        let gateway = Gateway::before(&mock, "");
        let mut hurried = asked(&gateway, stream);
        hurried.headers_mut().insert("x-request-timeout", "0.25".parse().unwrap());
        let answer = send(&client(), hurried).await;
        assert_eq!(answer.told(), Told::Failed(told.into()), "{faults} {stream}");
        if told == "504" {
            assert_eq!(answer.json()["error"]["code"], code, "{faults} {stream}");
            assert_eq!(answer.header("x-should-retry"), "false", "{faults} {stream}");
        }
        until("the end of the call upstream", || mock.stats().active == 0).await;
        assert_eq!(mock.stats().requests, 1, "{faults}");
    }
}

#[tokio::test]
async fn what_may_have_been_paid_for_is_not_asked_again_where_that_is_chosen() {
    for (fault, attempts) in [
        (json!({"kind": "status", "code": 500}), 1),
        (json!({"kind": "reset_before_head"}), 1),
        (json!({"kind": "cut", "after": 0}), 1),
        (json!({"kind": "status", "code": 429}), 2),
        (json!({"kind": "status", "code": 503}), 2),
    ] {
        let mock = mock(json!({"script": [fault]})).await;
        let gateway = Gateway::before(&mock, &format!("{QUICK}\nambiguous = \"fail\""));
        let answer = ask(&gateway.url, "a", true).await;
        assert_eq!(mock.stats().requests, attempts, "{fault}");
        assert_eq!(answer.header("x-should-retry"), if attempts == 1 { "false" } else { "" }, "{fault}");
    }
}

/// A gateway that lets its head go early, before a chat API that is silent for so long.
async fn early(stall: Value, config: &str) -> (Mock, Gateway) {
    let mock = mock(json!({"script": [stall]})).await;
    let config = format!("[stream]\nhold_head = \"150ms\"\nheartbeat = \"100ms\"\n{config}");
    let gateway = Gateway::before(&mock, &config);
    (mock, gateway)
}

#[tokio::test]
async fn a_head_held_long_enough_leaves_and_heartbeats_follow_until_the_answer() {
    let (mock, gateway) = early(json!({"kind": "stall", "head": true, "ms": 900}), "").await;
    let began = Instant::now();
    let response = client().request(asked(&gateway, true)).await.unwrap();
    let head_after = began.elapsed();
    let answer = read(response).await;
    assert!(head_after >= Duration::from_millis(150), "{head_after:?}");
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-lastbyte-attempts"), "1");
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let pings = body.split("data:").next().unwrap();
    assert!(pings.len() >= 2 * 7 && pings.replace(": ping\n", "").is_empty(), "{pings:?}");
    assert_eq!(answer.told(), Told::Whole(expected_text(1, &messages("a"))));
    assert_eq!(mock.stats().requests, 1);
}

#[tokio::test]
async fn behind_a_head_that_left_attempts_go_on() {
    let limited = json!({"kind": "status", "code": 429, "retry_after_ms": 400});
    let (mock, gateway) = early(limited, "").await;
    let answer = send(&client(), asked(&gateway, true)).await;
    assert_eq!(answer.told(), Told::Whole(expected_text(1, &messages("a"))));
    assert_eq!((answer.header("x-lastbyte-attempts"), mock.stats().requests), ("1", 2));
}

#[tokio::test]
async fn behind_a_head_that_left_a_failure_is_told_in_band() {
    let first_event = "[timeouts]\nfirst_event = \"400ms\"\n[retry]\nmax_attempts = 1";
    let total = "[timeouts]\nfirst_event = \"400ms\"\ntotal = \"400ms\"";
    let limited = json!({"kind": "status", "code": 429, "retry_after_ms": 300});
    for (script, config, code) in [
        (json!([{"kind": "stall", "head": true}]), first_event, "first_event_timeout"),
        (json!([{"kind": "stall"}]), first_event, "first_event_timeout"),
        (json!([{"kind": "stall", "head": true}]), total, "total_timeout"),
        (json!([{"kind": "stall"}]), total, "total_timeout"),
        (json!([limited, {"kind": "status", "code": 400}]), "", "upstream_error"),
        (json!([limited, {"kind": "reset_before_head"}]), "[retry]\nmax_attempts = 2", "upstream_error"),
        (json!([limited, {"kind": "garbage"}]), "[retry]\nmax_attempts = 2", "upstream_error"),
    ] {
        let (mock, gateway) = early(json!("none"), config).await;
        set_faults(&mock, json!({"script": script}));
        let answer = send(&client(), asked(&gateway, true)).await;
        assert_eq!(answer.told(), Told::Failed(code.into()), "{script}");
        assert!(answer.body.starts_with(b": ping\n"), "{:?}", answer.body);
        assert_eq!(answer.events().len(), 1, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn every_stream_that_begins_late_is_counted_once() {
    let (mock, gateway) = early(json!({"kind": "stall", "ms": 300}), "").await;
    send(&client(), asked(&gateway, true)).await;
    let stats = send(&client(), request(Method::GET, &format!("{}/stats", gateway.admin))).await.json();
    assert_eq!(stats["endings"], json!({"complete": 1}));
    assert_eq!(mock.stats().answers, 1);
}
