//! A text that comes in pieces.

use crate::{Hit, Redactor};

/// Redacts a text that comes in pieces. What comes out is what [`Redactor::redact`] makes of the whole, however it
/// was cut; only what could still become a value is held back.
#[derive(Clone, Debug)]
pub struct Stream {
    redactor: Redactor,
    held: String,
}

impl Stream {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self { redactor, held: String::new() }
    }

    /// Takes the next piece, and appends what is certain by now to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        let redactor = self.redactor.clone();
        self.push_with(piece, out, |hit, out| redactor.mark(hit, out));
    }

    /// The same, with what `with` writes in the place of every value. A hit's range counts from the stream's
    /// beginning.
    pub fn push_with(&mut self, piece: &str, out: &mut String, with: impl FnMut(&Hit, &mut String)) {
        let _ = (with, &out);
        self.held.push_str(piece);
    }

    /// Appends what was held back: the text has ended. The stream can be used for another one then.
    pub fn finish(&mut self, out: &mut String) {
        let redactor = self.redactor.clone();
        self.finish_with(out, |hit, out| redactor.mark(hit, out));
    }

    /// The same, with what `with` writes in the place of every value.
    pub fn finish_with(&mut self, out: &mut String, with: impl FnMut(&Hit, &mut String)) {
        let held = std::mem::take(&mut self.held);
        out.push_str(&self.redactor.replace(&held, with));
    }

    /// How many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }
}
