//! A chat API that sees stand-ins, breaks off, and is asked to go on: what it is told again has its stand-ins, and the
//! reader has the values.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use lastbyte::core::Resume;
use lastbyte::redact::mask::MaskLayer;
use lastbyte::redact::mask::MaskedBody;
use lastbyte::redact::{Key, Redactor};
use lastbyte::retry::splice::{Continuation, Settings, Strategy};
use lastbyte::retry::{Backoff, ReplayBody, RetryLayer};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt, service_fn};

const TEXT: &str = "打13812345678, li.wei@example.com";

fn event(text: &str) -> String {
    format!("data: {}\n\n", json!({"id": "1", "choices": [{"index": 0, "delta": {"content": text}}]}))
}

/// The text of all events.
fn joined(events: &[u8]) -> String {
    let events = std::str::from_utf8(events).unwrap();
    let data = events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let text = |data: &str| {
        let event: Value = serde_json::from_str(data).unwrap();
        event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    };
    data.map(text).collect()
}

/// Says what it was told, a character an event, and breaks off behind so many of them, once. Asked to go on it does.
fn answer(body: &[u8], breaks_at: Option<usize>) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let said = messages[0]["content"].as_str().unwrap();
    let begun = messages.get(1).map_or("", |message| message["content"].as_str().unwrap());
    let rest = said.strip_prefix(begun).unwrap_or_else(|| panic!("it never said {begun:?}, but {said:?}"));
    let events = rest.chars().map(|ch| event(ch.encode_utf8(&mut [0; 4])));
    match breaks_at {
        Some(at) => events.take(at).collect(),
        None => events
            .chain([
                "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".into(),
                "data: [DONE]\n\n".into(),
            ])
            .collect(),
    }
}

/// Asks, and gives what came, and how often the chat API was called.
async fn ask(breaks_at: Option<usize>, resume: Option<Resume>) -> (Bytes, usize) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let api = {
        let seen = seen.clone();
        service_fn(move |request: Request<ReplayBody<MaskedBody<Full<Bytes>>>>| {
            let seen = seen.clone();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut seen = seen.lock().unwrap();
                let text = answer(&body, breaks_at.filter(|_| seen.is_empty()));
                seen.push(body);
                let response = Response::builder().header("content-type", "text/event-stream");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).unwrap())
            }
        })
    };
    let key = Key::new("a key that is known to all").unwrap();
    let settings =
        Settings { strategy: Strategy::Continue, continuation: Continuation::Vllm, ..Settings::default() };
    let retry = RetryLayer::new()
        .with_backoff(Backoff::new(Duration::from_millis(5), Duration::from_millis(20)))
        .with_splice(settings);
    let service = ServiceBuilder::new().layer(MaskLayer::new(Redactor::new(), key)).layer(retry).service(api);
    let body = json!({"stream": true, "messages": [{"role": "user", "content": TEXT}]}).to_string();
    let mut request = Request::post("/v1/chat/completions").body(Full::new(Bytes::from(body))).unwrap();
    request.extensions_mut().extend(resume.map(with).unwrap_or_default());
    let came = service.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let seen = seen.lock().unwrap();
    for body in seen.iter() {
        let body = String::from_utf8_lossy(body);
        assert!(!body.contains("1381234") && !body.contains("li.wei"), "{body}");
    }
    (came, seen.len())
}

fn with(resume: Resume) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(resume);
    extensions
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_anywhere_in_a_stand_in_goes_on() {
    let (whole, calls) = ask(None, None).await;
    assert_eq!((joined(&whole).as_str(), calls), (TEXT, 1));
    for at in 1..39 {
        let (came, calls) = ask(Some(at), None).await;
        assert_eq!((joined(&came).as_str(), calls), (TEXT, 2), "broken off at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_over_goes_on_from_what_its_reader_has() {
    // A reader is shown values whole, or not at all.
    for shown in ["打", "打13812345678", "打13812345678, ", "打13812345678, li.wei@example.com"] {
        let events = shown.split_inclusive("打").map(|piece| event(piece).into()).collect();
        let (came, calls) = ask(None, Some(Resume { text: String::new(), events })).await;
        assert_eq!(format!("{shown}{}", joined(&came)), TEXT);
        assert_eq!(calls, 1);
    }
}
