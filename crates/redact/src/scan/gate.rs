//! Passes over what no value begins in: a shortcut that changes no result.
//!
//! It looks at bytes, a word at a time, and asks of each matcher what it cannot do without: an address has an `@` behind
//! its local part, a key begins like one of the known ones, a number has seven digits and more, base64 has no control
//! characters within it. Where it is in doubt (an escape, a character of another width, the end of what is there so
//! far) it stops, and the matchers read.

use super::zh::is_chinese;
use super::{Rules, base64, cursor, is_word, number, secret};
use crate::Rule;

/// The shortest key that is told by how it begins, and the shortest word in base64, in characters.
const SHORTEST: usize = 15;

/// The most Chinese characters that an address begins with.
const LONGEST_NAME: usize = 4;

/// What a byte is, where it stands for itself.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A letter, a digit or `_`.
    Word,
    /// Nothing begins with it but what a word before it has announced.
    Sign,
    /// The same, and nothing is announced before it.
    Blank,
    /// Something may begin with it.
    Opens,
    Escape,
    High,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Word,
            b' ' | b'\n' | b'\t' | b'\r' | b'"' | b'\'' | b'`' => Kind::Blank,
            b'-' | b'+' | b'(' | b':' => Kind::Opens,
            b'\\' | b'%' | b'&' | 0x1b => Kind::Escape,
            0x80.. => Kind::High,
            _ => Kind::Sign,
        };
        byte += 1;
    }
    kinds
};

fn kind(byte: u8) -> Kind {
    KINDS[usize::from(byte)]
}

/// The first place at or behind this one where something may begin, and the character before it. `last` is the one
/// before this place, as it is meant.
pub(super) fn skip(text: &str, at: usize, last: Option<char>, rules: Rules) -> (usize, Option<char>) {
    let bytes = text.as_bytes();
    // What stands there in another form than it is meant is left to those who read it.
    let stands = at.checked_sub(1).map(|at| bytes[at]);
    let plain =
        last.is_none() || last.is_some_and(|last| stands.map(char::from) == Some(last) || last as u32 > 0x7f);
    if !plain && !last.is_some_and(is_word) {
        return (at, last);
    }
    let is_zh = rules.contains(Rule::Zh);
    let (mut at, mut last) = (at, last);
    while let Some(byte) = bytes.get(at) {
        let to = match kind(*byte) {
            Kind::Word => {
                let end = at + bytes[at..].iter().take_while(|byte| kind(**byte) == Kind::Word).count();
                // Within a word nothing begins.
                if !last.is_some_and(is_word) && !is_dull(bytes, at, end, last) {
                    break;
                }
                last = Some(char::from(bytes[end - 1]));
                at = end;
                continue;
            }
            Kind::Blank => at + 1,
            Kind::Sign if !secret::asks(bytes, at, last) => at + 1,
            Kind::Opens if !secret::asks(bytes, at, last) && !opens(bytes, at, last) => at + 1,
            Kind::Escape => match blank_escape(text, at) {
                Some((ch, end)) => {
                    (at, last) = (end, Some(ch));
                    continue;
                }
                None => break,
            },
            Kind::High if !secret::asks(bytes, at, last) => match high(bytes, at) {
                High::Other(len) => {
                    last = text.get(at..).and_then(|rest| rest.chars().next());
                    at += len;
                    continue;
                }
                High::Sign(ch) => {
                    (at, last) = (at + 3, Some(ch));
                    continue;
                }
                High::Chinese if !is_zh => {
                    let end = chinese(text, at, last);
                    if end == at {
                        break;
                    }
                    last = text[at..end].chars().next_back();
                    at = end;
                    continue;
                }
                _ => break,
            },
            _ => break,
        };
        last = Some(char::from(*byte));
        at = to;
    }
    (at, last)
}

/// Whether nothing begins with the word that stands here.
fn is_dull(bytes: &[u8], at: usize, end: usize, last: Option<char>) -> bool {
    let Some(next) = bytes.get(end) else { return false };
    if !ends(bytes, end) || secret::asks(bytes, at, last) {
        return false;
    }
    let first = bytes[at];
    if first.is_ascii_digit() {
        if !number::is_dull(bytes, at, last) {
            return false;
        }
    } else if end - at >= 4 {
        let digit = |place: usize| bytes[at + place].is_ascii_digit();
        // An IBAN; a passport.
        if digit(2) && digit(3) || end - at >= 7 && digit(1) {
            return false;
        }
    }
    // With blanks behind it only the word itself counts.
    if kind(*next) == Kind::Blank && end - at < SHORTEST {
        return true;
    }
    is_no_address(bytes, end, last) && is_no_key(bytes, at, end) && is_no_base64(bytes, at, last)
}

/// Whether what stands here is no part of a word in disguise, and joins nothing.
pub(super) fn ends(bytes: &[u8], at: usize) -> bool {
    let Some(byte) = bytes.get(at) else { return false };
    match kind(*byte) {
        Kind::Escape => false,
        Kind::High => !matches!(high(bytes, at), High::Unknown),
        _ => true,
    }
}

/// The end of a run of such bytes, if it is there already and nothing in disguise goes on with it.
fn end_of(bytes: &[u8], from: usize, is_in: impl Fn(u8) -> bool) -> Option<usize> {
    let end = from + bytes[from..].iter().take_while(|byte| is_in(**byte)).count();
    ends(bytes, end).then_some(end)
}

fn is_local(byte: u8) -> bool {
    kind(byte) == Kind::Word || matches!(byte, b'.' | b'+' | b'-')
}

fn is_no_address(bytes: &[u8], end: usize, last: Option<char>) -> bool {
    // It began before.
    if last.is_some_and(|last| last.is_ascii() && is_local(last as u8)) {
        return true;
    }
    end_of(bytes, end, is_local).is_some_and(|end| bytes[end] != b'@')
}

fn is_no_key(bytes: &[u8], at: usize, end: usize) -> bool {
    let first = bytes[at];
    if first.is_ascii_hexdigit() && end - at >= 32 && bytes[end] == b'.' {
        return false;
    }
    if end - at > 1 && !secret::begins_key(first, bytes[at + 1]) {
        return true;
    }
    if end - at == 1 && !secret::begins_key(first, bytes[end]) {
        return true;
    }
    let in_key = |byte: u8| kind(byte) == Kind::Word || matches!(byte, b'.' | b'-' | b'/');
    end_of(bytes, end, in_key).is_some_and(|end| end - at < SHORTEST)
}

fn is_no_base64(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let in_base64 = |byte: u8| kind(byte) == Kind::Word || matches!(byte, b'+' | b'/' | b'-');
    if last.is_some_and(|last| last.is_ascii() && in_base64(last as u8)) {
        return true;
    }
    base64::is_dull(&bytes[at..]) || end_of(bytes, at, in_base64).is_some_and(|end| end - at < SHORTEST)
}

/// Whether something may begin with a sign.
fn opens(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(next) = bytes.get(at + 1) else { return true };
    if !ends(bytes, at + 1) {
        return true;
    }
    match bytes[at] {
        // `+49`, `+ 49`
        b'+' => next.is_ascii_digit() || *next == b' ' || !is_no_address(bytes, at + 1, last),
        // `-----BEGIN`
        b'-' => *next == b'-' && last != Some('-') || !is_no_address(bytes, at + 1, last),
        // `(010)`, `(+49)`
        b'(' => next.is_ascii_digit() || *next == b'+',
        // `::1`
        _ => *next == b':',
    }
}

/// A blank or a quote that is written as an escape, where there is enough to tell; and its end.
fn blank_escape(text: &str, at: usize) -> Option<(char, usize)> {
    const ENOUGH: usize = 16;
    if text.as_bytes()[at] != b'\\' || text.len() < at + ENOUGH {
        return None;
    }
    let atom = cursor::Cursor::new(text, at, true).peek()?;
    matches!(atom.ch, '\n' | '\t' | '\r' | '"').then_some((atom.ch, atom.end))
}

/// A character that is not ASCII.
enum High {
    /// A Chinese character, of those that are in common use.
    Chinese,
    /// A sign that is meant as this one, of three bytes.
    Sign(char),
    /// One that stands for itself and begins nothing; its length.
    Other(usize),
    /// A joint, a sign of another width, or one that is not there yet.
    Unknown,
}

fn high(bytes: &[u8], at: usize) -> High {
    let (Some(first), Some(second)) = (bytes.get(at), bytes.get(at + 1)) else { return High::Unknown };
    match (first, second, bytes.get(at + 2)) {
        (0xc3..=0xdf, ..) => High::Other(2),
        (_, _, None) => High::Unknown,
        (0xe4..=0xe9, ..) => High::Chinese,
        (0xe0 | 0xe1 | 0xea..=0xed, ..) => High::Other(3),
        // Quotes, dots, arrows, boxes.
        (0xe2, 0x80, Some(0x98..=0x9f | 0xa2 | 0xa6)) => High::Other(3),
        (0xe2, 0x82..=0x87 | 0x89..=0xbf, _) => High::Other(3),
        // Kana, and Chinese punctuation without the zero.
        (0xe3, 0x80, Some(0x81..=0x86 | 0x88..=0x91)) | (0xe3, 0x81..=0x8f, _) => High::Other(3),
        (0xef, 0xbc, Some(0x8c)) => High::Sign(','),
        (0xef, 0xbc, Some(0x81)) => High::Sign('!'),
        (0xef, 0xbc, Some(0x9f)) => High::Sign('?'),
        (0xef, 0xbc, Some(0x9b)) => High::Sign(';'),
        (0xef, 0xbc, Some(0x89)) => High::Sign(')'),
        (0xf0, 0x9f, _) if bytes.get(at + 3).is_some() => High::Other(4),
        _ => High::Unknown,
    }
}

/// The end of what begins nothing in a run of Chinese characters; where the run begins itself if there is no such part.
fn chinese(text: &str, at: usize, last: Option<char>) -> usize {
    let bytes = text.as_bytes();
    let run = bytes[at..].chunks_exact(3).take_while(|ch| matches!(ch[0], 0xe4..=0xe9)).count();
    let mut end = at + 3 * run;
    // A name in front of an `@`.
    if !ends(bytes, end) || bytes[end] == b'@' {
        end = at.max(end.saturating_sub(3 * LONGEST_NAME));
    }
    let mut place = at;
    while place < end {
        // What is asked for behind it may be a Chinese character, too.
        if bytes[place..].starts_with("是".as_bytes()) && secret::asks(bytes, place + 3, Some('是')) {
            return place + 3;
        }
        if number::begins_with_bytes(bytes[place], bytes[place + 1], bytes[place + 2])
            && !is_lone(text, place, last, at)
        {
            break;
        }
        place += 3;
    }
    place
}

/// Whether a numeral stands alone, or behind others; or the sign of a province has no letter behind it.
fn is_lone(text: &str, place: usize, last: Option<char>, from: usize) -> bool {
    let before = if place > from { text[from..place].chars().next_back() } else { last };
    let mut behind = text[place..].chars();
    let numeral = behind.next().is_some_and(|ch| cursor::digit(ch).is_some());
    if numeral && before.is_some_and(|ch| !ch.is_ascii() && cursor::digit(ch).is_some()) {
        return true;
    }
    let Some(next) = behind.next() else { return false };
    match next {
        '，' | '。' | '、' | '！' | '？' | '；' => true,
        next if is_chinese(next) => !numeral || cursor::digit(next).is_none(),
        _ => false,
    }
}
