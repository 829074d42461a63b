//! Secrets that are told by what stands before them: `Bearer …`, `password=…`, `https://user:…@`.

use super::announce::{How, Joined, ends_with, joined};
use super::ends::{self, Open};
use super::names::{Named, named};
use super::word::Word;
use super::{Found, Tail, header, url, worth};
use crate::scan::cursor::{Atom, CAP, Cursor};
use crate::scan::{BEFORE, Swallow, ceil, is_chinese};

/// The longest password that is read, in bytes. The rest of its word goes with a longer one.
pub(super) const LONGEST: usize = 512;

/// A value without quotes is judged by so many bytes at its beginning.
pub(super) const ENOUGH: usize = 64;

/// A quote that opens a value, and whether it is an escape.
pub(super) type Quote = (char, bool);

/// The longest name within a value, in bytes.
const LONGEST_NAME: usize = 64;

const WHY: &str = "value of a word such as password";

/// The secret that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>) -> Option<(usize, Found)> {
    let start = cursor.at();
    let here = |found: Option<Found>| Some((start, found?));
    let first = cursor.peek()?;
    if first.ch.is_whitespace() || matches!(first.ch, '"' | '\'' | '`' | Atom::COLOUR) {
        return None;
    }
    // A colour is looked through.
    match last.filter(|ch| *ch != Atom::COLOUR).or(before.chars().next_back())? {
        ' ' | '\t' | '"' | '\'' => here(bearer(cursor, before)).or_else(|| pair(cursor, before)),
        ':' => here(in_url(cursor, before)).or_else(|| pair(cursor, before)),
        // `https://<user>:<password>@host`
        '>' if first.ch == '@' => None,
        '\n' | '=' | '`' | '>' | '*' | '是' | '为' => pair(cursor, before),
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
    let ends = |text: &str, word: &str| ends_with(text.as_bytes(), word.as_bytes());
    let is_plain = ends(before, "bearer ") || ends(before, "basic ");
    // `Bearer  …`, `Bearer "…"`, `bearer token …`
    let parted = before.strip_suffix(['"', '\'']).map_or(before, |bare| bare.trim_end_matches('\\'));
    let bare = parted.trim_end_matches([' ', '\t']);
    if !is_plain && (bare.len() == parted.len() || !ends(bare, "bearer") && !ends(bare, "bearer token")) {
        return None;
    }
    let start = cursor.at();
    let word = Word::read(cursor, CAP, |ch| ch.is_ascii_alphanumeric() || "-._~+/=:|".contains(ch));
    let is_mixed = is_plain && word.text.len() >= 12 && word.is_mixed();
    if word.text.len() < 8
        || word.text.contains("://")
        || !is_mixed && !(word.has_digit() && (is_plain || worth::is_key(&word.text)))
    {
        cursor.set(start);
        return None;
    }
    let swallow = if word.is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
    Some(Found { end: word.end, why: "credentials behind their scheme", canonical: word.text, swallow })
}

/// The value behind a word, `=` or `:`, and perhaps quotes.
fn pair(cursor: &mut Cursor<'_>, before: &str) -> Option<(usize, Found)> {
    let Joined { name: until, quote, how } = joined(before.as_bytes())?;
    let words = before.get(..until)?;
    let name = named(words)?;
    if how == How::Beside && name != Named::Password {
        return None;
    }
    // More of what joins them.
    if quote.is_none()
        && cursor.peek().is_some_and(|atom| {
            matches!(atom.ch, ':' | '=' | '>' | '*' | '是' | '为')
                && !(atom.ch == ':' && before.ends_with('='))
        })
    {
        return None;
    }
    let start = cursor.at();
    let open = Open::of(words);
    if quote.is_none() && how == How::Tightly {
        if let Some(found) = header::find(cursor, words, &open) {
            return Some(found);
        }
        cursor.set(start);
    }
    let is_worth = |value: &str| {
        !(value.starts_with('/') && is_directory(words))
            && worth::is_secret(name, value, quote.is_some())
            && match how {
                How::Tightly => true,
                // Else it is a word of the sentence.
                How::Loosely | How::Beside => {
                    value.bytes().any(|byte| byte.is_ascii_digit()) || worth::is_tangled(value)
                }
                // On the next line there may be another name as well.
                How::Wrapped => worth::stands_alone(value),
            }
    };
    let (canonical, end) = value(cursor, name, quote, &open, is_worth)?;
    if end <= start {
        return None;
    }
    let is_cut = cursor.is_capped() || canonical.len() >= LONGEST;
    let swallow = if is_cut { Swallow::Word(Tail::Value(quote)) } else { Swallow::Nothing };
    Some((start, Found { end, why: WHY, canonical, swallow }))
}

/// The variable of a shell in which it keeps where it is.
fn is_directory(name: &str) -> bool {
    let Some(before) = name.strip_suffix("PWD") else { return false };
    let before = before.strip_suffix("OLD").unwrap_or(before);
    !before.ends_with(|ch: char| ch.is_alphanumeric() || ch == '_')
}

/// A value that is worth hiding: to the quote that closes it, or to what cannot stand in one.
fn value(
    cursor: &mut Cursor<'_>,
    name: Named,
    quote: Option<Quote>,
    open: &Open<'_>,
    is_worth: impl Fn(&str) -> bool,
) -> Option<(String, usize)> {
    let mut canonical = String::new();
    // Without the stop of the sentence.
    let (mut len, mut end) = (0, cursor.at());
    let mut is_judged = false;
    while let Some(atom) = cursor.peek() {
        // The sentence goes on without a blank.
        let is_sentence = quote.is_none() && is_chinese(atom.ch) && worth::is_strong(&canonical);
        // Another name, whose value will be looked at: else a row of names would be read from each of them.
        let is_name = quote.is_none()
            && matches!(atom.ch, ':' | '=' | '是' | '为')
            && canonical.len() < LONGEST_NAME
            && named(&canonical).is_some_and(|other| other == name || other == Named::Password);
        if is_sentence || is_name || ends_value(cursor, atom, &canonical, quote, open) {
            break;
        }
        cursor.set(atom.end);
        if atom.ch == Atom::COLOUR {
            continue;
        }
        canonical.push(atom.ch);
        let is_cut = canonical.len() >= LONGEST;
        if is_cut || quote.is_some() || !matches!(atom.ch, '.' | ':') {
            (len, end) = (canonical.len(), atom.end);
        }
        // Else each value in a row of names was read to its end, and most of them in vain.
        if quote.is_none() && !is_judged && canonical.len() >= ENOUGH {
            is_worth(&canonical).then_some(())?;
            is_judged = true;
        }
        if is_cut {
            break;
        }
    }
    canonical.truncate(len);
    (is_judged || !canonical.is_empty() && is_worth(&canonical)).then_some((canonical, end))
}

/// Whether a value does not go on with this, in front of which the cursor is.
pub(super) fn ends_value(
    cursor: &mut Cursor<'_>,
    atom: Atom,
    value: &str,
    quote: Option<Quote>,
    open: &Open<'_>,
) -> bool {
    match quote {
        // Within a quote that is an escape, another one ends it; else an escaped one belongs to the value.
        Some((open, escaped)) => {
            atom.ch == open && atom.disguised == escaped || atom.ch == '\n' && !atom.disguised
        }
        None => ends::ends(cursor, atom, value, open),
    }
}

/// Whether all of a string is the secret of this name, as in a field of JSON.
pub(crate) fn is_secret_under(name: &str, value: &str) -> bool {
    let name = name.trim_end();
    let name = &name[ceil(name, name.len().saturating_sub(BEFORE))..];
    named(name).is_some_and(|named| worth::is_secret(named, &canonical(value), true))
}

/// What a whole string is as a secret: the same as what stands for it in a text.
pub(crate) fn canonical(value: &str) -> String {
    let mut cursor = Cursor::new(value, 0, true);
    let mut canonical = String::new();
    while let Some(atom) = cursor.next().filter(|_| canonical.len() < LONGEST) {
        canonical.push(atom.ch);
    }
    canonical
}
