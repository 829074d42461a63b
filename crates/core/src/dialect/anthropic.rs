use serde::Deserialize;
use serde_json::value::RawValue;

use super::Seen;
use super::json::{RawExt, UpstreamError, error_of, word};
use crate::Finish;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
        if name == b"error" {
            seen.error = Some(UpstreamError::unread(data));
        } else {
            seen.garbage = true;
        }
        return;
    };
    let kind = event.kind.map_or(name, |kind| word(Some(kind)).as_bytes());
    if kind == b"error" || name == b"error" {
        seen.error = error_of(event.error).or_else(|| Some(UpstreamError::named("unknown")));
        return;
    }
    if let Some(tokens) = event.usage.as_ref().or(event.message.as_ref().and_then(|m| m.usage.as_ref())) {
        count(seen, tokens);
    }
    match kind {
        b"content_block_delta" => {
            seen.content |= event.delta.is_some_and(|delta| {
                delta.text.is_filled() || delta.thinking.is_filled() || delta.partial_json.is_filled()
            });
        }
        // A tool call begins with its name; a text block begins empty.
        b"content_block_start" => {
            seen.content |= event.content_block.is_some_and(|block| word(block.kind).contains("tool"));
        }
        b"message_delta" => {
            let reason = event.delta.map_or("", |delta| word(delta.stop_reason));
            if !reason.is_empty() {
                seen.finish = Some(Finish::new(reason));
                seen.content = true;
            }
        }
        b"message_stop" => {
            if seen.finish.is_none() {
                seen.finish = Some(Finish::new("end_turn"));
            }
            seen.content = true;
        }
        _ => {}
    }
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(body) else { return false };
    match word(message.kind) {
        "error" => {
            seen.error = error_of(message.error).or_else(|| Some(UpstreamError::named("unknown")));
        }
        "message" => {
            seen.content |= message.content.is_filled();
            let reason = word(message.stop_reason);
            seen.finish = (!reason.is_empty()).then(|| Finish::new(reason));
            if let Some(tokens) = &message.usage {
                count(seen, tokens);
            }
        }
        _ => match error_of(message.error) {
            Some(error) => seen.error = Some(error),
            None => return false,
        },
    }
    true
}

/// The input is counted at the start, the output at the end; the last number of each holds.
fn count(seen: &mut Seen, tokens: &Tokens) {
    let mut usage = seen.usage.unwrap_or_default();
    usage.input = tokens.input_tokens.unwrap_or(usage.input);
    usage.output = tokens.output_tokens.unwrap_or(usage.output);
    seen.usage = Some(usage);
}
