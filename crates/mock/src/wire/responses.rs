use serde_json::{Value, json};

use super::{CREATED, Events, PIECE, PROMPT, named};
use crate::said::{Call, Said};
use crate::text;

pub(super) fn stream(request: &Value, said: &Said, pieces: &[&str], id: &str) -> Events {
    let mut numbered = Numbered::default();
    let response = json!({"id": id, "object": "response", "created_at": CREATED, "model": request["model"],
                          "status": "in_progress", "output": [], "parallel_tool_calls": true,
                          "tool_choice": "auto", "tools": []});
    numbered.frame(json!({"type": "response.created", "response": response}));
    let mut tokens = 0;
    for (at, item) in items(said, id).into_iter().enumerate() {
        let Item { id, empty, whole, kind, inner, part } = item;
        numbered.frame(json!({"type": "response.output_item.added", "output_index": at, "item": empty}));
        let with = |mut event: Value, more: &Value| {
            (event["item_id"], event["output_index"]) = (json!(id), json!(at));
            for (key, value) in more.as_object().into_iter().flatten() {
                event[key] = value.clone();
            }
            event
        };
        let (text, field) = match kind {
            "function_call_arguments" => (whole["arguments"].as_str(), "arguments"),
            "output_text" => (whole["content"][0]["text"].as_str(), "text"),
            _ => (whole["summary"][0]["text"].as_str(), "text"),
        };
        let text = text.unwrap_or_default();
        if let Some((name, part)) = &part {
            let added = json!({"type": format!("response.{name}.added"), "part": part});
            numbered.frame(with(added, &inner));
        }
        let own = text::pieces(text, PIECE);
        let pieces = if kind == "output_text" { pieces } else { &own };
        for piece in pieces {
            tokens += 1;
            let mut delta = with(json!({"type": format!("response.{kind}.delta"), "delta": piece}), &inner);
            if kind == "output_text" {
                delta["logprobs"] = json!([]);
            }
            numbered.content(delta);
        }
        let mut done = with(json!({"type": format!("response.{kind}.done")}), &inner);
        done[field] = json!(text);
        numbered.frame(done);
        if let Some((name, mut part)) = part {
            part["text"] = json!(text);
            let done = json!({"type": format!("response.{name}.done"), "part": part});
            numbered.frame(with(done, &inner));
        }
        numbered.frame(json!({"type": "response.output_item.done", "output_index": at, "item": whole}));
    }
    let mut completed = self::whole(request, said, id);
    completed["usage"]["output_tokens"] = json!(tokens);
    completed["usage"]["total_tokens"] = json!(PROMPT + tokens);
    let mut events = numbered.events;
    let end = json!({"type": "response.completed", "response": completed,
                     "sequence_number": numbered.number});
    events.after.push(named(&end));
    events
}

/// Events, numbered one by one.
#[derive(Default)]
struct Numbered {
    events: Events,
    number: usize,
}

impl Numbered {
    fn next(&mut self, mut event: Value) -> Value {
        event["sequence_number"] = json!(self.number);
        self.number += 1;
        event
    }

    fn frame(&mut self, event: Value) {
        let event = self.next(event);
        self.events.frame(&event);
    }

    fn content(&mut self, event: Value) {
        let event = self.next(event);
        self.events.content(&event);
    }
}

/// A piece of the output.
struct Item {
    id: String,
    /// As it is announced, and as it is in the end.
    empty: Value,
    whole: Value,
    /// The kind of its deltas, and what places them inside the item.
    kind: &'static str,
    inner: Value,
    /// The frame around its text, where it has one.
    part: Option<(&'static str, Value)>,
}

fn items(said: &Said, id: &str) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(reasoning) = &said.reasoning {
        let id = format!("rs_{id}");
        let item = |summary: Value| json!({"id": id, "type": "reasoning", "summary": summary});
        let part = |text: &str| json!({"type": "summary_text", "text": text});
        items.push(Item {
            empty: item(json!([])),
            whole: item(json!([part(reasoning)])),
            kind: "reasoning_summary_text",
            inner: json!({"summary_index": 0}),
            part: Some(("reasoning_summary_part", part(""))),
            id,
        });
    }
    if said.calls.is_empty() {
        let item = |status: &str, content: Value| json!({"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content});
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        items.push(Item {
            empty: item("in_progress", json!([])),
            whole: item("completed", json!([part(&said.text)])),
            kind: "output_text",
            inner: json!({"content_index": 0}),
            part: Some(("content_part", part(""))),
            id: "msg_1".into(),
        });
    }
    for (number, Call { name, arguments }) in said.calls.iter().enumerate() {
        let item = |status: &str, arguments: &str| {
            json!({"id": format!("fc_{id}_{number}"), "type": "function_call", "status": status,
                   "call_id": format!("call_{id}_{number}"), "name": name, "arguments": arguments})
        };
        items.push(Item {
            empty: item("in_progress", ""),
            whole: item("completed", arguments),
            kind: "function_call_arguments",
            inner: json!({}),
            part: None,
            id: format!("fc_{id}_{number}"),
        });
    }
    items
}

pub(super) fn whole(request: &Value, said: &Said, id: &str) -> Value {
    json!({
        "id": id, "object": "response", "created_at": CREATED, "model": request["model"],
        "status": "completed", "output": items(said, id).into_iter().map(|item| item.whole).collect::<Value>(),
        "usage": {"input_tokens": PROMPT, "output_tokens": 60, "total_tokens": 67},
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
    })
}
