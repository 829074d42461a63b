//! Answers that break in the middle: gone on with, or ended honestly; over sockets, on every wire format.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use lastbyte_mock::{Mock, expected_text};
use serde_json::json;
use support::*;
use tokio::task::JoinSet;

const ANSWERS: usize = 200;

/// Asks a chat API that breaks one answer in eight, and says what came of each.
async fn broken(wire: Wire, way: &str, retry: &str, accept: &str) -> (BTreeMap<String, usize>, Mock) {
    let continuations = if way == "none" { vec![] } else { vec![way] };
    let faults = json!({
        "cut": [{"rate": 0.06}, {"rate": 0.03, "reset": true}], "half_event": 0.04,
        "chunks": 12, "interval_ms": 1, "continuations": continuations,
    });
    let mock = mock(faults).await;
    let config = format!(
        "[retry]\ninitial = \"1ms\"\ncap = \"2ms\"\nbudget = 1\n{retry}\n[upstream]\ncontinuation = \"{way}\""
    );
    let gateway = Gateway::before(&mock, &config);
    let client = client();
    let mut asking = JoinSet::new();
    for number in 0..ANSWERS {
        let messages = messages(&format!("question {number}"));
        let mut asked = post(&format!("{}{}", gateway.url, wire.path()), wire.ask(&messages, true));
        if !accept.is_empty() {
            asked.headers_mut().insert("x-lastbyte-accept", accept.parse().unwrap());
        }
        let client = client.clone();
        asking.spawn(async move {
            let answer = send(&client, asked).await;
            let again = answer.events().iter().rposition(|event| event == "{\"type\":\"restart\"}");
            match answer.told() {
                Told::Whole(text) if again.is_none() => {
                    assert_eq!(text, expected_text(1, &messages), "doubled, lost or out of order");
                    "whole".to_owned()
                }
                Told::Whole(text) => {
                    assert!(text.ends_with(&expected_text(1, &messages)), "{text}");
                    "begun again".to_owned()
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
    (told, mock)
}

async fn all_are_whole(wire: Wire, way: &str, retry: &str) {
    let (told, mock) = broken(wire, way, retry, "").await;
    assert_eq!(told, BTreeMap::from([("whole".to_owned(), ANSWERS)]), "{way} {retry}");
    let requests = mock.stats().requests as usize;
    assert!((ANSWERS + 10..ANSWERS * 5 / 4 + 10).contains(&requests), "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_answers_go_on_in_the_way_of_each_upstream() {
    for way in ["vllm", "sglang", "deepseek", "mistral", "anthropic", "openrouter"] {
        all_are_whole(Wire::Chat, way, "").await;
    }
    all_are_whole(Wire::Messages, "anthropic", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_answers_are_asked_for_again_and_what_was_shown_is_left_out() {
    for wire in [Wire::Chat, Wire::Responses, Wire::Messages] {
        all_are_whole(wire, "none", "mid_stream = \"replay\"").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_answers_begin_again_for_readers_that_understand_it() {
    let (told, _) = broken(Wire::Chat, "none", "", "restart").await;
    assert_eq!(told.values().sum::<usize>(), ANSWERS, "{told:?}");
    assert!(told["begun again"] > 10 && told.len() == 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_answers_that_cannot_go_on_are_told() {
    for (way, retry) in
        [("none", ""), ("vllm", "mid_stream = \"fail\""), ("none", "mid_stream = \"continue\"")]
    {
        let (told, mock) = broken(Wire::Chat, way, retry, "").await;
        assert!(told["stream_truncated"] > 10 && told.len() == 2, "{told:?}");
        assert_eq!(mock.stats().requests as usize, ANSWERS);
    }
}
