//! Answers under a key: what the SDKs make of them, and readers that come back for the rest.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::{Answer, Api, Question, Sdk};
use crate::curl;
use crate::gateway::{Gateway, Place, faults_of, for_each, mock};
use crate::line::Line;
use crate::program::{scripts, start, told};

/// All of them, and one that tells less.
const KEYED: [Sdk; 10] = {
    let mut all = [Sdk::Vercel; 10];
    let mut at = 0;
    while at < Sdk::ALL.len() {
        all[at] = Sdk::ALL[at];
        at += 1;
    }
    all
};

/// Whoever asks twice at once is told so, and nothing is asked again.
const STRICT: &str = "
[breaker]
enabled = false
[idempotency]
on_concurrent = \"conflict\"
[retry]
max_attempts = 1
";

/// What is told inside a stream is none of the AI SDK's own errors.
fn assert_code(place: &Place, answer: &Answer, code: &str) {
    let raised = answer.raised(code);
    assert!(!raised.message.is_empty(), "{}: {answer:?}", place.sdk);
    assert!(raised.of_sdk || place.sdk == Sdk::Vercel, "{}: {answer:?}", place.sdk);
    assert_eq!(raised.code.as_deref(), Some(code), "{}: {answer:?}", place.sdk);
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn the_same_key_twice_is_one_paid_answer() {
    for_each(&KEYED, "", async |place| {
        for api in place.sdk.apis() {
            for stream in [true, false] {
                let context = format!("{}, {api:?}, stream: {stream}", place.sdk);
                let question = Question::new(*api, stream, "once").key(format!("{api:?}-{stream}"));
                place.upstream.reset();
                let first = place.client.ask(&question).await;
                let second = place.client.ask(&question).await;
                for answer in [&first, &second] {
                    answer.assert_whole(&question, &context);
                }
                assert_eq!(place.upstream.stats().requests, 1, "{context}");
                assert_eq!(
                    (first.replayed.as_deref(), second.replayed.as_deref()),
                    (None, Some("true")),
                    "{context}"
                );
                assert!(first.answer.is_some() && first.answer == second.answer, "{context}: {first:?}");
                assert_eq!((first.chunks, first.usage), (second.chunks, second.usage), "{context}");
                if place.sdk == Sdk::Curl && stream {
                    assert!(first.bytes.starts_with(b"id: 1\n"), "{context}: {:?}", first.bytes);
                    assert_eq!(first.bytes, second.bytes, "{context}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn a_broken_answer_under_a_key_is_raised_each_time() {
    for_each(&KEYED, STRICT, async |place| {
        place.upstream.set_faults(faults_of(&json!({"cut": {"after": 3}})));
        for api in place.sdk.apis() {
            let question = Question::new(*api, true, "broken").key(format!("{api:?}"));
            place.upstream.reset();
            let first = place.client.ask(&question).await;
            let second = place.client.ask(&question).await;
            for answer in [&first, &second] {
                assert_code(place, answer, "stream_truncated");
                assert_eq!(answer.finish, None, "{}: {answer:?}", place.sdk);
                let text = answer.text();
                assert!(
                    !text.is_empty() && question.expected().starts_with(text),
                    "{}: {answer:?}",
                    place.sdk
                );
            }
            assert_eq!(first.text(), second.text(), "{}", place.sdk);
            assert_eq!(second.replayed.as_deref(), Some("true"), "{}", place.sdk);
            assert_eq!(place.upstream.stats().requests, 1, "{}", place.sdk);
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_is_wrong_about_a_key_is_read_by_every_client() {
    for_each(&KEYED, STRICT, async |place| {
        for api in place.sdk.apis() {
            let context = format!("{}, {api:?}", place.sdk);
            let ask = async |stream, words: &str, key: &str| {
                place.client.ask(&Question::new(*api, stream, words).key(key)).await
            };
            for stream in [true, false] {
                let key = format!("{api:?}-{stream}");
                ask(stream, "one question", &key).await;
                let reused = ask(stream, "another question", &key).await;
                let raised = reused.raised(&context);
                assert_code(place, &reused, "key_reused");
                assert_eq!(raised.status.or(reused.status), Some(422), "{context}: {raised:?}");
                assert!(raised.message.contains("take a new key"), "{context}: {raised:?}");
            }
            let invalid = ask(true, "a", "\"half").await;
            let raised = invalid.raised(&context);
            assert_code(place, &invalid, "key_invalid");
            assert_eq!(raised.status.or(invalid.status), Some(400), "{context}: {raised:?}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn two_at_once_are_told_to_come_back_or_answered_together() {
    for_each(&KEYED, STRICT, async |place| {
        if place.sdk != Sdk::Curl {
            // The second one must not come when the first one has been answered.
            start(place.sdk, 2).await;
        }
        place.upstream.set_faults(faults_of(&json!({"stall": {"head": true, "ms": 3000}})));
        let question = Question::new(place.sdk.apis()[0], false, "at once").key("k");
        let (first, second) = tokio::join!(place.client.ask(&question), place.client.ask(&question));
        let (whole, told) = if first.error.is_none() { (first, second) } else { (second, first) };
        whole.assert_whole(&question, "the first");
        let raised = told.raised("the second");
        assert_code(place, &told, "request_in_progress");
        assert_eq!(raised.status.or(told.status), Some(409), "{}: {raised:?}", place.sdk);
        assert!(raised.message.contains("still being answered"), "{}: {raised:?}", place.sdk);
        assert_eq!(raised.retry_after.as_deref(), Some("1"), "{}: {raised:?}", place.sdk);
        assert_eq!(place.upstream.stats().requests, 1, "{}", place.sdk);
    })
    .await;
    // The SDK's own retries come back until the answer is there. Two of each have been started.
    for_each(Sdk::RETRYING, STRICT, async |place| {
        place.upstream.set_faults(faults_of(&json!({"stall": {"head": true, "ms": 1500}})));
        let question = Question::new(place.sdk.apis()[0], false, "at once").key("k").retries(5);
        let (first, second) = tokio::join!(place.client.ask(&question), place.client.ask(&question));
        first.assert_whole(&question, "with retries");
        second.assert_whole(&question, "with retries");
        assert_eq!(place.upstream.stats().requests, 1, "{}", place.sdk);
    })
    .await;
}

/// A gateway, an answer that it keeps, and the data of that answer's events.
async fn kept(api: Api, faults: Value) -> (Gateway, String, Vec<Vec<u8>>) {
    let upstream = mock(&faults).await;
    let gateway = Gateway::before(&upstream.url(), STRICT);
    let question = Question::new(api, true, "kept").key("k");
    let answer = Sdk::Curl.at(&gateway.url).ask(&question).await;
    let events = curl::events(&answer.bytes);
    assert!(events.len() > 3, "{answer:?}");
    (gateway, format!("/v1/answers/{}", answer.answer.unwrap()), events)
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn curl_reads_the_rest_of_an_answer_by_its_id() {
    for api in [Api::Chat, Api::Responses, Api::Messages] {
        let (gateway, path, events) = kept(api, json!({})).await;
        let url = format!("{}{path}", gateway.url);
        for seen in [0, 1, 17, events.len() - 1] {
            let (status, body) = curl::resume(&url, seen).await;
            assert_eq!(status, "200", "{api:?}");
            assert!(body.starts_with(format!("id: {}\n", seen + 1).as_bytes()), "{api:?}: {body:?}");
            assert_eq!(curl::events(&body), events[seen..], "{api:?} behind {seen}");
        }
        assert_eq!(curl::resume(&url, events.len()).await, ("204".to_owned(), Vec::new()), "{api:?}");
        let told = curl::get(&url).await;
        assert_eq!((&told["state"], &told["attempts"]), (&json!("complete"), &json!(1)), "{told}");
        assert_eq!(told["events"], events.len(), "{told}");
    }
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn readers_of_event_streams_go_on_where_their_connection_broke_and_end_at_the_end() {
    let (gateway, path, events) = kept(Api::Chat, json!({})).await;
    let programs = [("node".into(), "resume.mjs"), (told("LASTBYTE_CLIENTS_PYTHON"), "resume.py")];
    for (program, script) in programs {
        // In the middle of an event, wherever that is.
        let line = Line::breaking(&gateway.url, 3000).await;
        let done = Command::new(program)
            .args([&scripts().join(script), Path::new(&format!("{}{path}", line.url))])
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        let read: Value = serde_json::from_slice(&done.stdout).unwrap();
        let numbered = events.iter().zip(1..);
        let expected: Vec<_> = numbered
            .map(|(data, number)| json!([number.to_string(), String::from_utf8_lossy(data)]))
            .collect();
        assert_eq!(read, json!({"events": expected, "status": 204}), "{script}");
        assert!(line.opened() >= 2, "{script}: nothing broke");
    }
}
