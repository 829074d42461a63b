//! Passes over the members of an object in JSON that hold nothing, one at a time: a shortcut within the gate's.
//!
//! `"name":1234,`, `"name":"word",`, `"name":true,`: names and words of letters that are too short for a key, numbers of
//! fewer digits than any value has.

use super::{base64, secret};

/// From this length on a word may be a key or base64.
const LONGEST_WORD: usize = 14;

/// With one more a number may be a value.
const MOST_DIGITS: usize = 6;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 32;

/// The end of the last of the members that begin with the quote here, behind `{` or a comma; this place if there is
/// none.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize) -> usize {
    let (mut place, mut passed) = (at, at);
    while let Some(end) = member(bytes, place) {
        let mut end = end;
        while bytes.get(end) == Some(&b'}') {
            end += 1;
        }
        passed = end;
        match bytes[end..] {
            [b',' | b'{', b'"', ..] => place = end + 1,
            [b'\n', b'{', b'"', ..] => place = end + 2,
            _ => break,
        }
    }
    passed
}

/// Where the value of a member ends, or the object begins that it is.
fn member(bytes: &[u8], at: usize) -> Option<usize> {
    let name = name(bytes, at)?;
    let value = name + 2;
    if bytes.get(name + 1) != Some(&b':') || secret::announces(&bytes[..name]) {
        return None;
    }
    let end = match bytes.get(value)? {
        b'{' => return (bytes.get(value + 1) == Some(&b'"')).then_some(value),
        b'"' => text(bytes, value)? + 1,
        b'-' => number(bytes, value + 1)?,
        b'0'..=b'9' => number(bytes, value)?,
        b't' | b'n' => literal(bytes, value, 4)?,
        b'f' => literal(bytes, value, 5)?,
        _ => return None,
    };
    matches!(bytes.get(end)?, b',' | b'}').then_some(end)
}

/// The quote that closes a name of letters.
#[inline]
fn name(bytes: &[u8], quote: usize) -> Option<usize> {
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte == b'_';
    let letters = bytes.get(quote + 1..)?;
    let len = letters.iter().take(LONGEST_NAME + 1).take_while(is_letter).count();
    let end = quote + 1 + len;
    if !(1..=LONGEST_NAME).contains(&len) || bytes.get(end) != Some(&b'"') {
        return None;
    }
    let is_short = len <= LONGEST_WORD;
    (is_short || !secret::begins_key(letters[0], letters[1]) && base64::is_dull(letters)).then_some(end)
}

/// The quote that closes a word, a word with a number behind a dash, or a time (RFC 3339).
#[inline]
fn text(bytes: &[u8], quote: usize) -> Option<usize> {
    if bytes.get(quote + 1)?.is_ascii_digit() {
        return time(bytes, quote + 1);
    }
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte == b'_';
    let mut len = bytes[quote + 1..].iter().take(LONGEST_WORD + 1).take_while(is_letter).count();
    if len > 0 && bytes.get(quote + 1 + len) == Some(&b'-') {
        let digits = &bytes[quote + 2 + len..];
        len += 1 + digits.iter().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    }
    let end = quote + 1 + len;
    ((1..=LONGEST_WORD).contains(&len) && bytes.get(end) == Some(&b'"')).then_some(end)
}

/// The quote behind `2026-01-31T10:20:30Z`, or with parts of seconds.
#[inline]
fn time(bytes: &[u8], at: usize) -> Option<usize> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (form, rest) = bytes[at..].split_at_checked(FORM.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !form.iter().zip(FORM).all(fits) {
        return None;
    }
    let parts = match rest.first()? {
        b'.' => 1 + rest[1..].iter().take(9).take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    rest[parts..].starts_with(b"Z\"").then_some(at + FORM.len() + parts + 1)
}

/// The end of a number with few digits, and no more than one dot among them.
#[inline]
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..].iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(at);
    let mut end = at + whole;
    let mut all = whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        all += fraction;
        end += 1 + fraction;
    }
    (whole > 0 && all <= MOST_DIGITS && !bytes[at..].starts_with(b"00")).then_some(end)
}

fn literal(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    matches!(bytes.get(at..at + len)?, b"true" | b"null" | b"false").then_some(at + len)
}
