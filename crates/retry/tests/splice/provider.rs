//! A chat API as a function: a request body in, the events of its answer out, in the way of each provider.

use bytes::Bytes;
use lastbyte_core::Dialect;
use lastbyte_retry::splice::Continuation;
use serde_json::{Value, json};

/// A piece of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(String),
    Reasoning(String),
    Call { name: String, arguments: String },
}

/// What is answered, always, and how.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) dialect: Dialect,
    pub(crate) continuation: Continuation,
    /// The parts of each choice.
    pub(crate) choices: Vec<Vec<Part>>,
    /// The role in every chunk, as OpenRouter has it.
    pub(crate) eager_role: bool,
    /// Usage in every chunk, as vLLM has it on demand.
    pub(crate) usage_in_chunks: bool,
}

/// An answer: the events before it says how it ended, and the rest.
pub(crate) struct Answer {
    pub(crate) begin: Vec<Bytes>,
    pub(crate) end: Vec<Bytes>,
}

/// The question that is asked everywhere.
pub(crate) fn question() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "Q?"}], "stream": true,
           "stream_options": {"include_usage": true}})
}

impl Provider {
    pub(crate) fn new(dialect: Dialect, continuation: Continuation, parts: Vec<Part>) -> Self {
        let choices = vec![parts];
        Self { dialect, continuation, choices, eager_role: false, usage_in_chunks: false }
    }

    /// Answers attempt number `attempt` in pieces whose lengths, in characters, come from `sizes`.
    pub(crate) fn answer(&self, body: &[u8], attempt: usize, sizes: &[usize]) -> Answer {
        let request: Value = serde_json::from_slice(body).unwrap();
        let choices = match self.prefix(&request) {
            None => self.choices.clone(),
            Some(prefix) => {
                let [Part::Text(whole)] = &self.choices[0][..] else { panic!("only text is gone on from") };
                let rest = whole.strip_prefix(&prefix).expect("it is what was shown");
                let echo = if self.continuation == Continuation::Mistral { &*prefix } else { "" };
                vec![vec![Part::Text(format!("{echo}{rest}"))]]
            }
        };
        let mut sizes = sizes.iter().copied().cycle();
        let cut = |text: &str| pieces(text, &mut sizes);
        match self.dialect {
            Dialect::OpenAiChat => self.chat(&choices, attempt, cut),
            Dialect::Anthropic => messages(&choices[0], attempt, cut),
            Dialect::OpenAiResponses => responses(&choices[0], attempt, cut),
        }
    }

    /// What the model goes on from, where the request says so in this provider's way.
    fn prefix(&self, request: &Value) -> Option<String> {
        let last = request["messages"].as_array()?.last()?;
        if last["role"] != "assistant" {
            return None;
        }
        let text = last["content"].as_str().unwrap();
        let marked = last["prefix"] == true;
        let flag = |key: &str| request.get(key).and_then(Value::as_bool);
        let flags = (flag("add_generation_prompt"), flag("continue_final_message"));
        match self.continuation {
            Continuation::None => panic!("nobody would go on here"),
            Continuation::Vllm => assert_eq!((marked, flags), (false, (Some(false), Some(true)))),
            Continuation::Sglang => assert_eq!((marked, flags), (false, (None, Some(true)))),
            Continuation::Deepseek | Continuation::Mistral => {
                assert_eq!((marked, flags), (true, (None, None)));
            }
            Continuation::Anthropic | Continuation::Openrouter => {
                assert_eq!((marked, flags), (false, (None, None)));
                assert_eq!(text, text.trim_end(), "must not end in white space");
            }
        }
        // Templates cut white space off without saying so.
        Some(text.trim_end().to_owned())
    }

    fn chat(
        &self,
        choices: &[Vec<Part>],
        attempt: usize,
        mut cut: impl FnMut(&str) -> Vec<String>,
    ) -> Answer {
        let id = format!("chatcmpl-{attempt}");
        let prompt = 7 + attempt as u64;
        let mut produced = 0;
        let chunk = |choices: Value, produced: u64, usage: bool| {
            let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 1_700_000_000 + attempt,
                                   "model": format!("m-{attempt}"), "choices": choices});
            if usage {
                chunk["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": produced,
                                        "total_tokens": prompt + produced});
            }
            Bytes::from(format!("data: {chunk}\n\n"))
        };
        let mut lanes: Vec<Vec<(usize, Value)>> = Vec::new();
        for (index, parts) in choices.iter().enumerate() {
            let mut deltas = vec![json!({"role": "assistant", "content": ""})];
            let mut calls = 0;
            for part in parts {
                match part {
                    Part::Text(text) => deltas.extend(cut(text).into_iter().map(|p| json!({ "content": p }))),
                    Part::Reasoning(text) => {
                        // Under both names.
                        deltas.extend(
                            cut(text).into_iter().map(|p| json!({"reasoning": p, "reasoning_content": p})),
                        );
                    }
                    Part::Call { name, arguments } => {
                        deltas.push(
                            json!({"tool_calls": [{"index": calls, "id": format!("call_{attempt}_{calls}"),
                            "type": "function", "function": {"name": name, "arguments": ""}}]}),
                        );
                        deltas.extend(cut(arguments).into_iter().map(
                            |p| json!({"tool_calls": [{"index": calls, "function": {"arguments": p}}]}),
                        ));
                        calls += 1;
                    }
                }
            }
            if self.eager_role {
                deltas.iter_mut().for_each(|delta| delta["role"] = "assistant".into());
            }
            lanes.push(deltas.into_iter().map(|delta| (index, delta)).collect());
        }
        // The choices take turns.
        let mut begin = Vec::new();
        for turn in 0..lanes.iter().map(Vec::len).max().unwrap_or(0) {
            for (index, delta) in lanes.iter().filter_map(|lane| lane.get(turn)) {
                produced += 1;
                begin.push(chunk(
                    json!([{"index": index, "delta": delta, "finish_reason": null}]),
                    produced,
                    self.usage_in_chunks,
                ));
            }
        }
        let mut end: Vec<Bytes> = (0..choices.len())
            .map(|index| {
                chunk(json!([{"index": index, "delta": {}, "finish_reason": "stop"}]), produced, false)
            })
            .collect();
        end.push(chunk(json!([]), produced, true));
        end.push("data: [DONE]\n\n".into());
        Answer { begin, end }
    }
}

fn named(value: &Value) -> Bytes {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap()).into()
}

fn messages(parts: &[Part], attempt: usize, mut cut: impl FnMut(&str) -> Vec<String>) -> Answer {
    let usage = json!({"input_tokens": 7 + attempt, "output_tokens": 1});
    let message = json!({"id": format!("msg_{attempt}"), "type": "message", "role": "assistant", "model": "m",
                         "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
    let mut begin = vec![named(&json!({"type": "message_start", "message": message}))];
    let mut end = Vec::new();
    let mut produced = 0;
    for (index, part) in parts.iter().enumerate() {
        begin.append(&mut end);
        let (block, deltas) = match part {
            Part::Text(text) => {
                let deltas = cut(text).into_iter().map(|p| json!({"type": "text_delta", "text": p}));
                (json!({"type": "text", "text": ""}), deltas.collect::<Vec<_>>())
            }
            Part::Reasoning(text) => {
                let deltas = cut(text).into_iter().map(|p| json!({"type": "thinking_delta", "thinking": p}));
                let signature = json!({"type": "signature_delta", "signature": format!("sig{attempt}")});
                let block = json!({"type": "thinking", "thinking": "", "signature": ""});
                (block, deltas.chain([signature]).collect())
            }
            Part::Call { name, arguments } => {
                let deltas = cut(arguments)
                    .into_iter()
                    .map(|p| json!({"type": "input_json_delta", "partial_json": p}));
                let id = format!("toolu_{attempt}");
                (json!({"type": "tool_use", "id": id, "name": name, "input": {}}), deltas.collect())
            }
        };
        begin.push(named(&json!({"type": "content_block_start", "index": index, "content_block": block})));
        begin.push(named(&json!({"type": "ping"})));
        produced += deltas.len();
        begin.extend(
            deltas
                .into_iter()
                .map(|delta| named(&json!({"type": "content_block_delta", "index": index, "delta": delta}))),
        );
        end.push(named(&json!({"type": "content_block_stop", "index": index})));
    }
    begin.append(&mut end);
    end.push(named(
        &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                           "usage": {"output_tokens": produced}}),
    ));
    end.push(named(&json!({"type": "message_stop"})));
    Answer { begin, end }
}

fn responses(parts: &[Part], attempt: usize, mut cut: impl FnMut(&str) -> Vec<String>) -> Answer {
    let response = |status: &str, output: &[Value], produced: usize| {
        let mut response = json!({"id": format!("resp_{attempt}"), "object": "response", "model": "m",
                                  "created_at": 1_700_000_000 + attempt, "status": status, "output": output,
                                  "usage": null});
        if status == "completed" {
            response["usage"] = json!({"input_tokens": 7 + attempt, "output_tokens": produced,
                                       "total_tokens": 7 + attempt + produced});
        }
        response
    };
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", &[], 0)}),
        json!({"type": "response.in_progress", "response": response("in_progress", &[], 0)}),
    ];
    let (mut output, mut produced) = (Vec::new(), 0);
    for (index, part) in parts.iter().enumerate() {
        let item = format!("item_{attempt}_{index}");
        let at = |kind: &str| json!({"type": kind, "item_id": item, "output_index": index});
        let with = |mut event: Value, more: Value| {
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let (empty, whole, kind, text, inner, framed) = match part {
            Part::Text(text) => {
                let content = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
                let message = |content: Value, status: &str| json!({"id": item, "type": "message", "role": "assistant", "status": status, "content": content});
                let frame = (
                    with(at("response.content_part.added"), json!({"content_index": 0, "part": content("")})),
                    with(
                        at("response.content_part.done"),
                        json!({"content_index": 0, "part": content(text)}),
                    ),
                );
                let whole = message(json!([content(text)]), "completed");
                let inner = json!({"content_index": 0, "logprobs": []});
                (message(json!([]), "in_progress"), whole, "output_text", text, inner, Some(frame))
            }
            Part::Reasoning(text) => {
                let part = |text: &str| json!({"type": "summary_text", "text": text});
                let frame = (
                    with(
                        at("response.reasoning_summary_part.added"),
                        json!({"summary_index": 0, "part": part("")}),
                    ),
                    with(
                        at("response.reasoning_summary_part.done"),
                        json!({"summary_index": 0, "part": part(text)}),
                    ),
                );
                let item = |summary: Value| json!({"id": item, "type": "reasoning", "summary": summary});
                let inner = json!({"summary_index": 0});
                (
                    item(json!([])),
                    item(json!([part(text)])),
                    "reasoning_summary_text",
                    text,
                    inner,
                    Some(frame),
                )
            }
            Part::Call { name, arguments } => {
                let item = |arguments: &str| {
                    json!({"id": item, "type": "function_call", "call_id": format!("call_{attempt}"), "name": name,
                           "arguments": arguments})
                };
                (item(""), item(arguments), "function_call_arguments", arguments, json!({}), None)
            }
        };
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": empty}));
        let (added, done) = framed.unzip();
        events.extend(added);
        for piece in cut(text) {
            produced += 1;
            let delta = with(at(&format!("response.{kind}.delta")), json!({ "delta": piece }));
            events.push(with(delta, inner.clone()));
        }
        let name = if kind == "function_call_arguments" { "arguments" } else { "text" };
        events.push(with(with(at(&format!("response.{kind}.done")), json!({ name: text })), inner));
        events.extend(done);
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": whole}));
        output.push(whole);
    }
    events.push(json!({"type": "response.completed", "response": response("completed", &output, produced)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    let mut begin: Vec<Bytes> = events.iter().map(named).collect();
    let end = begin.split_off(begin.len() - 1);
    Answer { begin, end }
}

fn pieces(text: &str, sizes: &mut impl Iterator<Item = usize>) -> Vec<String> {
    let mut rest = text.chars().peekable();
    let mut pieces = Vec::new();
    while rest.peek().is_some() {
        let size = sizes.next().unwrap_or(1).max(1);
        pieces.push(rest.by_ref().take(size).collect());
    }
    pieces
}
