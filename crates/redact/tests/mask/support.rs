//! A chat API that says what it was told, in pieces, and remembers what it has seen.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use lastbyte_core::{BodyError, BoxError};
use lastbyte_redact::mask::{MaskLayer, MaskedBody, ResponseBody};
use lastbyte_redact::{Key, Redactor};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

pub(crate) fn layer() -> MaskLayer {
    MaskLayer::new(Redactor::new(), Key::new("sixteen bytes or more").unwrap())
}

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The head and body of a request, as the chat API got it.
pub(crate) type Seen = (http::request::Parts, Bytes);

/// Sends a request through the layer; `api` answers it.
pub(crate) async fn send(
    layer: &MaskLayer,
    request: Request<Full<Bytes>>,
    api: impl Fn(&http::request::Parts, &Bytes) -> Answer + Clone + Send + 'static,
) -> (Response<ResponseBody<UnsyncBoxBody<Bytes, BoxError>>>, Option<Seen>) {
    let seen = Arc::new(Mutex::new(None));
    let service = {
        let seen = seen.clone();
        service_fn(move |request: Request<MaskedBody<Full<Bytes>>>| {
            let (seen, api) = (seen.clone(), api.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let answer = api(&head, &body);
                *seen.lock().unwrap() = Some((head, body));
                Ok::<_, Infallible>(answer)
            }
        })
    };
    let answer = layer.layer(service).oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap().take();
    (answer, seen)
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path).header("content-type", "application/json").body(Full::new(body.into())).unwrap()
}

/// A request in which somebody says that.
pub(crate) fn says(path: &str, text: &str) -> Request<Full<Bytes>> {
    let body = match path {
        "/v1/responses" => json!({"model": "m", "input": text, "stream": true}),
        "/v1/messages" => json!({"model": "m", "stream": true, "messages":
            [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
        _ => json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": text}]}),
    };
    post(path, body.to_string())
}

/// What was said, in a request's body.
pub(crate) fn said(path: &str, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let text = match path {
        "/v1/responses" => &body["input"],
        "/v1/messages" => &body["messages"][0]["content"][0]["text"],
        _ => &body["messages"][0]["content"],
    };
    text.as_str().unwrap().to_owned()
}

pub(crate) fn head(content_type: &str) -> http::response::Builder {
    Response::builder().header("content-type", content_type)
}

/// An answer of these chunks.
pub(crate) fn chunks(content_type: &str, chunks: Vec<Result<Frame<Bytes>, BoxError>>) -> Answer {
    let mut chunks = chunks.into_iter();
    let stream = StreamBody::new(Frames(std::iter::from_fn(move || chunks.next()).fuse()));
    head(content_type).body(stream.boxed_unsync()).unwrap()
}

pub(crate) fn stream(parts: impl IntoIterator<Item = impl Into<Bytes>>) -> Answer {
    chunks("text/event-stream", parts.into_iter().map(|part| Ok(Frame::data(part.into()))).collect())
}

/// An event stream of these chunks, which then falls silent.
pub(crate) fn stalls(parts: Vec<String>) -> Answer {
    let parts = futures_util::stream::iter(parts.into_iter().map(|part| Ok(Frame::data(part.into()))));
    let stream = StreamBody::new(parts.chain(futures_util::stream::pending()));
    head("text/event-stream").body(stream.boxed_unsync()).unwrap()
}

struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_util::Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

/// All that came, and the error at its end.
pub(crate) async fn read(
    answer: Response<ResponseBody<UnsyncBoxBody<Bytes, BoxError>>>,
) -> (String, Option<BodyError>) {
    let (mut body, mut text) = (answer.into_body(), Vec::new());
    loop {
        match body.frame().await {
            None => return (String::from_utf8(text).unwrap(), None),
            Some(Err(error)) => return (String::from_utf8(text).unwrap(), Some(error)),
            Some(Ok(frame)) => text.extend(frame.into_data().unwrap_or_default()),
        }
    }
}

fn event(name: &str, data: &Value) -> String {
    if name.is_empty() { format!("data: {data}\n\n") } else { format!("event: {name}\ndata: {data}\n\n") }
}

/// The events of an answer: its text in pieces, and then arguments of a tool call in pieces.
pub(crate) fn events(path: &str, text: &[&str], arguments: &[&str]) -> Vec<String> {
    let mut events = Vec::new();
    let mut add = |name: &str, data: Value| events.push(event(name, &data));
    match path {
        "/v1/responses" => {
            add(
                "response.created",
                json!({"type": "response.created", "response": {"status": "in_progress"}}),
            );
            for piece in text {
                let delta = "response.output_text.delta";
                add(delta, json!({"type": delta, "output_index": 0, "content_index": 0, "delta": piece}));
            }
            let done = "response.output_text.done";
            add(done, json!({"type": done, "output_index": 0, "content_index": 0, "text": text.concat()}));
            for piece in arguments {
                let delta = "response.function_call_arguments.delta";
                add(delta, json!({"type": delta, "output_index": 1, "delta": piece}));
            }
            let done = "response.function_call_arguments.done";
            add(done, json!({"type": done, "output_index": 1, "arguments": arguments.concat()}));
            let output = json!([
                {"type": "message", "content": [{"type": "output_text", "text": text.concat()}]},
                {"type": "function_call", "arguments": arguments.concat()},
            ]);
            let completed =
                json!({"type": "response.completed", "response": {"status": "completed", "output": output}});
            add("response.completed", completed);
        }
        "/v1/messages" => {
            add(
                "message_start",
                json!({"type": "message_start", "message": {"type": "message", "content": []}}),
            );
            for (index, (kind, field, pieces)) in
                [("text_delta", "text", text), ("input_json_delta", "partial_json", arguments)]
                    .into_iter()
                    .enumerate()
            {
                add(
                    "content_block_start",
                    json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}),
                );
                for piece in pieces {
                    let delta = json!({"type": kind, field: piece});
                    add(
                        "content_block_delta",
                        json!({"type": "content_block_delta", "index": index, "delta": delta}),
                    );
                }
                add("content_block_stop", json!({"type": "content_block_stop", "index": index}));
            }
            add("message_delta", json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}));
            add("message_stop", json!({"type": "message_stop"}));
        }
        _ => {
            let mut chunk = |delta: Value| add("", json!({"choices": [{"index": 0, "delta": delta}]}));
            chunk(json!({"role": "assistant", "content": ""}));
            text.iter().for_each(|piece| chunk(json!({"content": piece})));
            for piece in arguments {
                chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}));
            }
            add("", json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}));
            events.push("data: [DONE]\n\n".to_owned());
        }
    }
    events
}

/// What a reader has in the end: the text, and the arguments, joined.
pub(crate) fn joined(text: &str) -> (String, String) {
    let (mut said, mut arguments) = (String::new(), String::new());
    for line in text.lines() {
        let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") else { continue };
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        let delta = &data["choices"][0]["delta"];
        for piece in [&delta["content"], &data["delta"]["text"]] {
            said.push_str(piece.as_str().unwrap_or_default());
        }
        for piece in [&delta["tool_calls"][0]["function"]["arguments"], &data["delta"]["partial_json"]] {
            arguments.push_str(piece.as_str().unwrap_or_default());
        }
        match data["type"].as_str() {
            Some("response.output_text.delta") => said.push_str(data["delta"].as_str().unwrap()),
            Some("response.function_call_arguments.delta") => {
                arguments.push_str(data["delta"].as_str().unwrap())
            }
            Some("response.output_text.done") => assert_eq!(data["text"], said.as_str()),
            Some("response.function_call_arguments.done") => {
                assert_eq!(data["arguments"], arguments.as_str())
            }
            Some("response.completed") => {
                assert_eq!(data["response"]["output"][0]["content"][0]["text"], said.as_str());
                assert_eq!(data["response"]["output"][1]["arguments"], arguments.as_str());
            }
            _ => {}
        }
    }
    (said, arguments)
}

/// A text in pieces, cut at these places.
pub(crate) fn cut(text: &str, at: impl IntoIterator<Item = usize>) -> Vec<&str> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for at in at {
        if at > from && text.is_char_boundary(at) {
            pieces.push(&text[from..at]);
            from = at;
        }
    }
    pieces.push(&text[from..]);
    pieces
}
