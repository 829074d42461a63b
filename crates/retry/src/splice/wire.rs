use bytes::Bytes;
use lastbyte_core::Dialect;

use super::shown::Shown;
use super::stencil::Stencil;
use super::{Mismatch, Settings, anthropic, chat, responses};

/// An answer's wire format, and what was shown of it that only this format has.
pub(super) enum Wire {
    Chat(chat::Chat),
    Messages(anthropic::Messages),
    Responses(responses::Responses),
    /// Nothing will be compared, so nothing is read.
    Unread,
}

/// What becomes of an event.
#[derive(Debug, PartialEq)]
pub(super) enum Joined {
    Pass,
    Rewritten(Bytes),
    Drop,
}

impl Wire {
    pub(super) fn new(dialect: Dialect, settings: &Settings) -> Self {
        match dialect {
            _ if !settings.compares() => Self::Unread,
            Dialect::OpenAiChat => Self::Chat(chat::Chat::default()),
            Dialect::Anthropic => Self::Messages(anthropic::Messages::default()),
            Dialect::OpenAiResponses => Self::Responses(responses::Responses::default()),
        }
    }

    /// Another attempt begins.
    pub(super) fn turn(&mut self) {
        match self {
            Self::Chat(_) | Self::Unread => {}
            Self::Messages(messages) => messages.turn(),
            Self::Responses(responses) => responses.turn(),
        }
    }

    /// Takes an event in: as it comes where nothing was shown before, else joined to what was.
    pub(super) fn event(
        &mut self,
        shown: &mut Shown,
        stencil: &mut Option<Stencil>,
        name: &[u8],
        data: &[u8],
    ) -> Result<Joined, Mismatch> {
        if matches!(self, Self::Unread) {
            shown.unread = true;
            return Ok(Joined::Pass);
        }
        if data.starts_with(b"[DONE]") {
            // Not before every choice has said how it ended: readers take an answer with its end mark for whole.
            return Ok(if shown.is_finished() { Joined::Pass } else { Joined::Drop });
        }
        if !shown.is_open() {
            return match self {
                Self::Chat(chat) => chat.join(shown, name, data),
                Self::Messages(messages) => messages.join(shown, name, data),
                Self::Responses(responses) => responses.join(shown, name, data),
                Self::Unread => Ok(Joined::Pass),
            };
        }
        if let Some(stencil) = stencil
            && let Some(text) = stencil.text(data)
        {
            shown.take(stencil.choice, stencil.part, stencil.lane, &text)?;
            return Ok(Joined::Pass);
        }
        let spot = match self {
            Self::Chat(chat) => chat.record(shown, data),
            Self::Messages(messages) => messages.record(shown, name, data),
            Self::Responses(responses) => {
                responses.record(shown, name, data);
                None
            }
            Self::Unread => None,
        };
        if let Some(spot) = spot {
            *stencil = Stencil::of(data, spot);
        }
        Ok(Joined::Pass)
    }
}

/// An event of ours.
pub(super) fn block(name: &[u8], json: &str) -> Bytes {
    let mut block = Vec::with_capacity(name.len() + json.len() + 16);
    if !name.is_empty() {
        block.extend_from_slice(b"event: ");
        block.extend_from_slice(name);
        block.push(b'\n');
    }
    block.extend_from_slice(b"data: ");
    block.extend_from_slice(json.as_bytes());
    block.extend_from_slice(b"\n\n");
    block.into()
}
