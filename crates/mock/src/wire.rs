//! The three formats of a chat answer.

mod chat;
mod messages;
mod responses;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::said::Said;

/// The format that a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Chat,
    Responses,
    Messages,
}

/// The events of a streamed answer: what stands before the content, the content, what stands behind it.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) before: Vec<Bytes>,
    pub(crate) content: Vec<Bytes>,
    pub(crate) after: Vec<Bytes>,
    pub(crate) done: Option<Bytes>,
}

const CREATED: u64 = 1_700_000_000;

/// The tokens of a prompt, besides those of the answer's own beginning.
const PROMPT: usize = 7;

/// How many bytes of reasoning or of a call's arguments an event has.
const PIECE: usize = 12;

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

fn named(value: &Value) -> Bytes {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default()).into()
}

impl Events {
    /// A frame around content: it goes with the content that it begins or is between of.
    fn frame(&mut self, event: &Value) {
        if self.content.is_empty() { self.before.push(named(event)) } else { self.after.push(named(event)) }
    }

    /// A piece of content, with the frames before it.
    fn content(&mut self, event: &Value) {
        let mut bytes = std::mem::take(&mut self.after).concat();
        bytes.extend_from_slice(&named(event));
        self.content.push(bytes.into());
    }
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

    /// Whether the request asks for reasoning before the answer.
    pub(crate) fn reasons(self, request: &Value) -> bool {
        let effort = |value: &Value| value.as_str().is_some_and(|effort| effort != "none");
        match self {
            Self::Chat => effort(&request["reasoning_effort"]),
            Self::Responses => effort(&request["reasoning"]["effort"]),
            Self::Messages => {
                matches!(request["thinking"]["type"].as_str(), Some("enabled" | "adaptive"))
            }
        }
    }

    /// The tools that the request says must be called: the one that is named, or else all of them.
    pub(crate) fn forced_tools(self, request: &Value) -> Vec<String> {
        let choice = &request["tool_choice"];
        let named = choice["function"]["name"].as_str().or(choice["name"].as_str());
        let all = || {
            let tools = request["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names = tools.iter().filter_map(|tool| {
                tool["function"]["name"].as_str().or(tool["name"].as_str()).map(str::to_owned)
            });
            let alone =
                request["parallel_tool_calls"] == false || choice["disable_parallel_tool_use"] == true;
            names.take(if alone { 1 } else { usize::MAX }).collect()
        };
        match (choice.as_str().or(choice["type"].as_str()), named) {
            (Some("function" | "tool"), Some(name)) => vec![name.to_owned()],
            (Some("required" | "any"), _) => all(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn stream(self, request: &Value, said: &Said, pieces: &[&str], id: &str) -> Events {
        match self {
            Self::Chat => chat::stream(request, said, pieces, id),
            Self::Responses => responses::stream(request, said, pieces, id),
            Self::Messages => messages::stream(request, said, pieces, id),
        }
    }

    pub(crate) fn whole(self, request: &Value, said: &Said, id: &str) -> Value {
        match self {
            Self::Chat => chat::whole(request, said, id),
            Self::Responses => responses::whole(request, said, id),
            Self::Messages => messages::whole(request, said, id),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_called_where_the_request_says_that_they_must_be() {
        let of = |wire: Wire, choice: Value| {
            let tools = json!([{"function": {"name": "f"}}, {"name": "g"}]);
            wire.forced_tools(&json!({"tools": tools, "tool_choice": choice})).join(" ")
        };
        assert_eq!(of(Wire::Chat, json!("required")), "f g");
        assert_eq!(of(Wire::Chat, json!({"type": "function", "function": {"name": "g"}})), "g");
        assert_eq!(of(Wire::Responses, json!({"type": "function", "name": "g"})), "g");
        assert_eq!(of(Wire::Messages, json!({"type": "any"})), "f g");
        assert_eq!(of(Wire::Messages, json!({"type": "any", "disable_parallel_tool_use": true})), "f");
        assert_eq!(of(Wire::Messages, json!({"type": "tool", "name": "g"})), "g");
        for free in [json!("auto"), json!("none"), json!({"type": "auto"}), Value::Null] {
            assert_eq!(of(Wire::Chat, free), "");
        }
    }
}
