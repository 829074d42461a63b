//! The three wire formats of chat answers, and how each of them says that an answer is finished.

mod anthropic;
mod chat;
mod cursor;
mod json;
mod responses;

pub(crate) use json::{UpstreamError, is_json};

use crate::{Finish, Usage};

/// The wire format of a chat API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions and its many look-alikes.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    Anthropic,
}

impl Dialect {
    /// The format that a path's last segments stand for.
    pub fn from_path(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.ends_with("/chat/completions") {
            Some(Self::OpenAiChat)
        } else if path.ends_with("/responses") {
            Some(Self::OpenAiResponses)
        } else if path.ends_with("/messages") {
            Some(Self::Anthropic)
        } else {
            None
        }
    }
}

/// What the events of one answer have shown so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Content: text, reasoning, a tool call, a refusal or a finish reason.
    pub(crate) content: bool,
    /// The answer's finish reason, once all of it is finished.
    pub(crate) finish: Option<Finish>,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<UpstreamError>,
    /// Something that is no event of the format.
    pub(crate) garbage: bool,
    /// The server gave the answer up.
    pub(crate) aborted: bool,
    /// Nothing after this counts: the stream's own end mark was seen.
    pub(crate) done: bool,
    pub(crate) choices: chat::Choices,
}

impl Seen {
    /// Reads one event of a stream.
    pub(crate) fn event(&mut self, dialect: Dialect, name: &[u8], data: &[u8]) {
        if self.done || self.error.is_some() {
            return;
        }
        if data.starts_with(b"[DONE]") {
            self.done = true;
            return;
        }
        match dialect {
            Dialect::OpenAiChat => chat::event(self, name, data),
            Dialect::OpenAiResponses => responses::event(self, name, data),
            Dialect::Anthropic => anthropic::event(self, name, data),
        }
    }

    /// Reads a whole JSON answer. `false` where it is no answer of the format at all.
    pub(crate) fn whole(&mut self, dialect: Dialect, body: &[u8]) -> bool {
        match dialect {
            Dialect::OpenAiChat => chat::whole(self, body),
            Dialect::OpenAiResponses => responses::whole(self, body),
            Dialect::Anthropic => anthropic::whole(self, body),
        }
    }
}
