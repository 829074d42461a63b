//! Keys that tell whose they are by how they begin.

use super::providers::{SHAPES, Shape, is_github};
use super::{Found, Tail, word::Word};
use crate::scan::Swallow;
use crate::scan::cursor::{CAP, Cursor};

/// The two bytes that keys begin with, as bits.
const BEGINS: [u64; 1024] = {
    let mut begins = [0; 1024];
    let mut at = 0;
    while at < SHAPES.len() {
        let bytes = SHAPES[at].begins.as_bytes();
        let two = (bytes[0] as usize) << 8 | bytes[1] as usize;
        begins[two / 64] |= 1 << (two % 64);
        at += 1;
    }
    let token = (b'e' as usize) << 8 | b'y' as usize;
    begins[token / 64] |= 1 << (token % 64);
    begins
};

/// Whether a key that is told by its beginning has these two in front.
pub(in crate::scan) fn begins_key(first: u8, second: u8) -> bool {
    let two = usize::from(first) << 8 | usize::from(second);
    BEGINS[two / 64] & 1 << (two % 64) != 0
}

/// A key that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, last: Option<char>) -> Option<Found> {
    let first = cursor.peek()?.ch;
    if !first.is_ascii_alphanumeric() || last.is_some_and(|ch| ch.is_ascii_alphanumeric() || ch == '_') {
        return None;
    }
    let start = cursor.at();
    if first.is_ascii_digit() || first.is_ascii_lowercase() && first.is_ascii_hexdigit() {
        if let Some(found) = zhipu(cursor) {
            return Some(found);
        }
        cursor.set(start);
    }
    if first.is_ascii_digit() {
        if let Some(found) = telegram(cursor) {
            return Some(found);
        }
        cursor.set(start);
    }
    if first == 'e' {
        if let Some(found) = jwt(cursor) {
            return Some(found);
        }
        cursor.set(start);
    }
    if BEGINS[first as usize * 4..][..4] == [0; 4] {
        return None;
    }
    cursor.next();
    let second = cursor.peek()?.ch;
    cursor.set(start);
    if !second.is_ascii() || !begins_key(first as u8, second as u8) {
        return None;
    }
    // The beginning, as far as any shape has it.
    let mut begins = String::new();
    loop {
        let longer = |shape: &Shape| shape.begins.len() > begins.len() && shape.begins.starts_with(&begins);
        if !SHAPES.iter().any(longer) {
            break;
        }
        let Some(atom) = cursor.peek() else { break };
        begins.push(atom.ch);
        if !SHAPES.iter().any(|shape| shape.begins.starts_with(&begins)) {
            break;
        }
        cursor.set(atom.end);
    }
    SHAPES.iter().filter(|shape| begins.starts_with(shape.begins)).find_map(|shape| {
        cursor.set(start);
        for _ in 0..shape.begins.len() {
            cursor.next()?;
        }
        let word = Word::read(cursor, CAP, shape.letters.is_in());
        shape.fits(&word).then_some(())?;
        let why = match shape.why {
            "token of GitHub" if is_github(&word.text) => "token of GitHub, check sum",
            why => why,
        };
        let swallow = if word.is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
        let canonical = format!("{}{}", shape.begins, word.text);
        Some(Found { end: word.end, why, canonical, swallow })
    })
}

/// `eyJ….….…` (RFC 7519, and RFC 7516 with five parts): JSON in base64, which begins with `{"`.
fn jwt(cursor: &mut Cursor<'_>) -> Option<Found> {
    for expected in "eyJ".chars() {
        (cursor.next()?.ch == expected).then_some(())?;
    }
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || "_-.".contains(ch));
    let parts: Vec<_> = word.text.split('.').collect();
    let is_token = parts.len() >= 3 && parts[0].len() >= 8 && parts[1].len() >= 4;
    let is_begun = word.is_cut && word.text.len() > 64;
    (is_token || is_begun).then_some(())?;
    let swallow = if word.is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
    let canonical = format!("eyJ{}", word.text);
    Some(Found { end: word.end, why: "JSON web token", canonical, swallow })
}

/// Zhipu's: 32 hexadecimal digits, a dot, 16 letters and digits.
fn zhipu(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut canonical = String::new();
    for part in [32, 16] {
        for _ in 0..part {
            let ch = cursor.next()?.ch;
            let fits = if part == 32 { ch.is_ascii_hexdigit() } else { ch.is_ascii_alphanumeric() };
            fits.then_some(())?;
            canonical.push(ch);
        }
        if part == 32 {
            (cursor.next()?.ch == '.').then_some(())?;
            canonical.push('.');
        }
    }
    let goes_on = cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric());
    (!goes_on).then(|| Found { end: cursor.at(), why: "key of Zhipu", canonical, swallow: Swallow::Nothing })
}

/// A bot's of Telegram: 8 to 10 digits, a colon, 35 characters.
fn telegram(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut canonical = String::new();
    while let Some(atom) = cursor.next() {
        canonical.push(atom.ch);
        match atom.ch {
            '0'..='9' if canonical.len() <= 10 => {}
            ':' if canonical.len() > 8 => break,
            _ => return None,
        }
    }
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-');
    let fits = matches!(word.text.len(), 34..=36) && word.is_mixed();
    canonical.push_str(&word.text);
    fits.then_some(Found { end: word.end, why: "token of Telegram", canonical, swallow: Swallow::Nothing })
}
