//! Secrets that are told by what stands before them: `Bearer …`, `password=…`, `https://user:…@`.

use super::names::{announces, named};
use super::word::Word;
use super::{Found, Tail, url, worth};
use crate::scan::cursor::{Atom, CAP, Cursor};
use crate::scan::{BEFORE, Swallow, ceil};

/// The longest password that is read, in bytes. The rest of its word goes with a longer one.
pub(super) const LONGEST: usize = 512;

/// A quote that opens a value, and whether it is an escape.
pub(super) type Quote = (char, bool);

const WHY: &str = "value of a word such as password";

/// The secret that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>) -> Option<Found> {
    let first = cursor.peek()?;
    if first.ch.is_whitespace() || matches!(first.ch, '"' | '\'' | '`') {
        return None;
    }
    match last? {
        ' ' => bearer(cursor, before).or_else(|| pair(cursor, before)),
        ':' => url::password(cursor, before).or_else(|| pair(cursor, before)),
        '=' | '"' | '\'' | '`' | '\n' | '是' => pair(cursor, before),
        _ => None,
    }
}

/// The credentials behind a scheme (RFC 6750, RFC 7617).
fn bearer(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let schemes: &[&str] = &["bearer ", "basic "];
    let is_after = |scheme: &&&str| {
        let from = before.len().checked_sub(scheme.len());
        from.and_then(|at| before.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    };
    schemes.iter().find(is_after)?;
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || "-._~+/=".contains(ch));
    let is_token = word.text.len() >= 8 && (word.has_digit() || word.text.len() >= 12 && word.is_mixed());
    if !is_token {
        return None;
    }
    let swallow = if word.is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
    Some(Found { end: word.end, why: "credentials behind their scheme", canonical: word.text, swallow })
}

/// The value behind a word, `=` or `:`, and perhaps quotes.
fn pair(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let (rest, quote) = opening(before);
    // As Rust's `Debug` writes an optional one.
    let rest = if quote.is_some() { rest.strip_suffix("Some(").unwrap_or(rest) } else { rest };
    let rest = rest.trim_end_matches([' ', '\u{3000}', '\t']);
    let rest = rest.strip_suffix(['=', ':', '：', '是'])?;
    let rest = rest.trim_end_matches(' ').trim_end_matches(['"', '\'', '`', '\\', ' ']);
    let named = named(rest)?;
    let start = cursor.at();
    let (canonical, end) = value(cursor, quote)?;
    if !worth::is_secret(named, &canonical, quote.is_some()) || end <= start {
        return None;
    }
    let is_cut = cursor.is_capped() || canonical.len() >= LONGEST;
    let swallow = if is_cut { Swallow::Word(Tail::Value(quote)) } else { Swallow::Nothing };
    Some(Found { end, why: WHY, canonical, swallow })
}

/// Whether what stands before a place may announce that a secret follows. Reads bytes only, and is in doubt `true`.
#[inline]
pub(in crate::scan) fn asks(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(last) = last else { return false };
    let before = match last {
        ' ' => bytes[..at].get(at.wrapping_sub(2)),
        ':' | '=' | '"' | '\'' | '`' | '是' => return is_asked(bytes, at, last),
        _ => return false,
    };
    // A blank behind a letter is by far the most common.
    match before {
        None => false,
        Some(b'r' | b'R') => ends_with(&bytes[..at - 1], b"bearer"),
        Some(b'c' | b'C') => ends_with(&bytes[..at - 1], b"basic"),
        Some(b' ' | b'\t' | b':' | b'=' | 0x80..) => is_asked(bytes, at, last),
        _ => false,
    }
}

fn ends_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.len().checked_sub(word.len()).is_some_and(|at| bytes[at..].eq_ignore_ascii_case(word))
}

fn is_asked(bytes: &[u8], at: usize, last: char) -> bool {
    let far = at.saturating_sub(BEFORE - 8);
    let trim = |mut end: usize, blanks: &[u8]| {
        while end > far && blanks.contains(&bytes[end - 1]) {
            end -= 1;
        }
        end
    };
    if last == ':' {
        // `://name:…`
        let inner = |byte: &&u8| !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\n' | b':');
        let name = bytes[far..at - 1].iter().rev().take_while(inner).count();
        let from = at - 1 - name;
        if from == far && far > 0 || bytes[..from].ends_with(b"/") {
            return true;
        }
    }
    let mut end = at;
    if matches!(bytes[end - 1], b'"' | b'\'' | b'`') {
        end = trim(end - 1, b"\\");
        if end > far + 5 && bytes[..end].ends_with(b"Some(") {
            end -= 5;
        }
    }
    end = trim(end, b" \t");
    if end <= far {
        return far > 0;
    }
    match bytes[end - 1] {
        b':' | b'=' => end -= 1,
        0x80.. => {
            let ends = |word: &str| bytes[..end].ends_with(word.as_bytes());
            if ends("\u{3000}") {
                return true;
            }
            if !ends("：") && !ends("是") {
                return false;
            }
            end -= 3;
        }
        _ => return false,
    }
    end = trim(end, b" \"'`\\");
    if end < far + 2 {
        return far > 0;
    }
    announces(&bytes[..end])
}

/// The text without the quote that opens a value, and that quote: with the backslashes before it.
fn opening(before: &str) -> (&str, Option<Quote>) {
    let Some(quote) = before.chars().next_back().filter(|ch| matches!(ch, '"' | '\'' | '`')) else {
        return (before, None);
    };
    let rest = &before[..before.len() - 1];
    let bare = rest.trim_end_matches('\\');
    (bare, Some((quote, bare.len() < rest.len())))
}

/// A value: to the quote that closes it, or to what cannot stand in one.
fn value(cursor: &mut Cursor<'_>, quote: Option<Quote>) -> Option<(String, usize)> {
    let mut canonical = String::new();
    // Without the stop of the sentence.
    let (mut len, mut end) = (0, cursor.at());
    while let Some(atom) = cursor.peek() {
        if ends_value(cursor, atom, quote) {
            break;
        }
        canonical.push(atom.ch);
        cursor.set(atom.end);
        let is_cut = canonical.len() >= LONGEST;
        if is_cut || quote.is_some() || !matches!(atom.ch, '.' | ':') {
            (len, end) = (canonical.len(), atom.end);
        }
        if is_cut {
            break;
        }
    }
    canonical.truncate(len);
    (!canonical.is_empty()).then_some((canonical, end))
}

/// Whether a value does not go on with this.
pub(super) fn ends_value(cursor: &Cursor<'_>, atom: Atom, quote: Option<Quote>) -> bool {
    let stands = cursor.slice(atom.start, atom.end);
    match quote {
        // Within a quote that is an escape, another one ends it; else an escaped one belongs to the value.
        Some((open, escaped)) => {
            atom.ch == open && atom.disguised == escaped || atom.ch == '\n' && !atom.disguised
        }
        // What stands there percent-encoded does so because it belongs to the value.
        None if stands.starts_with('%') => false,
        None => atom.ch.is_whitespace() || "\"'`,;&)}]<>。、”".contains(atom.ch) || atom.ch == Atom::COLOUR,
    }
}

/// Whether all of a string is the secret of this name, as in a field of JSON.
#[allow(dead_code, reason = "asked for strings under a key, in JSON and in fields of events")]
pub(crate) fn is_secret_under(name: &str, value: &str) -> bool {
    let name = name.trim_end();
    let name = &name[ceil(name, name.len().saturating_sub(BEFORE))..];
    named(name).is_some_and(|named| worth::is_secret(named, &canonical(value), true))
}

/// What a whole string is as a secret: the same as what stands for it in a text.
#[allow(dead_code, reason = "for the mark of such a string")]
pub(crate) fn canonical(value: &str) -> String {
    let mut cursor = Cursor::new(value, 0, true);
    let mut canonical = String::new();
    while let Some(atom) = cursor.next().filter(|_| canonical.len() < LONGEST) {
        canonical.push(atom.ch);
    }
    canonical
}
