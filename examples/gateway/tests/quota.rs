//! Requests and tokens per minute, as the gateway's users meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::json;
use support::*;

async fn metrics(gateway: &Gateway) -> String {
    let answer = send(&client(), request(Method::GET, &format!("{}/metrics", gateway.admin))).await;
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// Waits until `/metrics` has that line.
async fn until(gateway: &Gateway, line: &str) {
    let reached = async {
        while !metrics(gateway).await.lines().any(|it| it == line) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let reached = tokio::time::timeout(std::time::Duration::from_secs(20), reached).await;
    assert!(reached.is_ok(), "{line}\n{}", metrics(gateway).await);
}

/// A question with a credential: who asks.
async fn ask_as(gateway: &Gateway, who: &str, question: serde_json::Value) -> Answer {
    let mut request = post(&format!("{}{CHAT}", gateway.url), question.to_string().into());
    request.headers_mut().insert("authorization", format!("Bearer {who}").parse().unwrap());
    send(&client(), request).await
}

fn question(text: &str) -> serde_json::Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn who_is_over_the_limit_is_told_when_to_come_back_and_others_are_served() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\nrequests_per_minute = 2");
    let first = ask_as(&gateway, "a", question("a")).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("x-ratelimit-limit-requests"), "2");
    assert_eq!(first.header("x-ratelimit-remaining-requests"), "1");
    assert_eq!(ask_as(&gateway, "a", question("b")).await.status, 200);

    let refused = ask_as(&gateway, "a", question("c")).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-lastbyte-refused-by")), (429, "quota"));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!((refused.header("x-lastbyte-attempts"), refused.header("x-should-retry")), ("0", ""));
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&after), "{after}");
    assert_eq!(ask_as(&gateway, "b", question("d")).await.status, 200, "another tenant");

    assert_eq!(mock.stats().requests, 3);
    until(&gateway, "lastbyte_refused_total{by=\"quota\"} 1").await;
    until(&gateway, "lastbyte_quota_keys 2").await;
    let status = send(&client(), request(Method::GET, &format!("{}/status", gateway.admin))).await;
    let page = String::from_utf8(status.body.to_vec()).unwrap();
    assert!(page.contains("refused by quota") && page.contains("tenants with a quota in use"), "{page}");
    let list = send(&client(), request(Method::GET, &format!("{}/v1/models", gateway.url))).await;
    assert_ne!(list.status, 429, "to look costs nothing");
}

#[tokio::test]
async fn tokens_are_reserved_and_settled_by_what_the_answer_told() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\ntokens_per_minute = 100000");
    let mut question = question(&"字".repeat(100));
    question["stream_options"] = json!({"include_usage": true});
    let answer = ask_as(&gateway, "a", question).await;
    assert_eq!(answer.status, 200);
    // 100 characters, "user", the message and the answer's beginning; 1,024 for an answer nobody knows yet.
    until(&gateway, &format!("lastbyte_quota_reserved_tokens_total {}", 102 + 6 + 1_024)).await;
    let events = answer.events();
    let mut usage = events.iter().filter_map(|event| {
        serde_json::from_str::<serde_json::Value>(event).ok()?["usage"]["total_tokens"].as_u64()
    });
    let total = usage.next_back().expect("the mock tells its usage");
    until(&gateway, &format!("lastbyte_quota_used_tokens_total {total}")).await;
}

#[tokio::test]
async fn each_event_is_a_token_of_a_stream_that_tells_no_usage() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\ntokens_per_minute = 100000");
    let answer = ask_as(&gateway, "a", question("a")).await;
    let events = answer.events().iter().filter(|event| *event != "[DONE]").count();
    assert!(answer.status == 200 && events > 2, "{answer:?}");
    // "user" and "a": 2, the message and the answer's beginning.
    until(&gateway, &format!("lastbyte_quota_used_tokens_total {}", 2 + 6 + events)).await;
}

#[tokio::test]
async fn a_request_that_could_never_pass_is_told_so() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\ntokens_per_minute = 1000\nburst = \"6s\"");
    for question in [question(&"字".repeat(200)), json!({"max_tokens": 5000, "messages": []})] {
        let answer = ask_as(&gateway, "a", question).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (429, "false"));
        assert_eq!(answer.json()["error"]["code"], "request_above_quota");
        assert_eq!(answer.header("retry-after"), "");
    }
    assert_eq!(mock.stats().requests, 0);
}

#[tokio::test]
async fn a_reader_that_leaves_pays_for_what_was_begun() {
    let mock = mock(json!({"stall": {"after": 3}})).await;
    let gateway = Gateway::before(&mock, "[quota]\ntokens_per_minute = 100000");
    let url = format!("{}{CHAT}", gateway.url);
    let mut answer = client().request(post(&url, question("a").to_string().into())).await.unwrap();
    assert!(answer.body_mut().frame().await.is_some());
    drop(answer);
    // "user" and "a": 2, the message and the answer's beginning, and half of the 1,024.
    until(&gateway, &format!("lastbyte_quota_used_tokens_total {}", 2 + 6 + 512)).await;
}

#[tokio::test]
async fn a_path_is_limited_however_it_is_spelt() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\ntokens_per_minute = 1000\nburst = \"6s\"");
    for path in [CHAT, "/v1/chat/%63ompletions", "/v1//chat/completions//", "/v1/completions"] {
        let question = json!({"prompt": "", "max_tokens": 5000, "messages": []}).to_string();
        let answer = send(&client(), post(&format!("{}{path}", gateway.url), question.into())).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lastbyte-refused-by")),
            (429, "quota"),
            "{path}"
        );
    }
    assert_eq!(mock.stats().requests, 0);
}

#[tokio::test]
async fn a_key_is_one_tenant_however_it_is_spelt() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "[quota]\nrequests_per_minute = 1");
    for (number, credential) in ["Bearer k", "bearer k", "BEARER  k", " Bearer k "].into_iter().enumerate() {
        let mut request = post(&format!("{}{CHAT}", gateway.url), question("a").to_string().into());
        request.headers_mut().insert("authorization", credential.parse().unwrap());
        let status = send(&client(), request).await.status.as_u16();
        assert_eq!(status, if number == 0 { 200 } else { 429 }, "{credential:?}");
    }
    assert_eq!(ask_as(&gateway, "K", question("a")).await.status, 200, "another key");
}
