//! Passwords in front of a host (RFC 3986, 3.2.1).

use super::pairs::LONGEST;
use super::{Found, Tail, worth};
use crate::scan::cursor::{Atom, Cursor};
use crate::scan::{BEFORE, Swallow};

const WHY: &str = "password in a URL";

/// What stands before a host and its user: as it is, in JSON, and in JSON in JSON.
const MARKS: [&str; 3] = ["://", r":\/\/", r":\\/\\/"];

/// The same and the colon behind the user, in the query of another URL.
const ENCODED: [(&str, &str); 2] = [("%3A%2F%2F", "%3A"), ("%3a%2f%2f", "%3a")];

/// What no user's name has in it.
const ENDS_USER: [char; 9] = ['/', '?', '#', ' ', '"', '\n', ':', '<', '>'];

/// The password that begins here.
pub(super) fn password(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let is_encoded = match before.strip_suffix(':') {
        Some(user) => {
            let slash = user.rfind(ENDS_USER).filter(|at| user.as_bytes()[*at] == b'/')?;
            MARKS.iter().any(|mark| user[..=slash].ends_with(mark)).then_some(false)?
        }
        None => {
            let is_before = |(mark, colon): &(&str, &str)| {
                let user = before.strip_suffix(colon)?;
                let user = &user[user.rfind(mark)? + mark.len()..];
                (!user.contains(ENDS_USER)).then_some(())
            };
            ENCODED.iter().find_map(is_before)?;
            true
        }
    };
    let (canonical, end, swallow) = to_host(cursor, is_encoded)?;
    Some(Found { end, why: WHY, canonical, swallow })
}

/// A user and a password behind `://`, where the user is too long to be seen from the password: both are it.
pub(super) fn long_user(cursor: &mut Cursor<'_>) -> Option<(usize, Found)> {
    let scheme = cursor.at();
    for expected in "://".chars() {
        (cursor.next()?.ch == expected).then_some(())?;
    }
    let start = cursor.at();
    let mut user = String::new();
    loop {
        let atom = cursor.next()?;
        match kind(cursor, atom, false) {
            Kind::In if atom.ch == ':' => break,
            Kind::In => user.push(atom.ch),
            Kind::At | Kind::Ends => return None,
        }
    }
    if cursor.at() - scheme <= BEFORE {
        return None;
    }
    let (password, end, swallow) = to_host(cursor, false)?;
    let canonical = cut(format!("{user}:{password}"));
    Some((start, Found { end, why: WHY, canonical, swallow }))
}

/// Whether so much stands behind `://` that it may be such a user. Reads bytes only.
pub(in crate::scan) fn may_be_long(bytes: &[u8], at: usize) -> bool {
    const LEAST: usize = BEFORE - 8;
    let Some(rest) = bytes[at..].strip_prefix(b"://") else {
        // The rest of it may come.
        return b"://".starts_with(&bytes[at..]);
    };
    let inner =
        |byte: &&u8| !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\n' | b'<' | b'>' | b'@' | b':');
    let len = rest.iter().take(LEAST).take_while(inner).count();
    len == LEAST || len == rest.len()
}

/// Reads to the last `@` in front of a host.
fn to_host(cursor: &mut Cursor<'_>, is_encoded: bool) -> Option<(String, usize, Swallow)> {
    let (mut text, mut found) = (String::new(), None);
    loop {
        let Some(atom) = cursor.peek() else {
            if found.is_none() && cursor.is_capped() {
                found = Some((text.len(), cursor.at()));
            }
            break;
        };
        match kind(cursor, atom, is_encoded) {
            Kind::At => found = Some((text.len(), cursor.at())),
            Kind::In => {}
            Kind::Ends => break,
        }
        text.push(atom.ch);
        cursor.set(atom.end);
    }
    let (len, end) = found?;
    let is_cut = end == cursor.at() && cursor.is_capped();
    text.truncate(len);
    let swallow = if is_cut { Swallow::Word(Tail::Url(is_encoded)) } else { Swallow::Nothing };
    (!text.is_empty() && !worth::is_placeholder(&text, true)).then(|| (cut(text), end, swallow))
}

enum Kind {
    In,
    At,
    Ends,
}

/// What a character is to a user or a password. One that is written with its percent sign is no delimiter, unless all of
/// the URL is written so.
fn kind(cursor: &Cursor<'_>, atom: Atom, is_encoded: bool) -> Kind {
    let stands = cursor.slice(atom.start, atom.end);
    let is_delimiter = stands.contains('%') == is_encoded;
    match atom.ch {
        '@' if is_delimiter => Kind::At,
        '/' | '?' | '#' if is_delimiter => Kind::Ends,
        '"' | '<' | '>' | '`' | Atom::COLOUR => Kind::Ends,
        ch if ch.is_whitespace() || ch.is_control() => Kind::Ends,
        _ if stands.contains(['，', '。', '；', '、', '）', '！', '？', '“', '”']) => Kind::Ends,
        _ => Kind::In,
    }
}

/// Whether it goes on with a password.
pub(super) fn is_inner(cursor: &Cursor<'_>, atom: Atom, is_encoded: bool) -> bool {
    matches!(kind(cursor, atom, is_encoded), Kind::In)
}

/// As much of it as is known of a password elsewhere.
fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.ceil_char_boundary(LONGEST));
    }
    text
}
