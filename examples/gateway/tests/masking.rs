//! The chat API sees stand-ins, readers see the values.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use support::*;

const QUESTION: &str = "我是王小明，电话13812345678，写信到li.wei@example.com，password: hunter22";

const VALUES: [&str; 3] = ["13812345678", "li.wei@example.com", "hunter22"];

/// Chinese is taken out of the log alone.
const CONFIG: &str = "[redact]\nmask_upstream = true\nrules = [\"email\", \"phone\", \"secret\", \"zh\"]\n[upstream]\ncontinuation = \"vllm\"\n\
    [retry]\ninitial = \"10ms\"\ncap = \"50ms\"\nbudget = 100\npacing = false\n[breaker]\nenabled = false\n";

/// The gateway before an upstream, with its answers in `folder`.
fn gateway(folder: &std::path::Path, upstream: &str) -> Gateway {
    let config = folder.join("gateway.toml");
    std::fs::write(&config, format!("{CONFIG}[idempotency]\nlease = \"1s\"\n")).unwrap();
    let store = format!("sqlite:{}", folder.join("a.db").display());
    let args = ["--config", config.to_str().unwrap(), "--upstream", upstream, "--store", &store];
    Gateway::start_with("serve", &args, |command| {
        command
            .env("GATEWAY_REDACT_KEY", "thirty bytes that nobody knows")
            .env("UPSTREAM_KEY", "sk-of-the-gateway");
        command.env("GATEWAY_UPSTREAM__API_KEY_ENV", "UPSTREAM_KEY").stderr(Stdio::piped());
    })
}

fn asked(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

/// What is left to say of an answer that says what was asked: it goes on where it is asked to.
fn left(asked: &Value) -> String {
    let text = asked["messages"][0]["content"].as_str().unwrap();
    let said = asked["messages"].as_array().unwrap().last().filter(|last| last["role"] == "assistant");
    let said = said.map_or("", |said| said["content"].as_str().unwrap());
    text.strip_prefix(said).unwrap_or_else(|| panic!("{said:?} is no beginning of {text:?}")).to_owned()
}

fn event(delta: &Value, finish: &Value) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))
}

/// A stream that goes on.
fn begun(body: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{}", chunk(body))
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// An event for each letter of the text, without its last ones.
fn letters(text: &str, short: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let said = letters[..letters.len() - short].iter();
    said.map(|letter| event(&json!({"content": letter}), &Value::Null)).collect()
}

fn streamed(text: &str) -> String {
    let end = event(&json!({}), &json!("stop"));
    begun(&format!("{}{end}data: [DONE]\n\n", letters(text, 0))) + "0\r\n\r\n"
}

/// One that breaks before its last letters.
fn broken(text: &str, short: usize) -> String {
    begun(&letters(text, short)) + "this is no chunk\r\n"
}

fn whole(text: &str) -> String {
    let message = json!({"role": "assistant", "content": text});
    let body = json!({"id": "c", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    .to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[track_caller]
fn assert_saw_no_value(upstream: &Upstream) {
    for seen in upstream.seen() {
        let text = format!("{}{}", seen.head, String::from_utf8_lossy(&seen.body));
        for value in VALUES {
            assert!(!text.contains(value), "{value}: {text}");
        }
        assert!(text.contains("PHONE_") && text.contains("王小明"), "{text}");
    }
}

#[tokio::test]
async fn the_chat_api_sees_no_value_and_the_reader_gets_them_back() {
    let upstream = Upstream::start(|seen| {
        let asked = asked(seen);
        let text = left(&asked);
        Reply::new(if asked["stream"] == true { streamed(&text) } else { whole(&text) })
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &upstream.url());
    for stream in [true, false] {
        let answer = ask(&gateway.url, QUESTION, stream).await;
        assert!(answer.clean && answer.status == 200, "{answer:?}");
        let text = match stream {
            true => answer.text(),
            false => answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned(),
        };
        assert_eq!(text, QUESTION);
    }
    assert_saw_no_value(&upstream);
    let answer = send(&client(), request(http::Method::GET, &format!("{}/metrics", gateway.admin))).await;
    let metrics = String::from_utf8(answer.body.to_vec()).unwrap();
    for line in
        ["lastbyte_mask_requests_total 2", "lastbyte_mask_values_total 6", "lastbyte_mask_restored_total 6"]
    {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_inside_of_a_stand_in_goes_on_and_is_whole() {
    let breaks = std::sync::atomic::AtomicUsize::new(0);
    let upstream = Upstream::start(move |seen| {
        let text = left(&asked(seen));
        // Near the end of the last stand-in first, then further on.
        let first = breaks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        Reply::new(if first { broken(&text, 4) } else { streamed(&text) })
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &upstream.url());
    let answer = ask(&gateway.url, QUESTION, true).await;
    assert!(answer.clean, "{answer:?}");
    assert_eq!(answer.text(), QUESTION);
    assert_eq!(upstream.seen().len(), 2);
    assert_saw_no_value(&upstream);
}

/// Its first answer stops in the middle, for ever; whoever asks to go on gets the rest.
async fn stopping() -> Upstream {
    let reply = |seen: &Seen| {
        let asked = asked(seen);
        let text = left(&asked);
        if asked["messages"].as_array().unwrap().len() > 1 {
            return Reply::new(streamed(&text));
        }
        let head = begun(&letters(&text, text.chars().count() / 3)).into();
        Reply { head, part: chunk(": \n\n").into(), times: usize::MAX, every: Duration::from_millis(20) }
    };
    Upstream::start(reply).await
}

/// Has a gateway killed in the middle of an answer that shows a value. The reader comes back to the next one
/// before that goes on, or behind it. Gives what the chat API was asked.
async fn killed(credential: Option<&'static str>, comes_back: bool) -> [Value; 2] {
    let upstream = stopping().await;
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::new("k");
    (reader.words, reader.credential) = (QUESTION.into(), credential);
    let client = client();
    let first = gateway(folder.path(), &upstream.url());
    assert_eq!(reader.read(&client, &first.url, 40).await, Got::Left);
    assert!(reader.text.contains("13812345678"), "{}", reader.text);
    drop(first);
    let second = gateway(folder.path(), &upstream.url());
    if !comes_back {
        until("the answer is gone on with", || upstream.seen().len() == 2).await;
    }
    let mut met = Vec::new();
    loop {
        match reader.read(&client, &second.url, usize::MAX).await {
            Got::Whole => break,
            got @ (Got::Broken | Got::Refused(409 | 503)) => met.push(got),
            got => panic!("{got:?} behind {met:?}"),
        }
        assert!(met.len() < 1000, "{met:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reader.text, QUESTION);
    assert_saw_no_value(&upstream);
    let seen: Vec<_> = upstream.seen().iter().map(asked).collect();
    seen.try_into().unwrap()
}

#[tokio::test]
async fn a_gateway_that_was_killed_is_followed_with_the_same_stand_ins() {
    let [first, second] = killed(None, true).await;
    assert_eq!(first["messages"][0], second["messages"][0]);
}

#[tokio::test]
async fn a_gateway_that_goes_on_for_a_reader_who_is_away_masks_what_was_shown_anew() {
    let [first, second] = killed(Some("sk-reader"), false).await;
    assert_ne!(first["messages"][0], second["messages"][0], "there is no credential then");
}

#[tokio::test]
async fn a_request_that_cannot_be_masked_is_refused() {
    let upstream = Upstream::start(|_| Reply::new(whole("no"))).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(folder.path(), &upstream.url());
    let answer = send(&client(), post(&format!("{}{CHAT}", gateway.url), "{\"messages\": [".into())).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.headers["x-lastbyte-refused-by"], "redact");
    assert_eq!(upstream.seen().len(), 0);
    let log = gateway.log().await;
    assert!(log.contains("ending=\"refused\"") && !log.contains("interrupted"), "{log}");
    assert!(log.contains("refused by redact") && !log.contains("WARN"), "the request was wrong: {log}");
}
