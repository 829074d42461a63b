//! Whether a string is the one that is expected.

use super::json::Token;

/// Compares a string that comes in pieces, and keeps none of it.
#[derive(Debug)]
pub(super) struct Expect {
    word: &'static str,
    /// How many bytes of it have come; `None`: it is another one.
    matched: Option<usize>,
    is_known: bool,
}

impl Expect {
    /// Nothing has come yet.
    pub(super) fn none(word: &'static str) -> Self {
        Self { word, matched: Some(0), is_known: false }
    }

    /// It has come.
    pub(super) fn met(word: &'static str) -> Self {
        Self { word, matched: Some(word.len()), is_known: true }
    }

    pub(super) fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Text => *self = Self::none(self.word),
            Token::Piece(piece) => {
                let goes_on = |at: &usize| self.word[*at..].starts_with(piece);
                self.matched = self.matched.filter(goes_on).map(|at| at + piece.len());
            }
            Token::Ended => self.is_known = true,
            _ => {}
        }
    }

    pub(super) fn is_met(&self) -> bool {
        self.is_known && self.matched == Some(self.word.len())
    }

    /// Whether none has come to its end yet.
    pub(super) fn is_open(&self) -> bool {
        !self.is_known
    }

    /// Whether another one has come.
    pub(super) fn is_missed(&self) -> bool {
        self.is_known && !self.is_met()
    }
}
