use serde_json::{Value, json};

use super::{Events, PIECE, PROMPT, named};
use crate::said::{Call, Said};
use crate::text;

fn reason(said: &Said) -> &'static str {
    if said.calls.is_empty() { "end_turn" } else { "tool_use" }
}

/// What shows that the reasoning is the model's own.
fn signature(id: &str) -> String {
    format!("signature-{id}")
}

fn tool_id(id: &str, number: usize) -> String {
    format!("toolu_{id}_{number}")
}

pub(super) fn stream(request: &Value, said: &Said, pieces: &[&str], id: &str) -> Events {
    let message = json!({"id": id, "type": "message", "role": "assistant", "model": request["model"],
                         "content": [], "stop_reason": null, "stop_sequence": null,
                         "usage": {"input_tokens": PROMPT + said.begun, "output_tokens": 1}});
    let mut events = Events::default();
    events.frame(&json!({"type": "message_start", "message": message}));
    let (mut index, mut tokens) = (0, 0);
    let mut block = |events: &mut Events, block: Value, deltas: Vec<Value>| {
        events.frame(&json!({"type": "content_block_start", "index": index, "content_block": block}));
        if index == 0 {
            events.frame(&json!({"type": "ping"}));
        }
        for delta in deltas {
            let is_frame = delta["type"] == "signature_delta";
            let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
            if is_frame {
                events.frame(&delta);
            } else {
                tokens += 1;
                events.content(&delta);
            }
        }
        events.frame(&json!({"type": "content_block_stop", "index": index}));
        index += 1;
    };
    if let Some(reasoning) = &said.reasoning {
        let piece = |text| json!({"type": "thinking_delta", "thinking": text});
        let mut deltas: Vec<Value> = text::pieces(reasoning, PIECE).into_iter().map(piece).collect();
        deltas.push(json!({"type": "signature_delta", "signature": signature(id)}));
        block(&mut events, json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    if said.calls.is_empty() {
        let piece = |text: &&str| json!({"type": "text_delta", "text": text});
        block(&mut events, json!({"type": "text", "text": ""}), pieces.iter().map(piece).collect());
    }
    for (number, Call { name, arguments }) in said.calls.iter().enumerate() {
        let piece = |text| json!({"type": "input_json_delta", "partial_json": text});
        let deltas = text::pieces(arguments, PIECE).into_iter().map(piece).collect();
        let tool = json!({"type": "tool_use", "id": tool_id(id, number), "name": name, "input": {}});
        block(&mut events, tool, deltas);
    }
    events.after.extend([
        named(&json!({"type": "message_delta",
                      "delta": {"stop_reason": reason(said), "stop_sequence": null},
                      "usage": {"output_tokens": tokens}})),
        named(&json!({"type": "message_stop"})),
    ]);
    events
}

pub(super) fn whole(request: &Value, said: &Said, id: &str) -> Value {
    let mut content = Vec::new();
    if let Some(reasoning) = &said.reasoning {
        content.push(json!({"type": "thinking", "thinking": reasoning, "signature": signature(id)}));
    }
    if said.calls.is_empty() {
        content.push(json!({"type": "text", "text": said.text}));
    }
    for (number, Call { name, arguments }) in said.calls.iter().enumerate() {
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        content.push(json!({"type": "tool_use", "id": tool_id(id, number), "name": name, "input": input}));
    }
    json!({
        "id": id, "type": "message", "role": "assistant", "model": request["model"], "content": content,
        "stop_reason": reason(said), "stop_sequence": null,
        "usage": {"input_tokens": PROMPT + said.begun, "output_tokens": 60},
    })
}
