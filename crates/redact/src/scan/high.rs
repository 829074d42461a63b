//! What a character is that is not ASCII, told by its bytes, for the gate.

use super::gate::{Kind, ends, kind};
use super::zh::is_chinese;
use super::{cursor, number, secret};

/// The most Chinese characters that an address begins with.
const LONGEST_NAME: usize = 4;

/// A character that is not ASCII.
pub(super) enum High {
    /// A Chinese character, of those that are in common use.
    Chinese,
    /// A sign that is meant as this one, of three bytes.
    Sign(char),
    /// One that stands for itself and begins nothing; its length.
    Other(usize),
    /// A joint, a sign of another width, or one that is not there yet.
    Unknown,
}

pub(super) fn high(bytes: &[u8], at: usize) -> High {
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
        // Unless it may begin a number.
        (0xef, 0xbc, Some(0x9a)) if is_followed_by(bytes, at + 3, |byte| byte != b':') => High::Sign(':'),
        (0xef, 0xbc, Some(0x88))
            if is_followed_by(bytes, at + 3, |byte| kind(byte) != Kind::Opens && !byte.is_ascii_digit()) =>
        {
            High::Sign('(')
        }
        (0xf0, 0x9f, _) if bytes.get(at + 3).is_some() => High::Other(4),
        _ => High::Unknown,
    }
}

/// Whether what follows stands for itself, and is one of these.
fn is_followed_by(bytes: &[u8], at: usize, is_in: impl Fn(u8) -> bool) -> bool {
    match bytes.get(at) {
        Some(0xef) | None => false,
        Some(byte) => is_in(*byte) && ends(bytes, at),
    }
}

/// The end of what begins nothing in a run of Chinese characters; where the run begins itself if there is no such part.
pub(super) fn chinese(text: &str, at: usize, last: Option<char>) -> usize {
    let bytes = text.as_bytes();
    let is_in = |ch: &&[u8; 3]| matches!(ch[0], 0xe4..=0xe9);
    let mut place = at;
    let (chars, _) = bytes[at..].as_chunks::<3>();
    for ch in chars.iter().take_while(is_in) {
        let [first, second, third] = *ch;
        if number::begins_with_bytes(first, second, third) {
            // Where there is nothing to break for in the last characters, a name may begin before, or here.
            let behind = chars[(place - at) / 3..].iter().take(LONGEST_NAME + 1).take_while(is_in).count();
            if behind <= LONGEST_NAME && may_be_at(bytes, place + 3 * behind) {
                return at.max((place + 3 * behind).saturating_sub(3 * LONGEST_NAME));
            }
            if let Some(is) = ['是', '为'].into_iter().find(|is| is.encode_utf8(&mut [0; 4]).as_bytes() == ch)
            {
                // What is asked for behind it may be a Chinese character, too.
                if secret::asks(bytes, place + 3, Some(is)) {
                    return place + 3;
                }
            } else if !is_lone(text, place, last, at) {
                return place;
            }
        }
        place += 3;
    }
    // A name in front of an `@`.
    if may_be_at(bytes, place) { at.max(place.saturating_sub(3 * LONGEST_NAME)) } else { place }
}

/// Whether an `@` may stand here, or that is not known.
fn may_be_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| match kind(*byte) {
        Kind::Escape => true,
        Kind::High => matches!(high(bytes, at), High::Unknown),
        _ => *byte == b'@',
    })
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
