//! What is answered besides text, whole: in a stream the splice tests read it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::{Faults, Mock, MockConfig, expected_arguments, expected_reasoning, expected_text};
use serde_json::{Value, json};

async fn ask(mock: &Mock, path: &str, request: Value) -> (u16, Value) {
    let request = Request::post(format!("{}/{path}", mock.url()))
        .body(Full::new(Bytes::from(request.to_string())))
        .unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn mock(faults: &[u8]) -> Mock {
    let faults = Faults::read(faults).unwrap();
    Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 3, faults }).await.unwrap()
}

fn question() -> Value {
    json!([{"role": "user", "content": "Hi"}])
}

#[tokio::test]
async fn reasoning_comes_where_it_is_asked_for() {
    let mock = mock(b"{}").await;
    let (thoughts, text) = (expected_reasoning(3, &question()), expected_text(3, &question()));
    let asked = json!({"messages": question(), "reasoning_effort": "low", "n": 2});
    let (_, answer) = ask(&mock, "chat/completions", asked).await;
    for choice in 0..2 {
        let message = &answer["choices"][choice]["message"];
        assert_eq!((&message["reasoning_content"], &message["content"]), (&json!(thoughts), &json!(text)));
    }
    let (_, answer) =
        ask(&mock, "messages", json!({"messages": question(), "thinking": {"type": "enabled"}})).await;
    assert_eq!(
        (&answer["content"][0]["thinking"], &answer["content"][1]["text"]),
        (&json!(thoughts), &json!(text))
    );
    let (_, answer) =
        ask(&mock, "responses", json!({"input": question(), "reasoning": {"effort": "low"}})).await;
    assert_eq!(answer["output"][0]["summary"][0]["text"], thoughts);
    assert_eq!(answer["output"][1]["content"][0]["text"], text);
    let (_, answer) =
        ask(&mock, "chat/completions", json!({"messages": question(), "reasoning_effort": "none"})).await;
    assert!(answer["choices"][0]["message"].get("reasoning_content").is_none());
}

#[tokio::test]
async fn tools_are_called_where_they_must_be() {
    let mock = mock(b"{}").await;
    let arguments = expected_arguments(3, &question(), "g");
    let asked = json!({"messages": question(), "tools": [{"function": {"name": "f"}}, {"function": {"name": "g"}}],
                       "tool_choice": "required"});
    let (_, answer) = ask(&mock, "chat/completions", asked).await;
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    assert_eq!(choice["message"]["tool_calls"][1]["function"], json!({"name": "g", "arguments": arguments}));
    let asked = json!({"messages": question(), "tools": [{"name": "g"}], "tool_choice": {"type": "tool", "name": "g"}});
    let (_, answer) = ask(&mock, "messages", asked).await;
    assert_eq!(answer["content"][0]["input"], serde_json::from_str::<Value>(&arguments).unwrap());
    assert_eq!(answer["stop_reason"], "tool_use");
    let asked = json!({"input": question(), "tools": [{"name": "g"}], "tool_choice": "required"});
    let (_, answer) = ask(&mock, "responses", asked).await;
    assert_eq!(
        (&answer["output"][0]["name"], &answer["output"][0]["arguments"]),
        (&json!("g"), &json!(arguments))
    );
}

#[tokio::test]
async fn an_answer_that_the_request_begins_is_gone_on_with_where_that_is_taken() {
    let mock = mock(br#"{"continuations":["mistral"]}"#).await;
    let whole = expected_text(3, &question());
    let begun = &whole[..whole.floor_char_boundary(30)];
    let request = |prefix: bool| {
        let mut messages = question();
        messages
            .as_array_mut()
            .unwrap()
            .push(json!({"role": "assistant", "content": begun, "prefix": prefix}));
        json!({ "messages": messages })
    };
    let (_, answer) = ask(&mock, "chat/completions", request(true)).await;
    assert_eq!(answer["choices"][0]["message"]["content"], whole, "it repeats what it goes on from");
    assert_eq!(answer["usage"]["prompt_tokens"], 7 + begun.split_whitespace().count());
    assert_eq!(ask(&mock, "chat/completions", request(false)).await.0, 400);

    mock.set_faults(Faults::read(br#"{"continuations":["deepseek"]}"#).unwrap());
    let (_, answer) = ask(&mock, "chat/completions", request(true)).await;
    assert_eq!(answer["choices"][0]["message"]["content"], whole[begun.len()..]);
    let (_, answer) = ask(&mock, "chat/completions", request(false)).await;
    let other = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(!whole.contains(other), "to DeepSeek it is history, and a new turn begins");
}
