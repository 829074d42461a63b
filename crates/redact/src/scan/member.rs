//! Passes over the members of an object in JSON that hold nothing, one at a time: a shortcut within the gate's.
//!
//! `"name":1234,`, `"name":"word",`, `"name":true,`: names and words of letters that are too short for a key, numbers of
//! fewer digits than any value has.

use super::number::{self, MOST_BY_WORD};
use super::{base64, secret};

/// From this length on a word may be a key or base64.
const LONGEST_WORD: usize = 14;

/// With one more a number may be a value.
const MOST_DIGITS: usize = 6;

/// From this length on a code may be a passport's number, with as many digits as [`MOST_IN_CODE`] and one more.
const MOST_IN_CODE: usize = 5;

/// Of so many hexadecimal digits the first part of a key may be.
const LONGEST_KEY: usize = 32;

/// The longest text that is passed over, in bytes.
const LONGEST_TEXT: usize = 64;

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

/// The quote that closes a time (RFC 3339), a UUID, or words and paths with few digits in them.
#[inline]
fn text(bytes: &[u8], quote: usize) -> Option<usize> {
    let text = &bytes[quote + 1..];
    if text.first()?.is_ascii_digit()
        && let Some(len) = time(text)
    {
        return Some(quote + 1 + len);
    }
    if text.get(8) == Some(&b'-')
        && let Some(len) = uuid(text)
    {
        return Some(quote + 1 + len);
    }
    let len = words(text)?;
    Some(quote + 1 + len)
}

/// Words with dots, dashes and slashes between, up to a quote: none of them a key, a number or an address.
#[inline]
fn words(text: &[u8]) -> Option<usize> {
    let (mut digits, mut dots, mut at) = (0, 0, 0);
    // Where base64 may have begun.
    let mut from = 0;
    loop {
        let begin = at;
        while let Some(byte) = text.get(at).filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            && at <= LONGEST_TEXT
        {
            digits += usize::from(byte.is_ascii_digit());
            at += 1;
        }
        let word = &text[begin..at];
        // A bank account's number: two letters and two digits.
        let is_dull = match word {
            [] => true,
            [first] => !secret::begins_key(*first, *text.get(at)?),
            [first, second, rest @ ..] => {
                !secret::begins_key(*first, *second) && !matches!(rest, [b'0'..=b'9', b'0'..=b'9', ..])
            }
        };
        let end = *text.get(at)?;
        let is_dull = is_dull && (digits < 2 || !number::is_german_passport(word));
        if !is_dull || at > LONGEST_TEXT || digits > MOST_IN_CODE || word.len() >= LONGEST_KEY {
            return None;
        }
        match end {
            b'/' | b'-' => {}
            b'.' | b'"' => {
                if at - from > LONGEST_WORD
                    && text[from].is_ascii_alphanumeric()
                    && !base64::is_dull(&text[from..at])
                {
                    return None;
                }
                if end == b'"' {
                    return (at > 0).then_some(at);
                }
                // An address has three.
                dots += 1;
                from = at + 1;
                if dots > 2 {
                    return None;
                }
            }
            _ => return None,
        }
        at += 1;
    }
}

/// The length of a UUID (RFC 9562) in small letters, with a letter in its first group and a digit in each other but the
/// last: no number begins in such a one.
#[inline]
fn uuid(text: &[u8]) -> Option<usize> {
    const LEN: usize = 36;
    let (uuid, rest) = text.split_at_checked(LEN)?;
    let mut digits = 0_u64;
    let mut hex = 0_u64;
    for (at, byte) in uuid.iter().enumerate() {
        let is_digit = byte.is_ascii_digit();
        digits |= u64::from(is_digit) << at;
        hex |= u64::from(is_digit || matches!(byte, b'a'..=b'f')) << at;
    }
    const DASHES: u64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;
    const ALL: u64 = (1 << LEN) - 1;
    let group = |from: usize| digits >> from & 0xf != 0;
    let is_uuid = hex == ALL & !DASHES
        && [8, 13, 18, 23].iter().all(|at| uuid[*at] == b'-')
        && digits & 0xff != 0xff
        // A passport's number.
        && digits & 0xfc != 0xfc
        && [9, 14, 19].into_iter().all(group)
        && rest.first() == Some(&b'"');
    let is_dull = || {
        [0, 9, 14, 19, 24].iter().all(|at| !secret::begins_key(uuid[*at], uuid[*at + 1]))
            && base64::is_dull(uuid)
    };
    (is_uuid && is_dull()).then_some(LEN)
}

/// The length of `2026-01-31T10:20:30Z`, or with parts of seconds, where a quote is behind it.
#[inline]
fn time(text: &[u8]) -> Option<usize> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (form, rest) = text.split_at_checked(FORM.len())?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !form.iter().zip(FORM).all(fits) {
        return None;
    }
    let parts = match rest.first()? {
        b'.' => 1 + rest[1..].iter().take(9).take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    rest[parts..].starts_with(b"Z\"").then_some(FORM.len() + parts + 1)
}

/// The end of a number with few digits, and no more than one dot among them; or with some more, where no word tells that
/// it is one of a person.
#[inline]
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..].iter().take(MOST_BY_WORD + 1).take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(at);
    let mut end = at + whole;
    if whole > MOST_DIGITS {
        let is_dull = whole <= MOST_BY_WORD && bytes[at] != b'0' && !number::is_told(bytes, at);
        return (is_dull && matches!(bytes.get(end), Some(b',' | b'}'))).then_some(end);
    }
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
