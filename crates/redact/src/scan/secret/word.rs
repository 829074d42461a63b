//! Words that may be cut by a line's end in an escape.

use crate::scan::cursor::Cursor;

/// A word of these characters, from where the cursor is. The cursor stands behind it then.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) end: usize,
    /// It is longer than what is read at once.
    pub(super) is_cut: bool,
}

impl Word {
    /// Reads at most `most` characters. Dots, dashes and colons at its end belong to the sentence, unless it is cut. A line's end
    /// that is written as an escape does not end it where what comes then looks like its other half.
    pub(super) fn read(cursor: &mut Cursor<'_>, most: usize, is_in: fn(char) -> bool) -> Self {
        let mut text = String::new();
        let mut joined = false;
        // To its last sign that is none of them.
        let (mut len, mut end) = (0, cursor.at());
        while let Some(atom) = cursor.peek() {
            if is_in(atom.ch) && text.len() < most {
                text.push(atom.ch);
                cursor.set(atom.end);
                if !matches!(atom.ch, '.' | '-' | ':' | '|') {
                    (len, end) = (text.len(), atom.end);
                }
            } else if atom.ch == '\n' && atom.disguised && !joined && !text.is_empty() {
                let here = cursor.at();
                cursor.set(atom.end);
                if !looks_like_a_half(cursor, is_in) {
                    cursor.set(here);
                    break;
                }
                joined = true;
            } else {
                break;
            }
        }
        let is_cut = cursor.is_capped();
        if is_cut {
            end = cursor.at();
        } else {
            text.truncate(len);
        }
        Self { text, end, is_cut }
    }

    pub(super) fn has_digit(&self) -> bool {
        self.text.bytes().any(|byte| byte.is_ascii_digit())
    }

    /// Small and capital letters, the latter not only at its beginning.
    pub(super) fn is_mixed(&self) -> bool {
        let inner = self.text.get(1..).unwrap_or_default();
        inner.bytes().any(|byte| byte.is_ascii_uppercase())
            && self.text.bytes().any(|byte| byte.is_ascii_lowercase())
    }

    /// The longest run of letters and digits in it.
    pub(super) fn longest_run(&self) -> usize {
        self.text.split(|ch: char| !ch.is_ascii_alphanumeric()).map(str::len).max().unwrap_or(0)
    }
}

/// Whether a word begins here that is none of a language: with a digit in it, or capitals behind its beginning. The
/// cursor is where it was, afterwards.
fn looks_like_a_half(cursor: &mut Cursor<'_>, is_in: fn(char) -> bool) -> bool {
    let start = cursor.at();
    let mut word = String::new();
    while let Some(atom) = cursor.peek().filter(|atom| is_in(atom.ch) && word.len() < 128) {
        word.push(atom.ch);
        cursor.set(atom.end);
    }
    cursor.set(start);
    let digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let capitals = word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    word.len() >= 2 && (digit || capitals)
}
