//! A text that comes in pieces.

use crate::scan::{BEFORE, Match, Piece, Scan, ceil};
use crate::utf8::Utf8;
use crate::{Hit, Redactor};

/// What is held for longer than this, in bytes, is looked at again when a word ends, or has grown by a part of it: else
/// a long word that comes byte by byte would be read from its beginning with every byte. Longer than nearly all values.
const SHORT: usize = 128;

/// Which part.
const AGAIN: usize = 16;

/// Redacts a text that comes in pieces. What comes out is what [`Redactor::redact`] makes of the whole, however it
/// was cut; only what could still become a value is held back.
#[derive(Clone, Debug)]
pub struct Stream {
    redactor: Redactor,
    scan: Scan,
    /// What is held, and before it as much as has to be known.
    text: String,
    /// Where the text begins in the stream.
    base: usize,
    /// The length of the text at which it is looked at again.
    again: usize,
    /// The beginning of a character whose end has not come.
    utf8: Utf8,
}

impl Stream {
    pub(crate) fn new(redactor: Redactor) -> Self {
        let scan = redactor.settings.scan();
        Self { redactor, scan, text: String::new(), base: 0, again: 0, utf8: Utf8::default() }
    }

    /// Takes the next piece, and appends what is certain by now to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        let redactor = self.redactor.clone();
        self.push_with(piece, out, |hit, out| redactor.mark(hit, out));
    }

    /// The same for bytes, between which characters may be torn. What is no UTF-8 becomes U+FFFD.
    pub fn push_bytes(&mut self, piece: &[u8], out: &mut String) {
        let mut utf8 = std::mem::take(&mut self.utf8);
        utf8.push(piece, |text| self.push(text, out));
        self.utf8 = utf8;
    }

    /// The same as [`push`](Self::push), with what `with` writes in the place of every value. A hit's range counts
    /// from the stream's beginning.
    pub fn push_with(&mut self, piece: &str, out: &mut String, with: impl FnMut(&Hit, &mut String)) {
        self.end_torn();
        self.text.push_str(piece);
        if self.text.len() < self.again && !piece.bytes().any(ends_word) {
            return;
        }
        self.go_on(false, out, with);
        let held = self.held();
        self.again = self.text.len() + if held > SHORT { held / AGAIN } else { 0 };
        // Half of it at least is taken away at a time, so that moving the rest costs little.
        let known = ceil(&self.text, self.scan.at().saturating_sub(BEFORE));
        if known > self.text.len() / 2 {
            self.text.drain(..known);
            self.again -= known;
            self.base += known;
            self.scan.shift(known);
        }
    }

    /// Appends what was held back: the text has ended. The stream can be used for another one then.
    pub fn finish(&mut self, out: &mut String) {
        let redactor = self.redactor.clone();
        self.finish_with(out, |hit, out| redactor.mark(hit, out));
    }

    /// The same, with what `with` writes in the place of every value.
    pub fn finish_with(&mut self, out: &mut String, with: impl FnMut(&Hit, &mut String)) {
        self.end_torn();
        self.go_on(true, out, with);
        *self = Self::new(self.redactor.clone());
    }

    /// A character whose end does not come is none.
    fn end_torn(&mut self) {
        self.utf8.end(|text| self.text.push_str(text));
    }

    fn go_on(&mut self, complete: bool, out: &mut String, mut with: impl FnMut(&Hit, &mut String)) {
        let (text, base) = (&self.text, self.base);
        let mut written = self.scan.at();
        self.scan.run(text, complete, |piece| match piece {
            Piece::Found(found) => {
                out.push_str(&text[written..found.start]);
                written = found.end;
                with(&hit(found, base), out);
            }
            Piece::Swallowed(range) => written = range.end,
        });
        out.push_str(&text[written..self.scan.at()]);
    }

    /// How many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.text.len() - self.scan.at()
    }
}

/// Whether it ends all words, those of keys and of base64 too.
fn ends_word(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"-._~+/=\\%&;#".contains(&byte)
}

/// The match for others, in a text that begins at `base`.
pub(crate) fn hit(found: Match, base: usize) -> Hit {
    let Match { start, end, rule, why, canonical, .. } = found;
    Hit { range: base + start..base + end, rule, why, canonical }
}
