//! What an answer says: words, and where the request asks for them reasoning or calls of tools.

use serde_json::{Value, json};

use crate::begun::Begun;
use crate::wire::Wire;
use crate::{Faults, text};

/// How many words the reasoning has, and a call's arguments.
const REASONING_WORDS: usize = 20;
const ARGUMENT_WORDS: usize = 12;

/// No answer calls more tools at once.
const MAX_CALLS: usize = 4;

/// What one answer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) reasoning: Option<String>,
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    /// How many words of the prompt were the answer's own beginning: they are counted, and paid, as prompt.
    pub(crate) begun: usize,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// What the model thinks before it answers `messages` under `seed`, where a request asks for reasoning.
pub fn expected_reasoning(seed: u64, messages: &Value) -> String {
    text::expected_words(!seed, messages, REASONING_WORDS)
}

/// The arguments, a JSON object, that `tool` is called with to answer `messages` under `seed`.
pub fn expected_arguments(seed: u64, messages: &Value, tool: &str) -> String {
    json!({"tool": tool, "text": text::expected_words(seed, &json!([tool, messages]), ARGUMENT_WORDS)})
        .to_string()
}

impl Said {
    /// What answers `request`. An error is the body of a 400.
    pub(crate) fn of(seed: u64, wire: Wire, request: &Value, faults: &Faults) -> Result<Self, Value> {
        let count = if faults.words == 0 { 60 } else { faults.words };
        let messages = wire.messages(request);
        let reasoning = wire.reasons(request).then(|| expected_reasoning(seed, messages));
        if let Some(begun) = Begun::of(wire, request, &faults.continuations)? {
            let asked =
                messages.as_array().and_then(|all| all.split_last()).map_or(&[][..], |(_, asked)| asked);
            let whole = text::expected_words(seed, &Value::Array(asked.to_vec()), count);
            // Of another beginning this model has no continuation in store: it says something.
            let rest = match whole.strip_prefix(&begun.text) {
                Some(rest) => rest.to_owned(),
                None => text::expected_words(seed, messages, count),
            };
            let words = begun.text.split_whitespace().count();
            let echo = if begun.echoes { &*begun.text } else { "" };
            return Ok(Self { reasoning, text: format!("{echo}{rest}"), calls: Vec::new(), begun: words });
        }
        let calls: Vec<Call> = wire
            .forced_tools(request)
            .into_iter()
            .take(MAX_CALLS)
            .map(|name| Call { arguments: expected_arguments(seed, messages, &name), name })
            .collect();
        let text = if calls.is_empty() { text::expected_words(seed, messages, count) } else { String::new() };
        Ok(Self { reasoning, text, calls, begun: 0 })
    }
}
