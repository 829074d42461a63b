//! Signs that are written as escapes, for the gate.

use super::cursor::{Atom, Cursor};
use super::gate::{Kind, is_no_address, kind};
use super::number;

/// Whether a secret does not begin with an escape of so many bytes, whatever announces it.
pub(super) fn begins_nothing(ch: char, len: usize) -> bool {
    ch.is_ascii_whitespace() || ch == '"' || ch == Atom::COLOUR && len > 1
}

/// A blank or a sign that nothing begins with, written as an escape; a terminal's colour, or what begins no escape.
/// And its end. Only where there is enough to tell.
pub(super) fn sign_escape(text: &str, at: usize, last: Option<char>) -> Option<(char, usize)> {
    // A number that begins behind the sign itself.
    if number::begins_behind_percent(&text.as_bytes()[at..])
        && !number::is_dull(text.as_bytes(), at + 1, Some('%'))
    {
        return None;
    }
    // More than twice as much as the longest escape has.
    const ENOUGH: usize = 80;
    if text.len() < at + ENOUGH {
        return None;
    }
    let atom = Cursor::new(text, at, true).peek()?;
    let is_sign = match atom.ch {
        '%' if !atom.disguised => is_no_address(text.as_bytes(), at + 1, last),
        '%' => false,
        ch => ch.is_ascii() && matches!(kind(ch as u8), Kind::Sign | Kind::Blank | Kind::Escape),
    };
    (is_sign && atom.end <= at + ENOUGH / 2).then_some((atom.ch, atom.end))
}

/// Whether an escape stands here that is a line's end, a tab or a quote, or what begins none.
pub(super) fn escapes_sign(bytes: &[u8], at: usize) -> bool {
    let next = bytes.get(at + 1);
    match bytes[at] {
        b'\\' => {
            let slashes = bytes[at..].iter().take(8).take_while(|byte| **byte == b'\\').count();
            bytes.get(at + slashes).is_some_and(|letter| !matches!(letter, b'/' | b'0' | b'u' | b'x' | b'\\'))
        }
        b'&' => next.is_some_and(|next| !next.is_ascii_alphanumeric() && *next != b'#'),
        _ => false,
    }
}
