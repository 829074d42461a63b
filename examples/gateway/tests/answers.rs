//! One key, one paid answer, at one gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::Full;
use lastbyte_mock::{Mock, expected_text};
use serde_json::{Value, json};
use support::*;

fn keyed(url: &str, key: &str, stream: bool) -> Request<Full<bytes::Bytes>> {
    let mut request = post(&format!("{url}{CHAT}"), question("a", stream));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

fn expected(words: &str) -> String {
    expected_text(1, &messages(words))
}

/// A gateway with a store in a file, which goes with the folder.
fn gateway(mock: &Mock, folder: &tempfile::TempDir) -> Gateway {
    let store = format!("sqlite:{}", folder.path().join("a.db").display());
    Gateway::start("serve", &["--upstream", &mock.url(), "--store", &store])
}

#[tokio::test]
async fn a_hundred_requests_under_one_key_are_one_call_and_one_answer() {
    for stream in [false, true] {
        let mock = mock(json!({"interval_ms": 5})).await;
        let folder = tempfile::tempdir().unwrap();
        let gateway = gateway(&mock, &folder);
        let client = client();
        let all = (0..100).map(|_| send(&client, keyed(&gateway.url, "\"k1\"", stream)));
        let all = join_all(all).await;
        for answer in &all {
            assert_eq!(answer.told(), Told::Whole(expected("a")));
            assert_eq!(answer.body, all[0].body);
            assert_eq!(answer.header("x-lastbyte-answer"), all[0].header("x-lastbyte-answer"));
        }
        assert_eq!((mock.stats().requests, mock.stats().answers), (1, 1));
        let again = send(&client, keyed(&gateway.url, "k1", stream)).await;
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &all[0].body));
        assert_eq!(mock.stats().requests, 1);
    }
}

#[tokio::test]
async fn events_are_numbered_and_a_reader_goes_on_behind_any_of_them() {
    let mock = mock(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    let whole = send(&client, keyed(&gateway.url, "k1", true)).await;
    let text = String::from_utf8(whole.body.to_vec()).unwrap();
    let blocks: Vec<&str> = text.split_inclusive("\n\n").collect();
    assert!(blocks.len() > 5);
    assert!(blocks.last().unwrap().ends_with("data: [DONE]\n\n"));
    let id = whole.header("x-lastbyte-answer").to_owned();
    for seen in 0..blocks.len() {
        assert!(blocks[seen].starts_with(&format!("id: {}\n", seen + 1)), "{}", blocks[seen]);
        let mut post = keyed(&gateway.url, "k1", true);
        let mut get = request(Method::GET, &format!("{}/v1/answers/{id}", gateway.url));
        for request in [&mut post, &mut get] {
            request.headers_mut().insert("last-event-id", seen.to_string().parse().unwrap());
        }
        for request in [post, get] {
            assert_eq!(send(&client, request).await.body, blocks[seen..].concat());
        }
    }
    let mut past = keyed(&gateway.url, "k1", true);
    past.headers_mut().insert("last-event-id", blocks.len().to_string().parse().unwrap());
    assert_eq!(send(&client, past).await.status, 204);
    let mut bad = keyed(&gateway.url, "k1", true);
    bad.headers_mut().insert("last-event-id", "x".parse().unwrap());
    assert_eq!(send(&client, bad).await.status, 400);
    let mut gone = keyed(&gateway.url, "k2", true);
    gone.headers_mut().insert("last-event-id", "3".parse().unwrap());
    assert_eq!(send(&client, gone).await.status, 410);
    assert_eq!(mock.stats().requests, 1);
    let told = send(&client, request(Method::GET, &format!("{}/v1/answers/{id}", gateway.url))).await.json();
    assert_eq!((&told["state"], &told["events"]), (&json!("complete"), &json!(blocks.len())));
    assert_eq!((&told["ending"], &told["attempts"]), (&json!("stop"), &json!(1)));
}

#[tokio::test]
async fn a_tenants_answers_are_its_own() {
    let mock = mock(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    let by = |mut request: Request<Full<bytes::Bytes>>, who: &str| {
        request.headers_mut().insert("authorization", format!("Bearer {who}").parse().unwrap());
        request
    };
    let first = send(&client, by(keyed(&gateway.url, "k1", true), "anna")).await;
    let second = send(&client, by(keyed(&gateway.url, "k1", true), "ben")).await;
    assert_ne!(first.header("x-lastbyte-answer"), second.header("x-lastbyte-answer"));
    assert_eq!((second.header("idempotent-replayed"), mock.stats().requests), ("", 2));
    let url = format!("{}/v1/answers/{}", gateway.url, first.header("x-lastbyte-answer"));
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(send(&client, by(request(method.clone(), &url), "ben")).await.status, 404);
        assert_eq!(send(&client, request(method, &url)).await.status, 404);
    }
    assert_eq!(send(&client, by(request(Method::GET, &url), "anna")).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_about_a_key_is_told_as_a_problem_that_sdks_read() {
    let mock = mock(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    send(&client, keyed(&gateway.url, "k1", true)).await;
    for (key, stream, status, code) in [
        ("\"k1", true, 400, "key_invalid"),
        ("k1", false, 422, "key_reused"),
        ("\"\"", true, 400, "key_invalid"),
    ] {
        let told = send(&client, keyed(&gateway.url, key, stream)).await;
        assert_eq!((told.status.as_u16(), told.header("content-type")), (status, "application/problem+json"));
        assert_eq!(told.header("x-lastbyte-refused-by"), "idempotency");
        let told: Value = told.json();
        assert_eq!(told["error"]["code"], code, "{told}");
        assert!(told["type"].as_str().unwrap().ends_with(code));
    }
}

#[tokio::test]
async fn a_failure_before_the_first_byte_sets_the_key_free() {
    let mock = mock(json!({"script": [{"kind": "status", "code": 400}, "none"]})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    assert_eq!(send(&client, keyed(&gateway.url, "k1", true)).await.status, 400);
    let again = send(&client, keyed(&gateway.url, "k1", true)).await;
    assert_eq!((again.told(), again.header("idempotent-replayed")), (Told::Whole(expected("a")), ""));
}

#[tokio::test]
async fn a_cut_answer_is_kept_with_its_error_and_paid_for_once() {
    let mock = mock(json!({"script": [{"kind": "cut", "after": 3}]})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    let first = send(&client, keyed(&gateway.url, "k1", true)).await;
    assert_eq!(first.told(), Told::Failed("stream_truncated".into()));
    let again = send(&client, keyed(&gateway.url, "k1", true)).await;
    assert_eq!((again.told(), again.text()), (first.told(), first.text()));
    assert_eq!((again.body, mock.stats().requests), (first.body, 1));
}

#[tokio::test]
async fn an_answer_goes_on_without_its_reader_until_somebody_ends_it() {
    let mock = mock(json!({"interval_ms": 20, "words": 2000})).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&mock, &folder);
    let client = client();
    let mut reader = Reader::new("k1");
    assert_eq!(reader.read(&client, &gateway.url, 3).await, Got::Left);
    let url = format!("{}/v1/answers/{}", gateway.url, reader.answer.clone().unwrap());
    let events = async || send(&client, request(Method::GET, &url)).await.json()["events"].as_u64().unwrap();
    let then = events().await;
    while events().await <= then {
        tokio::task::yield_now().await;
    }
    assert_eq!(mock.stats().active, 1);
    for _ in 0..2 {
        assert_eq!(send(&client, request(Method::DELETE, &url)).await.status, 204);
    }
    until("the end of the call", || mock.stats().active == 0).await;
    assert_eq!(reader.read(&client, &gateway.url, usize::MAX).await, Got::Failed("cancelled".into()));
    assert_eq!(send(&client, request(Method::GET, &url)).await.json()["state"], "cancelled");
    assert_eq!(mock.stats().requests, 1);
}

#[tokio::test]
async fn a_second_gateway_on_the_same_file_is_told_what_to_do() {
    let mock = mock(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let _first = gateway(&mock, &folder);
    let store = format!("sqlite:{}", folder.path().join("a.db").display());
    let (code, out, err) = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--upstream",
        &mock.url(),
        "--store",
        &store,
    ]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("a.db") && err.contains("--store"), "{err}");
}
