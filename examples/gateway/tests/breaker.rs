//! The circuit breaker as readers and operators meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use http::{Method, StatusCode};
use lastbyte_mock::expected_text;
use serde_json::{Value, json};
use support::*;

/// No waits, and no budget that ends the retrying first.
const QUICK: &str = "[retry]\nmax_attempts = 1\n[breaker]\nmin_calls = 5\nopen_for = \"200ms\"\nprobes = 1";

async fn get(url: &str) -> Answer {
    send(&client(), request(Method::GET, url)).await
}

async fn set(gateway: &Gateway, change: Value) -> Answer {
    let mut request = post(&format!("{}/breaker", gateway.admin), change.to_string().into());
    *request.method_mut() = Method::PUT;
    send(&client(), request).await
}

async fn circuit(gateway: &Gateway) -> Value {
    get(&format!("{}/breaker", gateway.admin)).await.json()["circuits"][0].clone()
}

#[tokio::test]
async fn a_chat_api_that_is_down_is_left_alone_and_everything_else_goes_on() {
    let mock = mock(json!({"status": {"code": 500}})).await;
    let gateway = Gateway::before(&mock, &QUICK.replace("200ms", "1h"));
    for _ in 0..5 {
        assert_eq!(ask(&gateway.url, "a", true).await.status, 500);
    }
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("x-lastbyte-refused-by"), "breaker");
    assert_eq!(answer.header("x-lastbyte-attempts"), "0");
    assert_eq!(answer.json()["error"]["code"], "circuit_open");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 3500);
    assert_eq!(answer.header("x-should-retry"), "", "nothing was given up: coming back is right");
    assert_eq!(mock.stats().requests, 5);

    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(get(&format!("{}{path}", gateway.url)).await.status, 200, "{path}");
    }
    let metrics = get(&format!("{}/metrics", gateway.admin)).await.body;
    let metrics = std::str::from_utf8(&metrics).unwrap();
    for line in ["lastbyte_circuits{state=\"open\"} 1", "lastbyte_circuits_refused_total 1"] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    let page = get(&format!("{}/status", gateway.admin)).await.body;
    let page = std::str::from_utf8(&page).unwrap();
    assert!(page.contains("refuses calls for another"), "{page}");
    let circuit = circuit(&gateway).await;
    assert_eq!((&circuit["state"], &circuit["mode"]), (&json!("open"), &json!("auto")));
}

#[tokio::test]
async fn an_open_circuit_ends_the_retrying_at_once() {
    let mock = mock(json!({"status": {"code": 500}})).await;
    let config = "[retry]\ninitial = \"1ms\"\ncap = \"1ms\"\nbudget = 100\n[breaker]\nmin_calls = 3\n";
    let gateway = Gateway::before(&mock, config);
    let answer = ask(&gateway.url, "a", true).await;
    // The refusal is what is handed on: it says when to come back.
    assert_eq!((answer.status.as_u16(), mock.stats().requests), (503, 3));
    assert_eq!(answer.header("x-lastbyte-refused-by"), "breaker");
    assert_eq!(answer.header("x-lastbyte-attempts"), "3");
    assert_eq!(ask(&gateway.url, "a", true).await.header("x-lastbyte-refused-by"), "breaker");
    assert_eq!(mock.stats().requests, 3);
}

#[tokio::test]
async fn it_closes_by_itself_when_the_chat_api_is_well_again() {
    let mock = mock(json!({"status": {"code": 500}})).await;
    let gateway = Gateway::before(&mock, QUICK);
    for _ in 0..6 {
        ask(&gateway.url, "a", true).await;
    }
    assert_eq!(circuit(&gateway).await["state"], "open");
    set_faults(&mock, json!({}));
    let began = tokio::time::Instant::now();
    loop {
        let answer = ask(&gateway.url, "a", true).await;
        if answer.status == 200 {
            assert_eq!(answer.told(), Told::Whole(expected_text(1, &messages("a"))));
        } else {
            assert_eq!(answer.header("x-lastbyte-refused-by"), "breaker");
        }
        if circuit(&gateway).await["state"] == "closed" {
            break;
        }
        assert!(began.elapsed() < PATIENCE);
        // Its own answer says when to come back.
        let after = answer.header("retry-after-ms").parse().unwrap_or(1).min(50);
        tokio::time::sleep(std::time::Duration::from_millis(after)).await;
    }
}

#[tokio::test]
async fn operators_force_it_and_let_it_observe() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, QUICK);
    assert_eq!(ask(&gateway.url, "a", true).await.status, 200);
    let upstream = circuit(&gateway).await["upstream"].clone();

    assert_eq!(set(&gateway, json!({"mode": "open", "upstream": upstream})).await.status, 200);
    assert_eq!(ask(&gateway.url, "a", true).await.header("x-lastbyte-refused-by"), "breaker");
    let shown = set(&gateway, json!({"mode": "observe"})).await.json();
    assert_eq!(shown["circuits"][0]["mode"], "observe");
    set_faults(&mock, json!({"status": {"code": 500}}));
    for _ in 0..8 {
        assert_eq!(ask(&gateway.url, "a", true).await.status, 500, "it only observes");
    }
    let circuit = circuit(&gateway).await;
    assert_eq!((&circuit["state"], &circuit["refused"]), (&json!("open"), &json!(1 + 3)));

    for (change, status) in
        [(json!({"mode": "shut"}), 400), (json!({"mode": "open", "upstream": "nobody"}), 404)]
    {
        let answer = set(&gateway, change).await;
        assert_eq!(answer.status.as_u16(), status);
        assert!(answer.json()["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn where_it_is_not_enabled_every_call_goes_through() {
    let mock = mock(json!({"status": {"code": 500}})).await;
    let gateway = Gateway::before(&mock, &format!("{QUICK}\nenabled = false"));
    for _ in 0..20 {
        assert_eq!(ask(&gateway.url, "a", true).await.status, 500);
    }
    assert_eq!(mock.stats().requests, 20);
}
