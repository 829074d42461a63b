//! What stands before a place, as it is meant: for words that announce a value.

use std::borrow::Cow;

use super::cursor::{self, Atom, Cursor, is_joint};
use super::is_word;

/// The text without a terminal's colours and with what its escapes stand for. A quote that is an escape keeps a
/// backslash, so that the one that closes it can be told. Between two words a colour is a blank.
pub(super) fn as_meant(text: &str) -> Cow<'_, str> {
    if !text.bytes().fold(false, |found, byte| found | is_lead(byte)) {
        return narrow(text);
    }
    let mut meant = String::with_capacity(text.len());
    let mut is_parted = false;
    let push = |meant: &mut String, part: &str, is_parted: &mut bool| {
        if !part.is_empty() {
            if std::mem::take(is_parted) && part.trim_start_matches(is_joint).starts_with(is_word) {
                meant.push(' ');
            }
            meant.push_str(part);
        }
    };
    let mut at = 0;
    while let Some(plain) = text[at..].bytes().position(is_lead) {
        let lead = at + plain;
        let mut cursor = Cursor::new(text, lead, true);
        let Some(atom) = cursor.next() else { break };
        if !atom.disguised {
            push(&mut meant, &text[at..atom.end], &mut is_parted);
            at = atom.end;
            continue;
        }
        push(&mut meant, text[at..lead].trim_end_matches(is_joint), &mut is_parted);
        at = atom.end;
        if atom.ch == Atom::COLOUR {
            is_parted |= meant.ends_with(is_word);
            continue;
        }
        if matches!(atom.ch, '"' | '\'' | '`') {
            meant.push('\\');
        }
        push(&mut meant, atom.ch.encode_utf8(&mut [0; 4]), &mut is_parted);
    }
    push(&mut meant, &text[at..], &mut is_parted);
    if is_parted {
        meant.push(' ');
    }
    Cow::Owned(narrow(&meant).into_owned())
}

/// Letters and digits of full width as they are meant, and without joints.
fn narrow(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(|ch| is_joint(ch) || of_width(ch) != ch) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|ch| !is_joint(*ch)).map(of_width).collect())
}

/// The letter or digit that one of full width is meant as.
fn of_width(ch: char) -> char {
    match ch {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '＿' => {
            char::from_u32(ch as u32 - 0xfee0).unwrap_or(ch)
        }
        _ => ch,
    }
}

/// Whether an escape may begin with it.
pub(super) fn is_lead(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | 0x1b)
}

/// The character before a place, as it is meant, and where it begins, with the backslashes of escapes in escapes.
#[inline]
pub(super) fn before(bytes: &[u8], end: usize) -> Option<(char, usize)> {
    let back = |by: usize| end.checked_sub(by).map_or(0, |at| bytes[at]);
    let last = *bytes[..end].last()?;
    let read = match last {
        _ if last.is_ascii_alphanumeric() => {
            // What stands so far before may be an escape of its own, with something else behind it.
            let may =
                |by: usize, lead: u8| (back(by) == lead).then(|| escape(bytes, end - by, end)).flatten();
            may(2, b'\\')
                .or_else(|| may(3, b'%'))
                .or_else(|| may(6, b'\\'))
                .or_else(|| colour_before(bytes, end).map(|at| (Atom::COLOUR, at)))
        }
        b'"' | b'/' if back(2) == b'\\' => escape(bytes, end - 2, end),
        b';' => within(bytes, end, 11, b'&'),
        b'}' => within(bytes, end, 12, b'\\'),
        0x80.. => return high_before(bytes, end),
        _ => None,
    };
    Some(read.unwrap_or((char::from(last), end - 1)))
}

#[cold]
fn within(bytes: &[u8], end: usize, most: usize, lead: u8) -> Option<(char, usize)> {
    let from = end.saturating_sub(most);
    escape(bytes, from + bytes[from..end].iter().rposition(|byte| *byte == lead)?, end)
}

/// What an escape between two places stands for, and where it begins.
fn escape(bytes: &[u8], at: usize, end: usize) -> Option<(char, usize)> {
    let ch = cursor::escape(&bytes[at..end])?;
    let slashes = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\' && bytes[at] == b'\\').count();
    Some((ch, at - slashes))
}

/// The same for what is not ASCII.
fn high_before(bytes: &[u8], end: usize) -> Option<(char, usize)> {
    // Nearly all of them are of three bytes.
    if let Some([first @ 0xe0..=0xef, second, third]) = bytes[..end].last_chunk() {
        let code = [first, second, third].iter().fold(0, |code, byte| code << 6 | u32::from(**byte & 0x3f));
        return Some((of_width(char::from_u32(code & 0xffff)?), end - 3));
    }
    let from = end.saturating_sub(4);
    let at = from + bytes[from..end].iter().rposition(|byte| *byte & 0xc0 != 0x80)?;
    let ch = std::str::from_utf8(&bytes[at..end]).ok()?.chars().next()?;
    Some((of_width(ch), at))
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
    let bracket = (end - 1 - parameters).checked_sub(1).filter(|at| bytes[*at] == b'[')?;
    let lead = &bytes[..bracket];
    if lead.last() == Some(&0x1b) {
        return Some(bracket - 1);
    }
    let escapes: [&[u8]; 3] = [br"\u001b", br"\u{1b}", br"\x1b"];
    let len = escapes.iter().map(|escape| escape.len()).find(|len| {
        let end = lead.len().checked_sub(*len).map(|at| &lead[at..]);
        end.is_some_and(|end| escapes.iter().any(|escape| end.eq_ignore_ascii_case(escape)))
    })?;
    let slashes = lead[..bracket - len].iter().rev().take_while(|byte| **byte == b'\\').count();
    Some(bracket - len - slashes)
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
    fn the_character_before_a_place_is_seen_through_escapes() {
        for (text, ch, at) in [
            (r"a\n", '\n', 1),
            (r"a\\n", '\n', 1),
            ("a%3D", '=', 1),
            (r"a\u003d", '=', 1),
            (r"a\\u003d", '=', 1),
            ("a&#61;", '=', 1),
            (r"a\u{3d}", '=', 1),
            (r"a\/", '/', 1),
            ("\\\"\u{1b}[0m", Atom::COLOUR, 2),
            ("a\u{1b}[0m", Atom::COLOUR, 1),
            (r"a\u001b[0m", Atom::COLOUR, 1),
            (r"a\\u001B[1;31m", Atom::COLOUR, 1),
            (r"a\u{1b}[0m", Atom::COLOUR, 1),
            (r"a\x1b[0m", Atom::COLOUR, 1),
            (r"a\u001b", Atom::COLOUR, 1),
            ("form", 'm', 3),
            ("10m", 'm', 2),
            ("[m", 'm', 1),
            ("a;", ';', 1),
            ("a是", '是', 1),
        ] {
            assert_eq!(before(text.as_bytes(), text.len()), Some((ch, at)), "{text:?}");
        }
        assert_eq!(before(b"", 0), None);
    }
}
