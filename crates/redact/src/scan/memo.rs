//! What was read of a long word once, so that it is not read again from each of its parts.

use super::cursor::{CAP, Cursor, count};

/// All keys that begin with `sk-` have so many letters and digits in a row.
const RUN: usize = 16;

/// The longest name, in bytes, in what is remembered as names. Much shorter than what is read of a value.
const LONGEST_NAME: usize = 128;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memo {
    /// Up to there no key begins with `sk-`.
    keyless: usize,
    /// Up to there each value without quotes is code: names with dots and colons between.
    code: usize,
    /// Up to there it was read to tell that.
    read: usize,
}

impl Memo {
    /// The first `bytes` of the text are taken away.
    pub(super) fn shift(&mut self, bytes: usize) {
        self.keyless = self.keyless.saturating_sub(bytes);
        self.code = self.code.saturating_sub(bytes);
        self.read = self.read.saturating_sub(bytes);
    }

    /// Whether `sk-` stands here, in whatever form, and begins no key.
    pub(super) fn is_keyless(&mut self, text: &str, at: usize, complete: bool) -> bool {
        let mut cursor = Cursor::new(text, at, true);
        let mut is_next = |expected: &str| {
            expected.chars().all(|expected| cursor.next().is_some_and(|atom| atom.ch == expected))
        };
        // Those of Langfuse have no such run.
        if !is_next("sk-") || is_next("lf-") {
            return false;
        }
        if at >= self.keyless {
            self.keyless = keyless_to(text, at, complete);
        }
        at < self.keyless
    }

    /// Whether the value that stands here behind `last` is code.
    pub(super) fn is_code(&mut self, bytes: &[u8], at: usize, last: Option<char>, complete: bool) -> bool {
        if !matches!(last, Some(':' | '=')) {
            return false;
        }
        if at >= self.read {
            (self.code, self.read) = code_to(bytes, at, complete);
        }
        at < self.code
    }
}

/// Up to where no key begins with `sk-`, from one that does.
fn keyless_to(text: &str, at: usize, complete: bool) -> usize {
    let (mut place, mut run) = (at, 0);
    while let Some(atom) = Cursor::new(text, place, true).peek() {
        match atom.ch {
            '-' | '_' => run = 0,
            ch if ch.is_ascii_alphanumeric() => run += 1,
            // A key may go on behind it.
            '\n' if atom.disguised => {}
            _ if text.len() - place > 2 * RUN => return place,
            _ => return place.saturating_sub(CAP + RUN),
        }
        if run == RUN || place - at > 4 * CAP {
            return place.saturating_sub(CAP + 4 * RUN).max(at);
        }
        place = atom.end;
    }
    // There are no more characters, or too many joints in a row.
    if complete && text.len() - place < CAP { text.len() } else { place.saturating_sub(CAP + RUN) }
}

/// Up to where each value is code, from one, and what was read for it.
fn code_to(bytes: &[u8], at: usize, complete: bool) -> (usize, usize) {
    let (mut place, mut sign) = (at, at);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b':' | b'.' if place > sign + LONGEST_NAME => return (at, place),
            // What stands at the end of a value is not its own.
            b':' | b'.'
                if bytes.get(place + 1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') =>
            {
                sign = place;
            }
            b':' | b'.' => {}
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {}
            // They end all values, and what may be a password in a URL.
            b' ' | b'\n' => return (sign, place),
            _ => return (at, place),
        }
        place += 1;
        count(1);
    }
    (if complete { sign } else { at }, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_not_read_again() {
        let mut memo = Memo::default();
        let text = format!("{} {}", "sk-".repeat(40), "sk-".repeat(40));
        assert!(memo.is_keyless(&text, 0, true) && memo.keyless == 120);
        assert!(!Memo::default().is_keyless("sk-aaaaaaaaaaaaaaaa", 0, true));
        assert!(
            Memo::default().is_keyless("sk-sk-", 0, true) && !Memo::default().is_keyless("sk-sk-", 0, false)
        );
        let mut memo = Memo::default();
        let text = "token:token:token:x ";
        assert!(memo.is_code(text.as_bytes(), 6, Some(':'), false) && memo.code == 17);
        for text in ["token:token:a1 ", "token:token:x@h ", "token:token", "token:a. "] {
            assert!(!Memo::default().is_code(text.as_bytes(), 6, Some(':'), false), "{text}");
        }
        memo.shift(10);
        assert_eq!(memo.code, 7);
    }
}
