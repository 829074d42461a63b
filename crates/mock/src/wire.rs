//! The three formats of a chat answer.

use bytes::Bytes;
use serde_json::{Value, json};

/// The format that a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Chat,
    Responses,
    Messages,
}

/// The events of a streamed answer: what stands before the content, the content, what stands behind it.
pub(crate) struct Events {
    pub(crate) before: Vec<Bytes>,
    pub(crate) content: Vec<Bytes>,
    pub(crate) after: Vec<Bytes>,
    pub(crate) done: Option<Bytes>,
}

const CREATED: u64 = 1_700_000_000;

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

fn named(value: &Value) -> Bytes {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default()).into()
}

impl Wire {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/responses" => Some(Self::Responses),
            "/v1/messages" => Some(Self::Messages),
            _ => None,
        }
    }

    /// The messages that the text is a function of.
    pub(crate) fn messages(self, request: &Value) -> &Value {
        if self == Self::Responses { &request["input"] } else { &request["messages"] }
    }

    pub(crate) fn stream(self, request: &Value, pieces: &[&str], id: &str) -> Events {
        let model = &request["model"];
        let tokens = pieces.len() as u64;
        match self {
            Self::Chat => {
                let choices = request["n"].as_u64().unwrap_or(1).clamp(1, 8);
                let chunk = |choices: Value| {
                    json!({"id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
                           "choices": choices})
                };
                let each = |delta: Value, finish: Value| -> Vec<Bytes> {
                    (0..choices)
                        .map(|index| {
                            data(&chunk(json!([{"index": index, "delta": delta, "finish_reason": finish}])))
                        })
                        .collect()
                };
                let mut after = each(json!({}), json!("stop"));
                if request["stream_options"]["include_usage"] == true {
                    let mut usage = chunk(json!([]));
                    usage["usage"] = json!({"prompt_tokens": 7, "completion_tokens": tokens,
                                            "total_tokens": tokens + 7});
                    after.push(data(&usage));
                }
                let piece = |text: &&str| each(json!({ "content": text }), Value::Null);
                Events {
                    before: each(json!({"role": "assistant", "content": ""}), Value::Null),
                    content: pieces.iter().map(|text| piece(text).concat().into()).collect(),
                    after,
                    done: Some("data: [DONE]\n\n".into()),
                }
            }
            Self::Responses => {
                let response = |status: &str| {
                    json!({"id": id, "object": "response", "created_at": CREATED, "model": model,
                           "status": status, "output": [], "parallel_tool_calls": true, "tool_choice": "auto",
                           "tools": []})
                };
                let mut completed = self.whole(request, &pieces.concat(), id);
                completed["usage"]["output_tokens"] = tokens.into();
                let delta = |(number, text): (usize, &&str)| {
                    named(
                        &json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                                  "content_index": 0, "delta": text, "logprobs": [],
                                  "sequence_number": number + 3}),
                    )
                };
                let item = json!({"id": "msg_1", "type": "message", "role": "assistant",
                                  "status": "in_progress", "content": []});
                let part = json!({"type": "output_text", "text": "", "annotations": []});
                Events {
                    before: vec![
                        named(&json!({"type": "response.created", "response": response("in_progress"),
                                      "sequence_number": 0})),
                        named(&json!({"type": "response.output_item.added", "output_index": 0, "item": item,
                                      "sequence_number": 1})),
                        named(&json!({"type": "response.content_part.added", "item_id": "msg_1",
                                      "output_index": 0, "content_index": 0, "part": part,
                                      "sequence_number": 2})),
                    ],
                    content: pieces.iter().enumerate().map(delta).collect(),
                    after: vec![named(&json!({"type": "response.completed", "response": completed,
                                              "sequence_number": pieces.len() + 3}))],
                    done: None,
                }
            }
            Self::Messages => {
                let message = json!({"id": id, "type": "message", "role": "assistant", "model": model,
                                     "content": [], "stop_reason": null, "stop_sequence": null,
                                     "usage": {"input_tokens": 7, "output_tokens": 1}});
                let delta = |text: &&str| {
                    named(&json!({"type": "content_block_delta", "index": 0,
                                  "delta": {"type": "text_delta", "text": text}}))
                };
                Events {
                    before: vec![
                        named(&json!({"type": "message_start", "message": message})),
                        named(&json!({"type": "content_block_start", "index": 0,
                                      "content_block": {"type": "text", "text": ""}})),
                        named(&json!({"type": "ping"})),
                    ],
                    content: pieces.iter().map(delta).collect(),
                    after: vec![
                        named(&json!({"type": "content_block_stop", "index": 0})),
                        named(&json!({"type": "message_delta",
                                      "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                                      "usage": {"output_tokens": tokens}})),
                        named(&json!({"type": "message_stop"})),
                    ],
                    done: None,
                }
            }
        }
    }

    pub(crate) fn whole(self, request: &Value, text: &str, id: &str) -> Value {
        let model = &request["model"];
        match self {
            Self::Chat => json!({
                "id": id, "object": "chat.completion", "created": CREATED, "model": model,
                "choices": [{"index": 0, "finish_reason": "stop",
                             "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 60, "total_tokens": 67},
            }),
            Self::Responses => json!({
                "id": id, "object": "response", "created_at": CREATED, "model": model, "status": "completed",
                "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                            "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": 7, "output_tokens": 60, "total_tokens": 67},
                "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
            }),
            Self::Messages => json!({
                "id": id, "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 7, "output_tokens": 60},
            }),
        }
    }

    /// An error inside a stream.
    pub(crate) fn error_event(self) -> Bytes {
        match self {
            Self::Chat => data(&error("server_error", "The server had an error", None)),
            Self::Responses => named(&json!({"type": "error", "code": "server_error",
                                             "message": "The server had an error", "sequence_number": 9})),
            Self::Messages => named(&json!({"type": "error", "error": {"type": "overloaded_error",
                                                                       "message": "Overloaded"}})),
        }
    }
}

/// An error in OpenAI's shape.
pub(crate) fn error(kind: &str, message: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}
