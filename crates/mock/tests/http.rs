//! The mock over HTTP, as one sees it who writes tests against it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::{Faults, Mock, MockConfig, expected_text, expected_words};
use serde_json::{Value, json};
use tokio::time::Instant;

struct Api {
    mock: Mock,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    clean: bool,
}

impl Api {
    async fn new(faults: Value) -> Self {
        let faults = Faults::read(faults.to_string().as_bytes()).unwrap();
        let mock = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 7, faults }).await.unwrap();
        Self { mock, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// `None` where the connection broke before a head.
    async fn send(&self, method: Method, path: &str, body: String) -> Option<Got> {
        let url = format!("http://{}{path}", self.mock.addr());
        let request = Request::builder().method(method).uri(url).body(Full::from(body)).unwrap();
        let (head, mut body) = self.client.request(request).await.ok()?.into_parts();
        let (mut bytes, mut clean) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
                Err(_) => {
                    clean = false;
                    break;
                }
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        Some(Got { status: head.status, headers: head.headers, text, clean })
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.send(Method::POST, path, body.to_string()).await.unwrap()
    }

    async fn stats(&self) -> Value {
        serde_json::from_str(&self.send(Method::GET, "/stats", String::new()).await.unwrap().text).unwrap()
    }

    async fn ask(&self, stream: bool) -> Option<Got> {
        let body = json!({"model": "m", "messages": messages(), "stream": stream}).to_string();
        self.send(Method::POST, "/v1/chat/completions", body).await
    }
}

fn messages() -> Value {
    json!([{"role": "user", "content": "a"}])
}

/// The text of each content event.
fn pieces(got: &Got) -> Vec<String> {
    let events = got.text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let texts = events.filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()));
    texts.filter(|text| !text.is_empty()).collect()
}

#[tokio::test]
async fn faults_change_while_it_runs_and_what_is_wrong_changes_nothing() {
    let api = Api::new(json!({})).await;
    assert_eq!(api.post("/faults", json!({"status": {"code": 503, "rate": 1}})).await.status, 200);
    assert_eq!(api.ask(true).await.unwrap().status, 503);
    for wrong in [
        json!({"status": {"code": 503, "rate": 2}}),
        json!({"statuss": 1}),
        json!([]),
        json!({"cut": {"afer": 1}}),
    ] {
        let got = api.post("/faults", wrong.clone()).await;
        assert_eq!(got.status, 400, "{wrong}");
        assert!(got.text.contains("\"error\""), "{}", got.text);
    }
    assert_eq!(api.ask(true).await.unwrap().status, 503);
    assert_eq!(api.post("/faults", json!({})).await.status, 200);
    assert_eq!(pieces(&api.ask(true).await.unwrap()).concat(), expected_text(7, &messages()));
}

#[tokio::test]
async fn statuses_carry_the_time_to_come_back() {
    let api = Api::new(json!({})).await;
    for code in [429, 500, 502, 503, 529] {
        for (given, header, value) in [
            (json!({}), "retry-after", None),
            (json!({"retry_after": 7}), "retry-after", Some("7")),
            (
                json!({"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}),
                "retry-after",
                Some("Fri, 31 Dec 1999 23:59:59 GMT"),
            ),
            (json!({"retry_after_ms": 250}), "retry-after-ms", Some("250")),
        ] {
            let mut fault = given.clone();
            fault["code"] = code.into();
            api.post("/faults", json!({ "status": fault })).await;
            let got = api.ask(true).await.unwrap();
            assert_eq!(got.status.as_u16(), code);
            assert_eq!(got.headers.get(header).map(|value| value.to_str().unwrap()), value, "{code} {given}");
        }
    }
}

#[tokio::test]
async fn connections_break_as_they_are_told_to() {
    let api = Api::new(json!({})).await;
    for (faults, head, clean, events) in [
        (json!({"refuse": 1}), false, false, 0),
        (json!({"reset_before_head": 1}), false, false, 0),
        (json!({"cut": {"after": 3}}), true, true, 3),
        (json!({"cut": {"after": 3, "reset": true}}), true, false, 3),
        (json!({"half_event": {"after": 3}}), true, true, 3),
        (json!({"panic": {"after": 3}}), true, false, 3),
        (json!({"no_done": 1, "chunks": 5}), true, true, 5),
    ] {
        api.post("/faults", faults.clone()).await;
        let got = api.ask(true).await;
        assert_eq!(got.is_some(), head, "{faults}");
        let Some(got) = got else { continue };
        assert_eq!((got.clean, pieces(&got).len()), (clean, events), "{faults}: {}", got.text);
        assert!(!got.text.contains("[DONE]"), "{faults}");
    }
    api.post("/faults", json!({"error_event": {"after": 2}})).await;
    assert!(api.ask(true).await.unwrap().text.contains("\"error\":{"));
    api.post("/faults", json!({"garbage": 1})).await;
    assert_eq!(api.ask(true).await.unwrap().headers["content-type"], "text/html");
    api.post("/faults", json!({"cut": 1})).await;
    assert!(!api.ask(false).await.unwrap().clean, "its length said more");
}

#[tokio::test]
async fn silence_and_slowness_take_their_time() {
    for (faults, least) in [
        (json!({"stall": {"ms": 200}}), 200),
        (json!({"stall": {"ms": 200, "head": true}}), 200),
        (json!({"stall": {"ms": 200, "after": 3}}), 200),
        (json!({"slow": {"ms": 50}, "chunks": 5}), 200),
        (json!({"first_event_ms": 200}), 200),
        (json!({"interval_ms": 50, "chunks": 5}), 200),
    ] {
        let api = Api::new(faults.clone()).await;
        let began = Instant::now();
        let got = api.ask(true).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(least), "{faults}");
        assert_eq!(pieces(&got).concat(), expected_text(7, &messages()), "{faults}");
    }
}

#[tokio::test]
async fn the_shape_is_the_one_that_is_asked_for() {
    let whole = expected_text(7, &messages());
    for (faults, text, count) in [
        (json!({"chunks": 4}), whole.clone(), 4..=5),
        (json!({"chunks": 1}), whole.clone(), 1..=1),
        (json!({"chunk_bytes": 100}), whole.clone(), whole.len() / 100..=whole.len() / 90),
        (json!({"words": 5, "chunk_bytes": 1000}), expected_words(7, &messages(), 5), 1..=1),
    ] {
        let api = Api::new(faults.clone()).await;
        let pieces = pieces(&api.ask(true).await.unwrap());
        assert_eq!(pieces.concat(), text, "{faults}");
        assert!(count.contains(&pieces.len()), "{faults}: {}", pieces.len());
    }
}

#[tokio::test]
async fn equal_seeds_meet_equal_faults_and_reset_begins_anew() {
    let mix = json!({"status": {"code": 500, "rate": 0.3}, "cut": {"rate": 0.3}});
    let roll = async |api: &Api| {
        let mut seen = Vec::new();
        for _ in 0..30 {
            let got = api.ask(true).await.unwrap();
            seen.push((got.status.as_u16(), pieces(&got).len()));
        }
        seen
    };
    let (one, other) = (Api::new(mix.clone()).await, Api::new(mix).await);
    let first = roll(&one).await;
    assert_eq!(first, roll(&other).await);
    assert!(first.iter().any(|(status, _)| *status == 500) && first.iter().any(|(status, _)| *status == 200));
    assert_ne!(first, roll(&one).await, "the dice go on");
    assert_eq!(one.post("/reset", json!({})).await.status, 200);
    assert_eq!(one.stats().await["requests"], 0);
    assert_eq!(first, roll(&one).await);
}

#[tokio::test]
async fn it_counts_by_kind_and_tells_cancelled_streams() {
    let script = json!(["none", {"kind": "status", "code": 429}, {"kind": "cut"}, {"kind": "stall"}]);
    let api = Api::new(json!({ "script": script })).await;
    for _ in 0..3 {
        api.ask(true).await.unwrap();
    }
    let given_up = tokio::time::timeout(Duration::from_millis(200), api.ask(true)).await;
    assert!(given_up.is_err());
    while api.mock.stats().active > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let stats = api.stats().await;
    let faults = json!({"none": 1, "status": 1, "cut": 1, "stall": 1});
    assert_eq!(
        (&stats["requests"], &stats["answers"], &stats["cancelled"]),
        (&json!(4), &json!(1), &json!(1))
    );
    assert_eq!((&stats["faults"], &stats["peak"], &stats["active"]), (&faults, &json!(1), &json!(0)));
}

#[tokio::test]
async fn beyond_its_rate_it_refuses() {
    let limited = json!({"capacity": {"per_second": 0.001, "burst": 3, "retry_after": 9}});
    let api = Api::new(limited).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let got = api.ask(false).await.unwrap();
        statuses.push(got.status.as_u16());
        if got.status == 429 {
            assert_eq!(got.headers["retry-after"], "9");
        }
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let stats = api.stats().await;
    assert_eq!((&stats["requests"], &stats["answers"], &stats["refused"]), (&json!(5), &json!(3), &json!(2)));
}

#[tokio::test]
async fn refusals_count_against_the_rate_where_they_are_told_to() {
    // Two a second: after five refusals that count, the next one is three seconds away.
    for (count, status) in [(false, 200), (true, 429)] {
        let capacity = json!({"per_second": 2, "burst": 5, "refusals_count": count});
        let api = Api::new(json!({ "capacity": capacity })).await;
        for _ in 0..10 {
            api.ask(false).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(api.ask(false).await.unwrap().status.as_u16(), status, "{count}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_never_more_than_there_are() {
    let capacity = json!({"slots": 3, "head_delay_ms": 50, "refusal_ms": 20});
    let api = std::sync::Arc::new(Api::new(json!({ "capacity": capacity })).await);
    let began = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let api = api.clone();
        asking.spawn(async move { api.ask(false).await.unwrap().status.as_u16() });
    }
    let statuses = asking.join_all().await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert!(statuses.iter().filter(|status| **status == 200).count() >= 3);
    let stats = api.mock.stats();
    assert_eq!((stats.peak, stats.requests), (3, 20));
    assert!(stats.refused > 0, "{stats:?}");
}
