//! Secrets that are told by what stands before them: `Bearer …`, `password=…`, `https://user:…@`.

use super::names::named;
use super::word::Word;
use super::{Found, url, worth};
use crate::scan::cursor::{Atom, CAP, Cursor};
use crate::scan::{BEFORE, Swallow, ceil};

/// The longest password that is read, in bytes. The rest of its word goes with a longer one.
pub(super) const LONGEST: usize = 512;

const WHY: &str = "value of a word such as password";

/// The secret that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>) -> Option<Found> {
    let first = cursor.peek()?;
    if first.ch.is_whitespace() || matches!(first.ch, '"' | '\'' | '`' | Atom::COLOUR) {
        return None;
    }
    // A colour is looked through.
    match last.filter(|ch| *ch != Atom::COLOUR).or(before.chars().next_back())? {
        ' ' => bearer(cursor, before).or_else(|| pair(cursor, before)),
        ':' => in_url(cursor, before).or_else(|| pair(cursor, before)),
        '=' | '"' | '\'' | '`' | '\t' | '\n' | '是' => pair(cursor, before),
        _ => None,
    }
}

/// The password in a URL: as it stands there, for what is percent-encoded is no delimiter, or as it is meant.
fn in_url(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let (start, stands) = (cursor.at(), cursor.behind(BEFORE));
    if let Some(found) = url::password(cursor, stands) {
        return Some(found);
    }
    cursor.set(start);
    let found = if stands == before { None } else { url::password(cursor, before) };
    if found.is_none() {
        cursor.set(start);
    }
    found
}

/// The credentials behind a scheme (RFC 6750, RFC 7617).
fn bearer(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let schemes: &[&str] = &["bearer ", "basic "];
    let is_after = |scheme: &&&str| {
        let from = before.len().checked_sub(scheme.len());
        from.and_then(|at| before.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    };
    schemes.iter().find(is_after)?;
    let start = cursor.at();
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || "-._~+/=".contains(ch));
    let is_token = word.text.len() >= 8 && (word.has_digit() || word.text.len() >= 12 && word.is_mixed());
    if !is_token {
        return None;
    }
    let end = start + cursor.slice(start, word.end).trim_end_matches('.').len();
    let swallow = if word.is_cut { Swallow::Word } else { Swallow::Nothing };
    Some(Found { end, why: "credentials behind their scheme", canonical: word.text, swallow })
}

/// The value behind a word, `=` or `:`, and perhaps quotes.
fn pair(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let (rest, quote) = opening(before);
    // As Rust's `Debug` writes an optional one.
    let rest = if quote.is_some() { rest.strip_suffix("Some(").unwrap_or(rest) } else { rest };
    let (rest, wrapped) = blanks(rest);
    let rest = rest.strip_suffix(['=', ':', '：', '是'])?;
    let rest = rest.trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'', '`', '\\', ' ']);
    let named = named(rest)?;
    let start = cursor.at();
    let (canonical, end) = value(cursor, quote)?;
    // On the next line there may be another name as well.
    let is_name = wrapped && !worth::stands_alone(&canonical);
    if is_name || !worth::is_secret(named, &canonical, quote.is_some()) || end <= start {
        return None;
    }
    let is_cut = cursor.is_capped() || canonical.len() >= LONGEST;
    let swallow = if is_cut { Swallow::Word } else { Swallow::Nothing };
    Some(Found { end, why: WHY, canonical, swallow })
}

/// The text without the blanks at its end, and whether a line's end is one of them.
fn blanks(text: &str) -> (&str, bool) {
    const BLANKS: [char; 3] = [' ', '\u{3000}', '\t'];
    let rest = text.trim_end_matches(BLANKS);
    let Some(line) = rest.strip_suffix('\n') else { return (rest, false) };
    (line.strip_suffix('\r').unwrap_or(line).trim_end_matches(BLANKS), true)
}

/// The text without the quote that opens a value, and that quote: with the backslashes before it.
fn opening(before: &str) -> (&str, Option<(char, bool)>) {
    let Some(quote) = before.chars().next_back().filter(|ch| matches!(ch, '"' | '\'' | '`')) else {
        return (before, None);
    };
    let rest = &before[..before.len() - 1];
    let bare = rest.trim_end_matches('\\');
    (bare, Some((quote, bare.len() < rest.len())))
}

/// A value: to the quote that closes it, or to what cannot stand in one.
fn value(cursor: &mut Cursor<'_>, quote: Option<(char, bool)>) -> Option<(String, usize)> {
    let start = cursor.at();
    let (mut canonical, mut end) = (String::new(), start);
    while let Some(atom) = cursor.peek() {
        let ends = match quote {
            // Within a quote that is an escape, another one ends it; else an escaped one belongs to the value.
            Some((open, escaped)) => {
                atom.ch == open && atom.disguised == escaped || atom.ch == '\n' && !atom.disguised
            }
            None => {
                atom.ch.is_whitespace()
                    || "\"'`,;&)}]<>，。；、）”".contains(atom.ch)
                    || atom.ch == Atom::COLOUR
            }
        };
        if ends {
            break;
        }
        cursor.set(atom.end);
        if atom.ch == Atom::COLOUR {
            continue;
        }
        canonical.push(atom.ch);
        end = atom.end;
        if canonical.len() >= LONGEST {
            break;
        }
    }
    if quote.is_none() && canonical.ends_with('.') && cursor.slice(start, end).ends_with('.') {
        // It ends the sentence.
        canonical.pop();
        end -= 1;
    }
    (!canonical.is_empty()).then_some((canonical, end))
}

/// Whether a secret may stand under this name. Reads two bytes only, and is in doubt `true`.
pub(crate) fn may_name(name: &str) -> bool {
    super::names::announces(name.as_bytes())
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
