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

/// The most bytes that tell a key, and one more that tells it is none.
const LONGEST_BEGINNING: usize = {
    let (mut at, mut longest) = (0, 0);
    while at < SHAPES.len() {
        if SHAPES[at].begins.len() > longest {
            longest = SHAPES[at].begins.len();
        }
        at += 1;
    }
    longest + 1
};

/// Whether a key that is told by its beginning may begin with these bytes; in doubt, and where there are too few, it does.
pub(in crate::scan) fn may_begin_key(bytes: &[u8]) -> bool {
    let veils = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii() || b"\\%&\x1b".contains(byte));
    let Some(two) = bytes.first_chunk::<2>() else { return true };
    if two == b"ey" || veils(Some(&two[1])) {
        return true;
    }
    shapes(*two).any(|shape| {
        let begins = shape.begins.as_bytes();
        let same = bytes.iter().zip(begins).take_while(|(one, other)| one == other).count();
        same == begins.len() || veils(bytes.get(same))
    })
}

/// The shapes by their first two bytes: where those with such ones begin, and for each of them where the next one is,
/// from one on.
const HEADS: ([u8; BUCKETS], [u8; SHAPES.len()]) = {
    let (mut heads, mut next) = ([0; BUCKETS], [0; SHAPES.len()]);
    let mut at = SHAPES.len();
    while at > 0 {
        let bytes = SHAPES[at - 1].begins.as_bytes();
        let bucket = bucket([bytes[0], bytes[1]]);
        next[at - 1] = heads[bucket];
        heads[bucket] = at as u8;
        at -= 1;
    }
    (heads, next)
};

const BUCKETS: usize = 256;

const fn bucket(two: [u8; 2]) -> usize {
    (two[0] as usize * 7 + two[1] as usize) % BUCKETS
}

/// The shapes that begin so, in their order.
fn shapes(two: [u8; 2]) -> impl Iterator<Item = &'static Shape> + Clone {
    static FIRST: [u8; BUCKETS] = HEADS.0;
    static NEXT: [u8; SHAPES.len()] = HEADS.1;
    let some = |at: u8| usize::from(at).checked_sub(1);
    std::iter::successors(some(FIRST[bucket(two)]), move |at| some(NEXT[*at]))
        .map(|at| &SHAPES[at])
        .filter(move |shape| shape.begins.as_bytes().starts_with(&two))
}

/// A key that begins here; that of a bot in a URL begins behind a word.
pub(super) fn find(cursor: &mut Cursor<'_>, last: Option<char>) -> Option<(usize, Found)> {
    let start = cursor.at();
    if cursor.peek()?.ch == 'b' && !last.is_some_and(|ch| ch.is_ascii_alphanumeric() || ch == '_') {
        if let Some(found) = bot(cursor) {
            return Some(found);
        }
        cursor.set(start);
    }
    Some((start, key(cursor, last)?))
}

/// How the address of a bot of Telegram begins, in figures and letters that stand for themselves.
pub(in crate::scan) fn begins_bot(bytes: &[u8]) -> bool {
    matches!(bytes, [b'b', b'o', b't', b'0'..=b'9', ..])
}

/// `/bot<token>/sendMessage`
fn bot(cursor: &mut Cursor<'_>) -> Option<(usize, Found)> {
    for expected in "bot".chars() {
        cursor.next().filter(|atom| atom.ch == expected && !atom.disguised)?;
    }
    let start = cursor.at();
    cursor.peek().filter(|atom| !atom.disguised)?;
    Some((start, telegram(cursor)?))
}

fn key(cursor: &mut Cursor<'_>, last: Option<char>) -> Option<Found> {
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
    let shapes = shapes([first as u8, second as u8]);
    // The beginning, as far as any shape has it.
    let (mut begins, mut len) = ([0; LONGEST_BEGINNING], 0);
    loop {
        let begun = &begins[..len];
        let longer = |shape: &Shape| shape.begins.len() > len && shape.begins.as_bytes().starts_with(begun);
        if !shapes.clone().any(longer) {
            break;
        }
        let Some(atom) = cursor.peek().filter(|atom| atom.ch.is_ascii()) else { break };
        begins[len] = atom.ch as u8;
        len += 1;
        if !shapes.clone().any(|shape| shape.begins.as_bytes().starts_with(&begins[..len])) {
            break;
        }
        cursor.set(atom.end);
    }
    let begins = &begins[..len];
    shapes.filter(|shape| begins.starts_with(shape.begins.as_bytes())).find_map(|shape| {
        cursor.set(start);
        for _ in 0..shape.begins.len() {
            cursor.next()?;
        }
        let body = cursor.at();
        let mut word = Word::read(cursor, shape.enough(), shape.letters.is_in());
        shape.fits(&word).then_some(())?;
        cursor.set(body);
        if shape.goes_on() {
            word = Word::read(cursor, CAP, shape.letters.is_in());
        }
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
    const DOT: usize = 32;
    const LEN: usize = DOT + 1 + 16;
    let mut key = ['.'; LEN];
    for (at, place) in key.iter_mut().enumerate() {
        *place = cursor.next()?.ch;
        let fits = match at {
            ..DOT => place.is_ascii_hexdigit(),
            DOT => *place == '.',
            _ => place.is_ascii_alphanumeric(),
        };
        fits.then_some(())?;
    }
    let goes_on = cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric());
    let canonical = || key.iter().collect();
    let (end, swallow) = (cursor.at(), Swallow::Nothing);
    (!goes_on).then(|| Found { end, why: "key of Zhipu", canonical: canonical(), swallow })
}

/// A bot's of Telegram: 8 to 10 digits, a colon, 35 characters.
fn telegram(cursor: &mut Cursor<'_>) -> Option<Found> {
    let start = cursor.at();
    let mut digits = 0;
    loop {
        match cursor.next()?.ch {
            '0'..='9' if digits < 10 => digits += 1,
            ':' if digits >= 8 => break,
            _ => return None,
        }
    }
    cursor.set(start);
    let mut canonical: String = (0..=digits).filter_map(|_| cursor.next()).map(|atom| atom.ch).collect();
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-');
    let fits = matches!(word.text.len(), 34..=36) && word.is_mixed();
    canonical.push_str(&word.text);
    fits.then_some(Found { end: word.end, why: "token of Telegram", canonical, swallow: Swallow::Nothing })
}
