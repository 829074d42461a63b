//! Requests that begin the answer themselves, in the way of each provider.

use serde_json::{Value, json};

use crate::wire::{Wire, error};

/// How the answer to such a request goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// What the model has before it, as its own words.
    pub(crate) text: String,
    /// Whether the answer repeats it.
    pub(crate) echoes: bool,
}

impl Begun {
    /// What the request begins with, if it does. An error is the body of a 400.
    ///
    /// `taken` are the continuations that this API has. Without one a last message of the assistant is a
    /// message like any other, and the model begins a new turn: so it is with OpenAI.
    pub(crate) fn of(wire: Wire, request: &Value, taken: &[String]) -> Result<Option<Self>, Value> {
        let takes = |name: &str| taken.iter().any(|taken| taken == name);
        let last = match wire.messages(request).as_array().and_then(|messages| messages.last()) {
            Some(last) if wire != Wire::Responses => last,
            _ => return Ok(None),
        };
        let is_assistant = last["role"] == "assistant";
        let text = text_of(&last["content"]);
        if wire == Wire::Messages {
            return match is_assistant {
                false => Ok(None),
                true if !takes("anthropic") => Err(anthropic_error(
                    "This model does not support assistant message prefill. The conversation must end with a \
                     user message.",
                )),
                true if text != text.trim_end() => Err(anthropic_error(
                    "messages: final assistant content cannot end with trailing whitespace",
                )),
                true => Ok(Some(Self { text, echoes: false })),
            };
        }
        if let Some(begun) = by_flags(request, takes("vllm"), takes("sglang"), is_assistant)? {
            // The chat template cuts white space off, and says nothing of it.
            return Ok(begun.then(|| Self { text: text.trim_end().to_owned(), echoes: false }));
        }
        match last.get("prefix").and_then(Value::as_bool) {
            Some(_) if !takes("deepseek") && !takes("mistral") => {
                Err(refused("Additional properties are not allowed ('prefix' was unexpected)"))
            }
            Some(true) if !is_assistant => {
                Err(refused("The last message must be from the assistant to be a prefix"))
            }
            Some(true) => Ok(Some(Self { text, echoes: takes("mistral") })),
            _ if !is_assistant => Ok(None),
            _ if takes("anthropic") || takes("openrouter") => {
                if takes("anthropic") && text != text.trim_end() {
                    return Err(refused("final assistant content cannot end with trailing whitespace"));
                }
                Ok(Some(Self { text, echoes: false }))
            }
            _ if takes("mistral") => {
                let expected = "Expected last role User or Tool (or Assistant with prefix True) for serving";
                Err(refused(&format!("{expected} but got assistant")))
            }
            _ => Ok(None),
        }
    }
}

/// vLLM's and SGLang's flags: whether they ask to go on; `None` where they are not there.
fn by_flags(request: &Value, vllm: bool, sglang: bool, is_assistant: bool) -> Result<Option<bool>, Value> {
    let flag = |key: &str| request.get(key).and_then(Value::as_bool);
    let (goes_on, turn) = (flag("continue_final_message"), flag("add_generation_prompt"));
    if goes_on.is_none() && turn.is_none() {
        return Ok(None);
    }
    if !vllm && !sglang {
        let name = if goes_on.is_some() { "continue_final_message" } else { "add_generation_prompt" };
        return Err(refused(&format!("Unrecognized request argument supplied: {name}")));
    }
    if goes_on != Some(true) {
        return Ok(Some(false));
    }
    // vLLM's `add_generation_prompt` is true where nothing else is said.
    if turn.unwrap_or(!sglang) {
        return Err(refused("Cannot set both `continue_final_message` and `add_generation_prompt` to True."));
    }
    if !is_assistant {
        return Err(refused("continue_final_message is set but there is no assistant message to continue"));
    }
    Ok(Some(true))
}

fn refused(message: &str) -> Value {
    error("invalid_request_error", message, None)
}

fn anthropic_error(message: &str) -> Value {
    json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
}

/// A text, or the texts of its parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(wire: Wire, taken: &[&str], more: Value, last: Value) -> Result<Option<Begun>, String> {
        let mut request = json!({"messages": [{"role": "user", "content": "Hi"}, last]});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let taken: Vec<String> = taken.iter().map(|&name| name.to_owned()).collect();
        Begun::of(wire, &request, &taken)
            .map_err(|error| error["error"]["message"].as_str().unwrap().to_owned())
    }

    fn goes_on(text: &str, echoes: bool) -> Result<Option<Begun>, String> {
        Ok(Some(Begun { text: text.to_owned(), echoes }))
    }

    fn said(text: &str) -> Value {
        json!({"role": "assistant", "content": text})
    }

    fn prefix(text: &str) -> Value {
        json!({"role": "assistant", "content": text, "prefix": true})
    }

    #[test]
    fn flags_are_taken_as_vllm_and_sglang_take_them() {
        let flags = |turn: bool, goes_on: bool| json!({"add_generation_prompt": turn, "continue_final_message": goes_on});
        let of = |taken: &[&str], more, last| begun(Wire::Chat, taken, more, last);
        assert_eq!(of(&["vllm"], flags(false, true), said("A \n")), goes_on("A", false));
        assert_eq!(of(&["sglang"], json!({"continue_final_message": true}), said("A")), goes_on("A", false));
        assert!(of(&["vllm"], flags(true, true), said("A")).unwrap_err().contains("Cannot set both"));
        let half = json!({"continue_final_message": true});
        assert!(of(&["vllm"], half, said("A")).unwrap_err().contains("Cannot set both"));
        assert!(of(&["vllm"], flags(false, true), json!({"role": "user"})).is_err());
        assert!(of(&[], flags(false, true), said("A")).unwrap_err().contains("Unrecognized"));
        assert_eq!(of(&["vllm"], flags(true, false), said("A")), Ok(None));
    }

    #[test]
    fn a_prefix_is_taken_as_deepseek_and_mistral_take_it() {
        let of = |taken: &[&str], last| begun(Wire::Chat, taken, json!({}), last);
        assert_eq!(of(&["deepseek"], prefix("A ")), goes_on("A ", false));
        assert_eq!(of(&["mistral"], prefix("A")), goes_on("A", true));
        assert!(of(&[], prefix("A")).unwrap_err().contains("'prefix' was unexpected"));
        assert!(of(&["mistral"], said("A")).unwrap_err().contains("Expected last role"));
        assert!(of(&["mistral"], json!({"role": "user", "content": "A", "prefix": true})).is_err());
        // To DeepSeek it is what was said before.
        assert_eq!(of(&["deepseek"], said("A")), Ok(None));
    }

    #[test]
    fn a_last_message_of_the_assistant_is_gone_on_from_refused_or_history() {
        let of = |wire, taken: &[&str], last| begun(wire, taken, json!({}), last);
        assert_eq!(of(Wire::Chat, &[], said("A")), Ok(None));
        assert_eq!(of(Wire::Chat, &["openrouter"], said("A ")), goes_on("A ", false));
        assert_eq!(of(Wire::Chat, &["anthropic"], said("A")), goes_on("A", false));
        assert_eq!(of(Wire::Messages, &["anthropic"], said("A")), goes_on("A", false));
        let parts = json!({"role": "assistant", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]});
        assert_eq!(of(Wire::Messages, &["anthropic"], parts), goes_on("AB", false));
        for wire in [Wire::Chat, Wire::Messages] {
            assert!(of(wire, &["anthropic"], said("A ")).unwrap_err().contains("trailing whitespace"));
        }
        assert!(
            of(Wire::Messages, &[], said("A")).unwrap_err().contains("does not support assistant message")
        );
        assert_eq!(of(Wire::Messages, &[], json!({"role": "user", "content": "A"})), Ok(None));
    }
}
