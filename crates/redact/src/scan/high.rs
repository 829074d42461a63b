//! What a character is that is not ASCII, told by its bytes, for the gate.

use super::gate::{Kind, ends, kind};

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
