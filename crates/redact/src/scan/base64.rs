//! Values in base64 (RFC 4648), one level deep.

use super::cursor::Cursor;
use super::{Match, Piece, Rules, Scan, Swallow};

/// The shortest word that is decoded, in characters: eleven digits make fifteen.
const SHORTEST: usize = 15;

/// The longest word that is decoded, in characters. What is longer is data.
const LONGEST: usize = 1024;

/// A word that holds a value when it is decoded. All of it is the value.
pub(crate) fn find(cursor: &mut Cursor<'_>, _: &str, last: Option<char>, rules: Rules) -> Option<Match> {
    let start = cursor.at();
    let first = cursor.peek()?.ch;
    if rules.is_inside() || !first.is_ascii_alphanumeric() || last.is_some_and(|ch| value(ch).is_some()) {
        return None;
    }
    let mut word = Word::default();
    while let Some(six) = cursor.peek().and_then(|atom| value(atom.ch)) {
        cursor.next();
        // What people disguise is text: digests and pictures are none within a few bytes.
        let byte = word.push(six);
        let is_text = byte.is_none_or(|byte| byte >= b' ' && byte != 0x7f || byte.is_ascii_whitespace());
        if !is_text || word.chars > LONGEST {
            return None;
        }
    }
    let mut end = cursor.at();
    for _ in 0..2 {
        let Some(padding) = cursor.peek().filter(|atom| atom.ch == '=') else { break };
        end = padding.end;
        cursor.set(end);
    }
    if word.chars < SHORTEST {
        return None;
    }
    let mut decoded = Vec::with_capacity(word.chars);
    cursor.set(start);
    word = Word::default();
    while let Some(six) = cursor.peek().and_then(|atom| value(atom.ch)) {
        cursor.next();
        decoded.extend(word.push(six));
    }
    let text = String::from_utf8(decoded).ok()?;
    if is_language(&text) {
        return None;
    }
    let mut found = None;
    Scan::new(rules.inside()).run(&text, true, |piece| {
        if let Piece::Found(inner) = piece {
            found.get_or_insert(inner);
        }
    });
    let Match { rule, canonical, .. } = found?;
    Some(Match { start, end, rule, why: "in base64", canonical, swallow: Swallow::Nothing })
}

/// A word as it is decoded.
#[derive(Default)]
struct Word {
    bits: u32,
    held: u32,
    chars: usize,
}

impl Word {
    /// Takes in six bits, and gives a byte where there is one.
    fn push(&mut self, six: u8) -> Option<u8> {
        self.chars += 1;
        self.bits = self.bits << 6 | u32::from(six);
        self.held += 6;
        self.held = self.held.checked_sub(8).unwrap_or(self.held);
        (self.held < 6).then(|| (self.bits >> self.held) as u8)
    }
}

/// Whether it is nothing but short words of letters, which hold no value.
fn is_language(text: &str) -> bool {
    const SHORT: usize = 12;
    text.split([' ', '\n'])
        .all(|word| word.len() < SHORT && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether these bytes hold no text in base64, which is told before they end or are too long.
pub(super) fn is_dull(bytes: &[u8]) -> bool {
    let (mut bits, mut held, mut missing) = (0_u32, 0_u32, 0);
    for (at, byte) in bytes.iter().enumerate() {
        let Some(six) = value(char::from(*byte)) else { return false };
        if at > LONGEST {
            return true;
        }
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held < 8 {
            continue;
        }
        held -= 8;
        let byte = (bits >> held) as u8;
        // A part of what UTF-8 asks for: enough for nearly all that is none.
        match byte {
            0x80..=0xbf if missing > 0 => missing -= 1,
            _ if missing > 0 => return true,
            b'\t' | b'\n' | 0xc | b'\r' | b' '..=0x7e => {}
            0xc2..=0xdf => missing = 1,
            0xe0..=0xef => missing = 2,
            0xf0..=0xf4 => missing = 3,
            _ => return true,
        }
    }
    false
}

fn value(ch: char) -> Option<u8> {
    Some(match ch {
        'A'..='Z' => ch as u8 - b'A',
        'a'..='z' => ch as u8 - b'a' + 26,
        '0'..='9' => ch as u8 - b'0' + 52,
        '+' | '-' => 62,
        '/' | '_' => 63,
        _ => return None,
    })
}
