use bytes::Bytes;
use serde_json::{Value, json};

/// The three formats of a chat API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    Chat,
    Responses,
    Messages,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The body of a request.
    pub(crate) fn ask(self, messages: &Value, stream: bool) -> Bytes {
        let body = match self {
            Self::Chat => json!({"model": "m", "messages": messages, "stream": stream}),
            Self::Responses => json!({"model": "m", "input": messages, "stream": stream}),
            Self::Messages => {
                json!({"model": "m", "messages": messages, "stream": stream, "max_tokens": 1000})
            }
        };
        Bytes::from(body.to_string())
    }
}
