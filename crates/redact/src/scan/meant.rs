//! What stands before a place, as it is meant: for words that announce a value.

use std::borrow::Cow;

use super::cursor::{Atom, Cursor};
use super::is_word;

/// The text without a terminal's colours and with what its escapes stand for. A quote that is an escape keeps a
/// backslash, so that the one that closes it can be told. Between two words a colour is a blank.
pub(super) fn as_meant(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(is_lead) {
        return Cow::Borrowed(text);
    }
    let mut meant = String::with_capacity(text.len());
    let mut cursor = Cursor::new(text, 0, true);
    let mut is_parted = false;
    while let Some(atom) = cursor.next() {
        let stands = cursor.slice(atom.start, atom.end);
        if atom.ch == Atom::COLOUR && stands.len() > 1 {
            is_parted = meant.ends_with(is_word);
            continue;
        }
        if std::mem::take(&mut is_parted) && is_word(atom.ch) {
            meant.push(' ');
        }
        match atom.ch {
            _ if !atom.disguised || !stands.bytes().any(is_lead) => meant.push_str(stands),
            '"' | '\'' | '`' => meant.extend(['\\', atom.ch]),
            ch => meant.push(ch),
        }
    }
    if is_parted {
        meant.push(' ');
    }
    Cow::Owned(meant)
}

/// Whether an escape may begin with it.
fn is_lead(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | 0x1b)
}

/// Whether what ends here may be the end of an escape that is no quote, or a part of one, told by its bytes: in doubt it
/// is.
pub(super) fn may_be_escape(bytes: &[u8], end: usize) -> bool {
    let back = |by: usize| end.checked_sub(by).map_or(0, |at| bytes[at]);
    let within = |most: usize, lead: u8| bytes[end.saturating_sub(most)..end].contains(&lead);
    match back(1) {
        last if last.is_ascii_alphanumeric() => {
            back(2) == b'\\' || back(3) == b'%' || back(6) == b'\\' || colour_before(bytes, end).is_some()
        }
        b'/' => back(2) == b'\\',
        b';' => within(11, b'&'),
        b'}' => within(12, b'\\'),
        // A joint belongs to the escape behind it.
        0x80.. => ["\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{ad}"]
            .iter()
            .any(|joint| bytes[..end].ends_with(joint.as_bytes())),
        _ => false,
    }
}

/// Where a sequence for a terminal's colour begins that ends here.
#[inline]
pub(super) fn colour_before(bytes: &[u8], end: usize) -> Option<usize> {
    let last = bytes[..end].last()?;
    let is_parameter = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
    let before = bytes.get(end.wrapping_sub(2))?;
    if !last.is_ascii_alphabetic() || !is_parameter(before) && *before != b'[' {
        return None;
    }
    let parameters = bytes[..end - 1].iter().rev().take(32).take_while(|byte| is_parameter(byte)).count();
    let at = (end - 1 - parameters).checked_sub(2)?;
    bytes[at..].starts_with(b"\x1b[").then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_escapes_are_read_as_they_are_meant() {
        for (text, meant) in [
            ("plain", "plain"),
            ("\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m", "password="),
            ("INFO\u{1b}[0mpassword", "INFO password"),
            ("Bearer\u{1b}[0m", "Bearer "),
            (r"bob\npassword=", "bob\npassword="),
            (r"bob\\tpassword:\t", "bob\tpassword:\t"),
            (r#"\"password\":\""#, r#"\"password\":\""#),
            ("&quot;password&quot;:&quot;", r#"\"password\":\""#),
            ("password%3D", "password="),
            (r"https:\/\/user:", "https://user:"),
            ("密码：", "密码："),
            ("100% & more", "100% & more"),
        ] {
            assert_eq!(as_meant(text), meant, "{text:?}");
        }
    }

    #[test]
    fn the_end_of_an_escape_is_seen() {
        for text in
            [r"a\n", "a%3D", r"a\u003d", r"a\\u003d", "a&#61;", r"\u{3d}", r"\/", "a\u{1b}[0m", "\u{1b}[m"]
        {
            assert!(may_be_escape(text.as_bytes(), text.len()), "{text:?}");
        }
        for text in ["a", "form", "10m", "[m", ";", "}", "/", ""] {
            assert!(!may_be_escape(text.as_bytes(), text.len()), "{text:?}");
        }
    }
}
