//! Passes over language, in which nothing begins: a shortcut that changes no result.
//!
//! It looks at bytes, and knows of each matcher what it can do without: a word of letters with a blank or a comma behind
//! it is no address, no key and no base64; a Chinese character is none that a number, a plate or an address begins with.

use super::zh::is_chinese;
use super::{cursor, is_word, number};

/// The shortest thing that begins with a word of letters and consists of nothing else: eleven digits in base64.
const SHORTEST_WORD: usize = 15;

/// Chinese characters that an address may begin with.
const LONGEST_NAME: usize = 4;

/// The first place at or behind this one where something may begin, and the character before it. `last` is the one
/// before this place; with `is_zh`, Chinese characters are values themselves.
pub(super) fn skip(text: &str, at: usize, last: Option<char>, is_zh: bool) -> (usize, Option<char>) {
    let bytes = text.as_bytes();
    let (mut at, mut last) = (at, last);
    while let Some(byte) = bytes.get(at) {
        let next = match byte {
            b' ' | b',' | b';' | b'\n' if !asks(last) => Some((at + 1, *byte as char)),
            b'.' if last.is_some_and(|last| last.is_ascii_alphabetic())
                && matches!(bytes.get(at + 1), Some(b' ' | b'\n')) =>
            {
                Some((at + 1, '.'))
            }
            // Within a word nothing begins.
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' if last.is_some_and(is_word) => {
                Some((at + 1, *byte as char))
            }
            b'a'..=b'z' | b'A'..=b'Z' => word(bytes, at, last),
            0xe4..=0xe9 if !is_zh => chinese(text, at, last),
            // Chinese punctuation: `。`, `、` and quotes; `，`, `！`, `？`, `；`.
            0xe3 if !may_be_value(last) => {
                punctuation(bytes, at, 0x80, &[0x81, 0x82, 0x8c, 0x8d, 0x8e, 0x8f], '。')
            }
            0xef if !may_be_value(last) => punctuation(bytes, at, 0xbc, &[0x8c, 0x81, 0x9f, 0x9b], ','),
            _ => None,
        };
        let Some((to, before)) = next else { break };
        (at, last) = (to, Some(before));
    }
    (at, last)
}

/// Whether what comes may be the value of what was.
fn asks(last: Option<char>) -> bool {
    last.is_none_or(|last| matches!(last, ':' | '=' | '"' | '\'' | '`' | '是'))
}

/// Whether what stands here may be the value of what was, also where a blank is between them.
fn may_be_value(last: Option<char>) -> bool {
    asks(last) || matches!(last, Some(' ' | '\n'))
}

/// Whether credentials may come next.
fn ends_in_scheme(before: &[u8]) -> bool {
    let ends = |scheme: &[u8]| {
        before.len().checked_sub(scheme.len()).is_some_and(|at| before[at..].eq_ignore_ascii_case(scheme))
    };
    match before.last() {
        Some(b'r' | b'R') => ends(b"bearer"),
        Some(b'c' | b'C') => ends(b"basic"),
        _ => false,
    }
}

/// A short word behind a blank that follows a word, with a blank or a comma behind it.
fn word(bytes: &[u8], at: usize, last: Option<char>) -> Option<(usize, char)> {
    if !matches!(last, Some(' ' | ',' | '。')) {
        return None;
    }
    // `Bearer …`, `password: …`
    if last == Some(' ') {
        let before = at.checked_sub(2).and_then(|at| bytes.get(at))?;
        let harmless = matches!(before, b',' | b'.' | b';' | b'!' | b'?')
            || before.is_ascii_alphabetic() && !ends_in_scheme(&bytes[..at - 1]);
        if bytes[at - 1] != b' ' || !harmless {
            return None;
        }
    }
    let letters =
        bytes[at..].iter().take(SHORTEST_WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let end = at + letters;
    let ends = match bytes.get(end)? {
        b' ' | b',' | b';' | b'!' | b'?' | b'\n' => true,
        b'.' => matches!(bytes.get(end + 1)?, b' ' | b'\n'),
        _ => false,
    };
    (letters < SHORTEST_WORD && ends).then(|| (end, bytes[end - 1] as char))
}

/// A Chinese character with more of them behind it, or punctuation.
fn chinese(text: &str, at: usize, last: Option<char>) -> Option<(usize, char)> {
    if may_be_value(last) {
        return None;
    }
    let mut behind = text.get(at..)?.chars();
    let first = behind.next().filter(|ch| is_chinese(*ch))?;
    if number::begins_with(first)
        && !behind.clone().next().is_some_and(|next| is_chinese(next) && cursor::digit(next).is_none())
    {
        return None;
    }
    for _ in 0..LONGEST_NAME {
        match behind.next()? {
            '，' | '。' | '、' | '！' | '？' | '；' => break,
            next if is_chinese(next) => {}
            _ => return None,
        }
    }
    Some((at + first.len_utf8(), first))
}

fn punctuation(bytes: &[u8], at: usize, second: u8, third: &[u8], as_char: char) -> Option<(usize, char)> {
    let stands = bytes.get(at + 1) == Some(&second) && third.contains(bytes.get(at + 2)?);
    stands.then_some((at + 3, as_char))
}
