//! Whether an answer has said all it had to say.

use lastbyte_core::Dialect;

use super::json::Step::{self, At, Key};
use super::json::Token;

/// Those of which it is sure that a text did not break off: `length` and a filter cut it anywhere, and so may what a
/// provider calls by a name of its own.
const ENDS: [&str; 6] = ["stop", "tool_calls", "function_call", "end_turn", "tool_use", "completed"];

/// A little more than the longest of them.
const LONGEST: usize = 16;

/// The reason for which an answer ended, as far as it is told.
#[derive(Debug, Default)]
pub(super) struct Finish {
    word: String,
}

impl Finish {
    /// Takes a value of an event, of that one of its choices.
    pub(super) fn event(&mut self, dialect: Dialect, path: &[Step], token: Token<'_>, first: u32) {
        match (dialect, path) {
            (Dialect::OpenAiChat, [Key("choices"), At(place), Key("finish_reason")]) if *place == first => {
                self.take(token);
            }
            (Dialect::OpenAiResponses, [Key("response"), Key("status")])
            | (Dialect::Anthropic, [Key("delta"), Key("stop_reason")]) => self.take(token),
            _ => {}
        }
    }

    /// Takes a value of an answer in one piece.
    pub(super) fn whole(&mut self, dialect: Dialect, path: &[Step], token: Token<'_>) {
        match (dialect, path) {
            (Dialect::OpenAiChat, [Key("choices"), At(0), Key("finish_reason")])
            | (Dialect::OpenAiResponses, [Key("status")])
            | (Dialect::Anthropic, [Key("stop_reason")]) => self.take(token),
            _ => {}
        }
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Text => self.word.clear(),
            Token::Piece(piece) => {
                let room = LONGEST.saturating_sub(self.word.len());
                self.word.push_str(&piece[..piece.floor_char_boundary(room)]);
            }
            _ => {}
        }
    }

    /// Whether that is the end of its text.
    pub(super) fn is_end(&self) -> bool {
        ENDS.contains(&self.word.as_str())
    }
}
