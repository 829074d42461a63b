//! Over the wire: the mock breaks, and is asked again, as a retry layer would do it.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lastbyte_core::{Dialect, Resume};
use lastbyte_mock::{Faults, Mock, MockConfig, expected_arguments, expected_reasoning, expected_text};
use lastbyte_retry::splice::{Continuation, Mismatch, Settings, Splice, Strategy, Way, WhyNot};
use serde_json::{Value, json};

use crate::checker::{self, Said};
use crate::{CONTINUATIONS, DIALECTS, key};

const SEED: u64 = 7;

struct Place {
    mock: Mock,
    dialect: Dialect,
    settings: Settings,
}

/// What a reader has of an answer.
#[derive(Debug, Default)]
struct Read {
    bytes: Vec<u8>,
    ways: Vec<Way>,
    refused: usize,
    why_not: Option<WhyNot>,
    failed: Vec<Mismatch>,
}

impl Place {
    async fn new(dialect: Dialect, strategy: Strategy, continuation: Continuation, faults: Value) -> Self {
        let mut faults = Faults::read(faults.to_string().as_bytes()).unwrap();
        if faults.continuations.is_empty() && continuation != Continuation::None {
            faults.continuations = vec![continuation.as_str().to_owned()];
        }
        let mock = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: SEED, faults }).await.unwrap();
        Self { mock, dialect, settings: Settings { strategy, continuation, ..Settings::default() } }
    }

    fn request(&self, more: &Value) -> Vec<u8> {
        let messages = json!([{"role": "user", "content": "Q?"}]);
        let mut request = match self.dialect {
            Dialect::OpenAiResponses => json!({"input": messages}),
            _ => json!({"messages": messages, "stream_options": {"include_usage": true}}),
        };
        (request["model"], request["stream"]) = (json!("m"), json!(true));
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request.to_string().into_bytes()
    }

    async fn send(&self, body: Bytes) -> http::Response<hyper::body::Incoming> {
        let path = match self.dialect {
            Dialect::OpenAiChat => "chat/completions",
            Dialect::OpenAiResponses => "responses",
            Dialect::Anthropic => "messages",
        };
        let request = Request::post(format!("{}/{path}", self.mock.url())).body(Full::new(body)).unwrap();
        Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap()
    }

    /// Asks, and asks again until the answer is whole or nothing is left to do.
    async fn read(&self, more: Value, restarts: bool) -> Read {
        let request = self.request(&more);
        let mut splice = Splice::new(self.settings, self.dialect, restarts);
        let mut read = Read::default();
        let mut body = Bytes::from(request.clone());
        loop {
            let response = self.send(body).await;
            let mut is_whole = false;
            if response.status().is_success() {
                let mut answer = response.into_body();
                // It ends cleanly, by a reset, or in the middle of an event.
                while let Some(Ok(frame)) = answer.frame().await {
                    let forwarded = splice.forward(frame.into_data().unwrap_or_default());
                    read.bytes.extend_from_slice(&forwarded.bytes);
                    read.failed.extend(forwarded.failed);
                    if forwarded.failed.is_some() {
                        break;
                    }
                }
                is_whole = [&b"[DONE]\n\n"[..], b"\"message_stop\"}\n\n"]
                    .iter()
                    .any(|end| read.bytes.ends_with(end))
                    || read.bytes.windows(25).any(|at| at == b"event: response.completed");
            } else {
                assert_eq!(response.status(), 400);
                read.refused += 1;
                splice.rule_out(*read.ways.last().unwrap());
            }
            if is_whole {
                return read;
            }
            match splice.plan(&request) {
                Ok(next) => {
                    read.ways.push(next.way);
                    body = next.body;
                }
                Err(why) => {
                    read.why_not = Some(why);
                    return read;
                }
            }
        }
    }

    fn messages(&self) -> Value {
        json!([{"role": "user", "content": "Q?"}])
    }

    fn whole(&self) -> String {
        expected_text(SEED, &self.messages())
    }

    fn said(&self, read: &Read) -> Said {
        assert_eq!(
            (read.why_not, &read.failed[..]),
            (None, &[][..]),
            "{}",
            String::from_utf8_lossy(&read.bytes)
        );
        checker::read(self.dialect, &read.bytes)
    }
}

/// Four breaks, each behind some of the text: clean, in the middle of an event, by a reset.
fn breaks() -> Value {
    json!({"chunk_bytes": 5, "script": [{"kind": "cut", "after": 9}, {"kind": "half_event", "after": 14},
                                        {"kind": "cut", "after": 11, "reset": true}, {"kind": "cut", "after": 20}]})
}

#[tokio::test]
async fn every_continuation_goes_on_as_its_provider_does() {
    for (dialect, continuation) in CONTINUATIONS {
        let place = Place::new(dialect, Strategy::Auto, continuation, breaks()).await;
        let read = place.read(json!({}), false).await;
        let said = place.said(&read);
        assert_eq!(said.text(key(dialect)), place.whole(), "{dialect:?} {continuation:?}");
        assert_eq!((read.ways, place.mock.stats().requests), (vec![Way::Continue; 4], 5));
        // The prompt is paid for with each request, and from the second on the text so far.
        let prompt = said.usage.get("prompt_tokens").or(said.usage.get("input_tokens"));
        assert!(prompt.and_then(Value::as_u64) > Some(7), "{}", said.usage);
    }
}

#[tokio::test]
async fn a_replay_of_text_reasoning_and_calls_is_one_answer() {
    for dialect in DIALECTS {
        let more = match dialect {
            Dialect::OpenAiChat => {
                json!({"reasoning_effort": "low", "tool_choice": "required", "n": 2,
                       "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]})
            }
            Dialect::OpenAiResponses => json!({"reasoning": {"effort": "low"}, "tool_choice": "required",
                                               "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]}),
            Dialect::Anthropic => json!({"thinking": {"type": "enabled"}, "tool_choice": {"type": "any"},
                                         "tools": [{"name": "f"}, {"name": "g"}]}),
        };
        let faults = json!({"script": [{"kind": "cut", "after": 8}, {"kind": "half_event", "after": 25},
                                       {"kind": "cut", "after": 36, "reset": true}]});
        let place = Place::new(dialect, Strategy::Replay, Continuation::None, faults).await;
        let read = place.read(more, false).await;
        assert_eq!(read.ways, [Way::Replay; 3]);
        let said = place.said(&read);
        let messages = place.messages();
        let keys = match dialect {
            Dialect::OpenAiChat => ["0:reasoning_content", "1:call 0 arguments", "1:call 1 arguments"],
            Dialect::OpenAiResponses => {
                ["0:reasoning_summary_text", "1:function_call_arguments", "2:function_call_arguments"]
            }
            Dialect::Anthropic => ["0:thinking", "1:partial_json", "2:partial_json"],
        };
        let expected = [
            expected_reasoning(SEED, &messages),
            expected_arguments(SEED, &messages, "f"),
            expected_arguments(SEED, &messages, "g"),
        ];
        assert_eq!(keys.map(|key| said.text(key)), expected.each_ref().map(String::as_str), "{dialect:?}");

        let text = Place::new(dialect, Strategy::Replay, Continuation::None, breaks()).await;
        let read = text.read(json!({}), false).await;
        assert_eq!(text.said(&read).text(key(dialect)), text.whole(), "{dialect:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_to_go_on_is_asked_for_another_answer_where_the_reader_can_take_it() {
    for (dialect, continuation) in CONTINUATIONS {
        // What is configured is not what the upstream can do.
        let faults = json!({"script": [{"kind": "cut", "after": 9}], "continuations": ["none"]});
        let refuses = dialect == Dialect::Anthropic
            || !matches!(continuation, Continuation::Anthropic | Continuation::Openrouter);
        if !refuses {
            // It takes the text for history, and nobody can tell: hence continuations are never guessed.
            continue;
        }
        let place = Place::new(dialect, Strategy::Auto, continuation, faults).await;
        let read = place.read(json!({}), true).await;
        assert_eq!(
            (read.refused, &read.ways[..]),
            (1, &[Way::Continue, Way::Restart][..]),
            "{continuation:?}"
        );
        let said = place.said(&read);
        assert_eq!((said.restarts, said.text(key(dialect))), (1, &*place.whole()));

        place.mock.set_faults(Faults::read(br#"{"script":[{"kind":"cut","after":9}]}"#).unwrap());
        let read = place.read(json!({}), false).await;
        assert_eq!((read.refused, read.why_not), (1, Some(WhyNot::RuledOut)), "{continuation:?}");
    }
}

#[tokio::test]
async fn a_model_that_thinks_anew_in_a_continuation_is_not_believed() {
    let faults = json!({"script": [{"kind": "cut", "after": 30}]});
    let place = Place::new(Dialect::OpenAiChat, Strategy::Continue, Continuation::Vllm, faults).await;
    let request = place.request(&json!({}));
    let mut splice = Splice::new(place.settings, place.dialect, false);
    // It was shown by an upstream whose reasoning is hidden.
    let whole = place.whole();
    let text = whole[..whole.floor_char_boundary(20)].to_owned();
    splice.resume(&Resume { text, events: Vec::new() });
    let next = splice.plan(&request).unwrap();
    let mut body: Value = serde_json::from_slice(&next.body).unwrap();
    body["reasoning_effort"] = json!("high");
    let mut answer = place.send(body.to_string().into()).await.into_body();
    let mut failed = None;
    while let Some(Ok(frame)) = answer.frame().await {
        failed = failed.or(splice.forward(frame.into_data().unwrap()).failed);
    }
    assert_eq!(failed, Some(Mismatch::Reasoned));
}

#[tokio::test]
async fn a_call_that_breaks_in_its_arguments_is_not_continued() {
    let more = json!({"tool_choice": {"type": "function", "function": {"name": "f"}},
                      "tools": [{"type": "function", "function": {"name": "f"}}]});
    let faults = json!({"script": [{"kind": "cut", "after": 3}]});
    let place = Place::new(Dialect::OpenAiChat, Strategy::Auto, Continuation::Vllm, faults).await;
    let read = place.read(more, false).await;
    assert_eq!((read.why_not, place.mock.stats().requests), (Some(WhyNot::ToolCall), 1));
}
