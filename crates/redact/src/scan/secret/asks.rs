//! Whether something announces that a secret follows: a shortcut that changes no result.

use super::announce::{IS, JOINTS, TYPES, ends_with};
use super::names::announces;
use crate::scan::BEFORE;
use crate::scan::cursor::Atom;
use crate::scan::meant::{colour_before, may_be_escape};

/// Whether what stands before a place may announce that a secret follows. Reads bytes only, and is in doubt `true`.
#[inline]
pub(in crate::scan) fn asks(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(last) = last else { return false };
    match last {
        // A blank behind a letter is by far the most common.
        ' ' | '\n' => match bytes[..at].get(at.wrapping_sub(2)) {
            None => false,
            Some(b'r' | b'R') => ends_with(&bytes[..at - 1], b"bearer") || may_be_escape(bytes, at - 1),
            Some(b'c' | b'C') => ends_with(&bytes[..at - 1], b"basic") || may_be_escape(bytes, at - 1),
            // `password is …`
            Some(b's' | b'S') if ends_with(&bytes[..at - 1], b" is") => true,
            Some(b'0'..=b'9') => may_be_escape(bytes, at - 1),
            // `--password …`
            Some(byte) if byte.is_ascii_alphabetic() => {
                announces(&bytes[..at - 1]) || may_be_escape(bytes, at - 1)
            }
            Some(
                b' '
                | b'\t'
                | b'\n'
                | b'\r'
                | b':'
                | b'='
                | b'>'
                | b'*'
                | b'\\'
                | b';'
                | b'}'
                | b'/'
                | 0x80..,
            ) => is_asked(bytes, at, last),
            _ => false,
        },
        '\t' | '\r' | ':' | '=' | '"' | '\'' | '`' | '>' | '*' | '是' | '为' | Atom::COLOUR => {
            is_asked(bytes, at, last)
        }
        _ => false,
    }
}

/// The same where all that counts stands for itself: a sign, one blank or quote, and a word before it. Else nothing is
/// said.
#[inline]
fn is_asked_plainly(bytes: &[u8], at: usize) -> Option<bool> {
    let sign = match bytes[..at].last_chunk::<2>()? {
        b",\"" | b"{\"" | b"[\"" => return Some(false),
        [b':' | b'=', b'"' | b' '] => at - 2,
        [_, b'='] => at - 1,
        _ => return None,
    };
    let name = &bytes[..sign];
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    let is_plain = stands(name, name.len()) && stands(name, name.len() - 1);
    let is_more = TYPES.iter().any(|ends| name.ends_with(ends)) || ends_with(name, IS[0].as_bytes());
    (is_plain && !is_more).then(|| announces(name))
}

/// Whether what ends here is a letter or digit that ends no escape.
#[inline]
fn stands(bytes: &[u8], end: usize) -> bool {
    let Some([a, _, _, b, c, last]) = bytes[..end].last_chunk() else { return false };
    last.is_ascii_alphanumeric()
        && (c.is_ascii_alphabetic() || *c == b'_' || last.is_ascii_digit() && *c != b'\\')
        && *b != b'%'
        && *a != b'\\'
}

fn is_asked(bytes: &[u8], at: usize, last: char) -> bool {
    if let Some(asked) = is_asked_plainly(bytes, at) {
        return asked;
    }
    let far = at.saturating_sub(BEFORE - 8);
    // Over such bytes, and over colours.
    let trim = |mut end: usize, blanks: &[u8]| {
        while end > far {
            if blanks.contains(&bytes[end - 1]) {
                end -= 1;
            } else if let Some(start) = colour_before(bytes, end) {
                end = start;
            } else {
                break;
            }
        }
        end
    };
    let mut end = trim(at, b"");
    if end <= far {
        return far > 0;
    }
    if last == ':' || last == Atom::COLOUR && bytes[end - 1] == b':' {
        // `://name:…`
        let inner = |byte: &&u8| !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\n' | b':');
        let name = bytes[far..end - 1].iter().rev().take_while(inner).count();
        let from = end - 1 - name;
        let veiled = |byte: &u8| matches!(byte, b'\\' | b'%' | b'&' | 0x1b);
        if from == far && far > 0
            || bytes[..from].ends_with(b"/")
            || bytes[..from].ends_with(b"\\/")
            || colour_before(bytes, from).is_some()
            || bytes[from..end].iter().any(veiled)
        {
            return true;
        }
    }
    if matches!(bytes[end - 1], b'"' | b'\'' | b'`') {
        end = trim(end - 1, b"\\");
        if end > far + 5 && bytes[..end].ends_with(b"Some(") {
            end -= 5;
        }
    }
    end = trim(end, b" \t\n\r*");
    if end <= far {
        return far > 0;
    }
    if may_be_escape(bytes, end) {
        return true;
    }
    let ends = |end: usize, word: &str| bytes[far..end].ends_with(word.as_bytes());
    match bytes[end - 1] {
        // `:=`, `==`, `=>`; `>` of a tag.
        b':' | b'=' | b'>' => {
            end -= 1;
            if end > far && matches!(bytes[end - 1], b':' | b'=') {
                end -= 1;
            }
        }
        byte if byte.is_ascii_alphabetic() => {
            let word = &bytes[..end];
            let loosely = ends_with(word, b" is") || announces(word);
            return end < at && (loosely || ends_with(word, b"bearer") || ends_with(word, b"basic"));
        }
        0x80.. => {
            if ends(end, "\u{3000}") {
                return true;
            }
            if !["：", "＝", "是", "为"].iter().any(|joint| ends(end, joint)) {
                return false;
            }
            end -= 3;
        }
        _ => return false,
    }
    end = trim(end, JOINTS);
    if TYPES.iter().any(|name| bytes[far..end].ends_with(name)) {
        return true;
    }
    for word in IS {
        if end > far && ends_with(&bytes[far..end], word.as_bytes()) {
            end = trim(end - word.len(), JOINTS);
        }
    }
    if end < far + 2 {
        return far > 0;
    }
    may_be_escape(bytes, end) || may_be_escape(bytes, end - 1) || announces(&bytes[..end])
}
