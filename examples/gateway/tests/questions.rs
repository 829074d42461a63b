//! What the log says of questions and answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use serde_json::{Value, json};
use support::*;

const QUESTION: &str = "我是王小明，电话13812345678，写信到li.wei@example.com";

const KEY: &str = "thirty bytes that nobody knows";

/// An upstream that says what it was asked, in events of `size` characters at most.
async fn echo(size: usize) -> Upstream {
    Upstream::start(move |seen| Reply::new(echoed(seen, size))).await
}

fn echoed(seen: &Seen, size: usize) -> String {
    let asked: Value = serde_json::from_slice(&seen.body).unwrap();
    let text: Vec<char> = asked["messages"][0]["content"].as_str().unwrap().chars().collect();
    let event = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))
    };
    let pieces = text.chunks(size).map(String::from_iter);
    let mut body: String = pieces.map(|piece| event(json!({"content": piece}), Value::Null)).collect();
    body += &event(json!({}), json!("stop"));
    body += "data: [DONE]\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ";
    format!("{head}{}\r\n\r\n{body}", body.len())
}

/// The log of a gateway that was asked, streamed and not, and under a key.
async fn log(questions: &str, style: &str, key: Option<&str>) -> String {
    let upstream = echo(1).await;
    let gateway = Gateway::start_with("serve", &["--upstream", &upstream.url()], |command| {
        command.env("GATEWAY_LOG__QUESTIONS", questions).env("GATEWAY_REDACT__STYLE", style);
        command.env("GATEWAY_LOG__LEVEL", "trace").env("GATEWAY_LOG__FORMAT", "json");
        command.env_remove("GATEWAY_REDACT_KEY").stderr(Stdio::piped());
        if let Some(key) = key {
            command.env("GATEWAY_REDACT_KEY", key);
        }
    });
    let url = format!("{}{CHAT}", gateway.url);
    let mut keyed = post(&url, question(QUESTION, true));
    keyed.headers_mut().insert("idempotency-key", "\"one\"".parse().unwrap());
    for request in [post(&url, question(QUESTION, true)), keyed] {
        let answer = send(&client(), request).await;
        assert_eq!((answer.text().as_str(), answer.clean), (QUESTION, true));
    }
    gateway.log().await
}

/// The lines about questions.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "lastbyte_redact::questions").collect()
}

#[track_caller]
fn assert_has_none_of(log: &str, texts: &[&str]) {
    for text in texts {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

#[tokio::test]
async fn a_digest_has_length_language_and_hash_and_no_word() {
    let all = log("digest", "label", Some(KEY)).await;
    assert_has_none_of(&all, &["王小明", "13812345678", "li.wei", "写信"]);
    let found = lines(&all);
    assert_eq!(found.len(), 2, "{all}");
    for line in &found {
        let fields = &line["fields"];
        for what in ["question", "answer"] {
            let of = |name: &str| &fields[format!("{what}_{name}")];
            assert_eq!(*of("chars"), QUESTION.chars().count(), "{line}");
            assert_eq!(*of("language"), "zh", "{line}");
            assert_eq!(of("hash").as_str().unwrap().len(), 10, "{line}");
        }
        assert_eq!(fields["question_hash"], fields["answer_hash"], "they are the same text: {line}");
        assert_eq!((&fields["ending"], &fields["status"]), (&json!("complete"), &json!(200)), "{line}");
        assert_eq!(
            fields["events"],
            QUESTION.chars().count() + 1,
            "a character each, and how it ended: {line}"
        );
        assert!(
            line["span"]["id"].as_str().unwrap().starts_with("req_"),
            "in the span of its request: {line}"
        );
    }
    // One in each process that has the key.
    let again = lines(&log("digest", "label", Some(KEY)).await);
    assert_eq!(again[0]["fields"]["question_hash"], found[0]["fields"]["question_hash"]);
    let other = lines(&log("digest", "label", Some("another one of thirty bytes...")).await);
    assert_ne!(other[0]["fields"]["question_hash"], found[0]["fields"]["question_hash"]);
}

#[tokio::test]
async fn without_a_key_a_digest_has_no_hash() {
    let all = log("digest", "label", None).await;
    let found = lines(&all);
    assert_eq!(found.len(), 2, "{all}");
    assert!(found[0]["fields"]["question_hash"].is_null() && found[0]["fields"]["question_chars"].is_u64());
}

#[tokio::test]
async fn a_redacted_question_has_marks_in_the_place_of_values() {
    for (style, start) in [("label", "[PHONE]"), ("pseudonym", "[PHONE:")] {
        let all = log("redacted", style, Some(KEY)).await;
        assert_has_none_of(&all, &["13812345678", "li.wei"]);
        let found = lines(&all);
        assert_eq!(found.len(), 2, "{all}");
        for what in ["question", "answer"] {
            let text = found[0]["fields"][what].as_str().unwrap();
            assert!(text.contains(start) && text.contains("[EMAIL") && text.contains("王小明"), "{text}");
        }
    }
}

#[tokio::test]
async fn nothing_is_said_of_questions_where_it_is_off() {
    let all = log("off", "label", Some(KEY)).await;
    assert!(lines(&all).is_empty(), "{all}");
    assert_has_none_of(&all, &["王小明", "13812345678", "li.wei"]);
    assert!(all.contains("\"ending\":\"complete\""), "the line of the call is there: {all}");
}
