use serde_json::{Value, json};

use super::{CREATED, Events, PIECE, PROMPT, data};
use crate::said::Said;
use crate::text;

fn finish(said: &Said) -> &'static str {
    if said.calls.is_empty() { "stop" } else { "tool_calls" }
}

pub(super) fn stream(request: &Value, said: &Said, pieces: &[&str], id: &str) -> Events {
    let model = &request["model"];
    let choices = request["n"].as_u64().unwrap_or(1).clamp(1, 8);
    let chunk = |choices: Value| {
        json!({"id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
               "choices": choices})
    };
    let each = |delta: Value, finish: Value| {
        let one = |index| data(&chunk(json!([{"index": index, "delta": delta, "finish_reason": finish}])));
        (0..choices).map(one).collect::<Vec<_>>()
    };
    let mut deltas: Vec<Value> = Vec::new();
    if let Some(reasoning) = &said.reasoning {
        deltas.extend(
            text::pieces(reasoning, PIECE).into_iter().map(|text| json!({"reasoning_content": text})),
        );
    }
    deltas.extend(pieces.iter().map(|text| json!({ "content": text })));
    for (index, call) in said.calls.iter().enumerate() {
        let tool = |call: Value| json!({ "tool_calls": [call] });
        deltas.push(tool(json!({"index": index, "id": format!("call_{id}_{index}"), "type": "function",
                                "function": {"name": call.name, "arguments": ""}})));
        let pieces = text::pieces(&call.arguments, PIECE);
        let piece = |text| tool(json!({"index": index, "function": {"arguments": text}}));
        deltas.extend(pieces.into_iter().map(piece));
    }
    let mut after = each(json!({}), json!(finish(said)));
    if request["stream_options"]["include_usage"] == true {
        let mut usage = chunk(json!([]));
        usage["usage"] = self::usage(said, deltas.len());
        after.push(data(&usage));
    }
    Events {
        before: each(json!({"role": "assistant", "content": ""}), Value::Null),
        content: deltas.into_iter().map(|delta| each(delta, Value::Null).concat().into()).collect(),
        after,
        done: Some("data: [DONE]\n\n".into()),
    }
}

fn usage(said: &Said, tokens: usize) -> Value {
    let prompt = PROMPT + said.begun;
    json!({"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens})
}

pub(super) fn whole(request: &Value, said: &Said, id: &str) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text});
    if let Some(reasoning) = &said.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if !said.calls.is_empty() {
        let call = |(index, call): (usize, &crate::said::Call)| {
            json!({"id": format!("call_{id}_{index}"), "type": "function",
                   "function": {"name": call.name, "arguments": call.arguments}})
        };
        message["content"] = Value::Null;
        message["tool_calls"] = said.calls.iter().enumerate().map(call).collect();
    }
    let choice = |index| json!({"index": index, "finish_reason": finish(said), "message": message});
    let count = request["n"].as_u64().unwrap_or(1).clamp(1, 8);
    json!({
        "id": id, "object": "chat.completion", "created": CREATED, "model": request["model"],
        "choices": (0..count).map(choice).collect::<Value>(),
        "usage": usage(said, 60),
    })
}
