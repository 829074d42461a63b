//! A string of JSON: where it ends, and what it means.

use std::borrow::Cow;

/// How what begins behind a quote ends.
pub(super) enum StringEnd {
    /// Its length, to the quote that closes it, and whether there are escapes in it.
    At(usize, bool),
    /// It does not.
    Cut,
    /// There is an escape in it that JSON does not know.
    Garbage,
}

pub(super) fn string_end(bytes: &[u8]) -> StringEnd {
    let (mut at, mut is_veiled) = (0, false);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(len) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
            return StringEnd::Cut;
        };
        at += len;
        if bytes[at] == b'"' {
            return StringEnd::At(at, is_veiled);
        }
        is_veiled = true;
        match bytes.get(at + 1) {
            None => return StringEnd::Cut,
            Some(b'u') => {
                let digits = bytes[at + 2..].iter().take(4);
                if !digits.clone().all(u8::is_ascii_hexdigit) {
                    return StringEnd::Garbage;
                }
                at += 2 + digits.len();
            }
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
            Some(_) => return StringEnd::Garbage,
        }
    }
}

/// What stands between the quotes of a string, without its escapes.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(ch) = chars.next() {
        let ch = match ch {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('u') => {
                    let hex = chars.as_str().get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                    if let Some(unit) = hex {
                        units.push(unit);
                        chars = chars.as_str()[4..].chars();
                        continue;
                    }
                    '\u{fffd}'
                }
                Some(other) => other,
                None => '\\',
            },
            other => other,
        };
        units.extend_from_slice(ch.encode_utf16(&mut [0; 2]));
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}
