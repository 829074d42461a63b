//! The main job: hundreds of answers at once through a chat API that fails often.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use http::Method;
use lastbyte_mock::expected_text;
use serde_json::json;
use support::*;
use tokio::task::JoinSet;

/// Asks so many questions at once, each by a client that tries once; every text that came whole is right.
async fn storm(url: &str, questions: usize) -> BTreeMap<String, usize> {
    let client = client();
    let mut asking = JoinSet::new();
    for number in 0..questions {
        let messages = messages(&format!("question {number}"));
        let asked = post(&format!("{url}{CHAT}"), Wire::Chat.ask(&messages, true));
        let client = client.clone();
        asking.spawn(async move {
            match send(&client, asked).await.told() {
                Told::Whole(text) => {
                    assert_eq!(text, expected_text(1, &messages), "doubled, lost or out of order");
                    "whole".to_owned()
                }
                Told::Failed(code) => code,
                Told::Unknown => "unknown".to_owned(),
            }
        });
    }
    let mut told = BTreeMap::new();
    while let Some(one) = asking.join_next().await {
        *told.entry(one.unwrap()).or_default() += 1;
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_answers_at_once_are_whole_and_without_retries_they_are_not() {
    let demo = Gateway::start("demo", &[]);
    let switches = format!("{}/demo/faults", demo.url);
    let mut faults = send(&client(), request(Method::GET, &switches)).await.json();
    // The mix is the demo's own. The events are fewer, so that a busy machine is no fault of its own.
    faults["chunks"] = 8.into();
    assert_eq!(send(&client(), post(&switches, faults.to_string().into())).await.status.as_u16(), 204);
    let told = storm(&demo.url, 500).await;
    // Five failures in a row, which happens to one of forty thousand.
    assert!(told["whole"] >= 499 && !told.contains_key("unknown"), "{told:?}");
    let stats = send(&client(), request(Method::GET, &format!("{}/demo/stats", demo.url))).await.json();
    let met: BTreeMap<String, u64> = serde_json::from_value(stats["faults"].clone()).unwrap();
    for kind in ["status", "reset_before_head", "stall"] {
        assert!(met[kind] > 0, "{met:?}");
    }
    assert!(stats["requests"].as_u64().unwrap() > 520, "{stats}");
    drop(demo);

    let mock = mock(faults).await;
    let bare = "[retry]\nmax_attempts = 1\n[timeouts]\nfirst_event = \"2s\"";
    let gateway = Gateway::before(&mock, bare);
    let told = storm(&gateway.url, 250).await;
    assert!(told["whole"] < 240 && !told.contains_key("unknown"), "{told:?}");
    for code in ["429", "502", "504"] {
        assert!(told.contains_key(code), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_answers_that_are_cut_in_the_middle_none_looks_whole() {
    let demo = Gateway::start("demo", &[]);
    let cuts = json!({"cut": {"rate": 0.1}, "half_event": 0.1, "chunks": 12, "interval_ms": 2});
    let url = format!("{}/demo/faults", demo.url);
    let set = send(&client(), post(&url, cuts.to_string().into())).await;
    assert_eq!(set.status.as_u16(), 204);
    let told = storm(&demo.url, 200).await;
    let broken = told["stream_truncated"];
    assert_eq!(told["whole"] + broken, 200, "{told:?}");
    assert!((15..=70).contains(&broken), "{told:?}");
}

#[tokio::test]
async fn the_page_and_its_switches_are_there() {
    let demo = Gateway::start("demo", &[]);
    let client = client();
    let page = send(&client, request(Method::GET, &demo.url)).await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    for part in ["/chat.js", "/style.css"] {
        assert!(text.contains(part), "{part}");
        assert_eq!(
            send(&client, request(Method::GET, &format!("{}{part}", demo.url))).await.status.as_u16(),
            200
        );
    }
    let faults = format!("{}/demo/faults", demo.url);
    let wrong = send(&client, post(&faults, r#"{"cut": 2}"#.into())).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.json()["error"]["code"].clone()),
        (400, json!("invalid_faults"))
    );
    let rates = || async {
        let now = send(&client, request(Method::GET, &faults)).await.json();
        let mix = now["mix"].as_array().cloned().unwrap_or_default();
        mix.into_iter().map(|fault| (fault["kind"].clone(), fault["rate"].clone())).collect::<Vec<_>>()
    };
    let before = rates().await;
    assert!(before.contains(&(json!("reset_before_head"), json!(0.03))), "what is wrong changes nothing");
    assert_eq!(send(&client, post(&faults, r#"{"no_done": 1}"#.into())).await.status.as_u16(), 204);
    assert_eq!(rates().await, [(json!("no_done"), json!(1.0))]);
    assert!(matches!(ask(&demo.url, "a", true).await.told(), Told::Whole(_)));

    // A gateway that is no demo has no such switches.
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "");
    let none = send(&client, request(Method::GET, &format!("{}/demo/faults", gateway.url))).await;
    assert_eq!(none.status.as_u16(), 404);
}

#[tokio::test]
async fn the_demo_tells_where_its_pages_are() {
    let demo = Gateway::start("demo", &[]);
    let pages = ["/", "/status", "/redact"];
    let at = pages.map(|page| format!("{}{page}", if page == "/" { &demo.url } else { &demo.admin }));
    for page in &at {
        assert_eq!(send(&client(), request(Method::GET, page)).await.status.as_u16(), 200, "{page}");
    }
    demo.terminate();
    let told = demo.exit_with_output().await;
    let told: Vec<_> = told.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(told, at);
}
