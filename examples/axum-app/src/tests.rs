use http_body_util::BodyExt;
use lastbyte_mock::expected_text;

use super::*;

async fn mock(script: &str) -> Mock {
    let faults = Faults::read(script.as_bytes()).unwrap();
    Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await.unwrap()
}

/// What the reader gets, and whether the transport ended as failed.
async fn asked(mock: &Mock) -> (Response<()>, String, bool) {
    let request = Request::post("/ask").body(Body::from("What is a tide?")).unwrap();
    let (head, mut body) = app(mock.url()).oneshot(request).await.unwrap().into_parts();
    let (mut text, mut failed) = (String::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
            Err(_) => failed = true,
        }
    }
    (Response::from_parts(head, ()), text, failed)
}

fn content(text: &str) -> String {
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    events.filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_not_seen() {
    let mock = mock(r#"{"script": ["reset_before_head"]}"#).await;
    let (head, text, failed) = asked(&mock).await;
    let messages = serde_json::json!([{"role": "user", "content": "What is a tide?"}]);
    assert_eq!(content(&text), expected_text(1, &messages));
    assert_eq!((head.headers()[&ATTEMPTS].to_str().unwrap(), failed), ("2", false));
}

#[tokio::test]
async fn a_cut_behind_it_is_told_to_the_reader() {
    let mock = mock(r#"{"script": [{"kind": "cut", "after": 3}]}"#).await;
    let (head, text, failed) = asked(&mock).await;
    assert_eq!(head.status(), 200);
    assert!(text.contains("\"code\":\"stream_truncated\"") && !text.contains("[DONE]"), "{text}");
    assert!(failed, "the transport must not end as if all were well");
}

#[tokio::test]
async fn without_a_chat_api_the_reader_gets_a_502() {
    let gone = mock("{}").await;
    let url = gone.url();
    gone.shutdown().await;
    let request = Request::post("/ask").header("x-request-timeout", "0.3").body(Body::from("Hello")).unwrap();
    let response = app(url).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 502);
}
