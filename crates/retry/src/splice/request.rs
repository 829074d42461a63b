//! The request for the rest of an answer, in the way of each provider.

use std::borrow::Cow;

use lastbyte_core::Dialect;

use super::json::{Members, for_each_element, number, quoted, word};
use super::{Continuation, WhyNot};

/// The request that lets the model go on from `prefix`.
///
/// `produced` is how many tokens the answer has taken so far, where the upstream has told that: the limit
/// is lowered by so many. An estimate would end answers too early or make a promise that is not kept; so
/// where nothing was told the limit stays, and the answer may become longer by what was shown already.
pub(super) fn continued(
    request: &[u8],
    dialect: Dialect,
    continuation: Continuation,
    prefix: &str,
    produced: u64,
) -> Result<String, WhyNot> {
    let is_known = match dialect {
        Dialect::OpenAiChat => continuation != Continuation::None,
        Dialect::Anthropic => continuation == Continuation::Anthropic,
        Dialect::OpenAiResponses => false,
    };
    if !is_known {
        return Err(WhyNot::NoContinuation);
    }
    let mut request = Members::read(request).ok_or(WhyNot::RequestUnread)?;
    let messages = request.filled("messages").ok_or(WhyNot::RequestUnread)?;
    let mut last = None;
    for_each_element(messages, |message| last = Some(message.get())).ok_or(WhyNot::RequestUnread)?;
    let last = last.and_then(|last| Members::read(last.as_bytes())).ok_or(WhyNot::RequestUnread)?;
    if last.value("role").map(word) == Some("assistant") {
        return Err(WhyNot::Begun);
    }
    if let Some(why) = why_not(&request) {
        return Err(why);
    }
    let marked = matches!(continuation, Continuation::Deepseek | Continuation::Mistral);
    let mark = if marked { ",\"prefix\":true" } else { "" };
    let text = quoted(prefix);
    let messages = messages.trim_end().strip_suffix(']').ok_or(WhyNot::RequestUnread)?;
    let messages = format!("{messages},{{\"role\":\"assistant\",\"content\":{text}{mark}}}]");
    request.set("messages", messages);
    match continuation {
        Continuation::Vllm => {
            request.set("add_generation_prompt", "false");
            request.set("continue_final_message", "true");
            // It would repeat the last message.
            request.remove("echo");
        }
        Continuation::Sglang => {
            request.set("continue_final_message", "true");
        }
        _ => {}
    }
    for key in ["max_tokens", "max_completion_tokens"] {
        if let Some(limit) = request.value(key).and_then(number).filter(|_| produced > 0) {
            request.set(key, Cow::Owned(limit.saturating_sub(produced).max(1).to_string()));
        }
    }
    Ok(request.write())
}

/// What a request asks for that a continuation cannot give.
fn why_not(request: &Members<'_>) -> Option<WhyNot> {
    const STRUCTURE: [&str; 11] = [
        "output_format",
        "structured_outputs",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "json_schema",
        "regex",
        "ebnf",
        "grammar",
        "structural_tag",
    ];
    let is_true = |key| request.value(key) == Some("true");
    let type_of = |key| {
        let object = request.object(key)?;
        Some(word(object.value("type")?).to_owned())
    };
    if ["n", "best_of"].into_iter().any(|key| request.filled(key).is_some_and(|n| n != "1")) {
        return Some(WhyNot::SeveralChoices);
    }
    let format = type_of("response_format").unwrap_or_default();
    let output = request.object("output_config").is_some_and(|config| config.filled("format").is_some());
    if request.filled("response_format").is_some() && format != "text"
        || output
        || STRUCTURE.into_iter().any(|key| request.filled(key).is_some())
    {
        return Some(WhyNot::Structured);
    }
    let number_of = |key| request.value(key).and_then(number).unwrap_or(0);
    if is_true("logprobs") || number_of("top_logprobs") > 0 || number_of("logprobs") > 0 {
        return Some(WhyNot::LogProbs);
    }
    if request.filled("audio").is_some() || request.value("modalities").is_some_and(|m| m.contains("audio")) {
        return Some(WhyNot::Audio);
    }
    // A tool that must be called is called from the first token on: its call is decoded under a grammar.
    let choice = request.filled("tool_choice").unwrap_or("null");
    let forced = match word(choice) {
        "" | "auto" | "none" => false,
        _ if choice.starts_with('{') => !matches!(type_of("tool_choice").as_deref(), Some("auto" | "none")),
        _ => true,
    };
    let function = request.value("function_call").is_some_and(|call| call.starts_with('{'));
    if forced || function {
        return Some(WhyNot::ToolCall);
    }
    let thinks = matches!(type_of("thinking").as_deref(), Some("enabled" | "adaptive"));
    let template = request.object("chat_template_kwargs");
    let template = template.is_some_and(|arguments| {
        ["enable_thinking", "thinking"].into_iter().any(|key| arguments.value(key) == Some("true"))
    });
    (thinks || template || is_true("enable_thinking")).then_some(WhyNot::Reasoning)
}

/// The text without the white space at its end.
///
/// Claude refuses a prefix that ends in white space, and chat templates cut it off without saying so: then
/// a model goes on from other text than was sent. Cut off here, everybody knows where it goes on. Python's
/// `strip`, which templates use, takes the four separators U+001C to U+001F too.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
