//! Headers of HTTP whose whole value is a secret (RFC 9110, 11.6.2; RFC 6265).

use super::ends::Open;
use super::names::Named;
use super::pairs::{ENOUGH, LONGEST};
use super::{Found, Tail, worth};
use crate::scan::Swallow;
use crate::scan::cursor::{Atom, Cursor};

/// Schemes of `Authorization` behind which all is a secret. `Bearer` and `Basic` are told without the header.
const SCHEMES: [&str; 20] = [
    "token",
    "apikey",
    "api-key",
    "key",
    "splunk",
    "deepl-auth-key",
    "bot",
    "digest",
    "negotiate",
    "ntlm",
    "sharedkey",
    "sharedkeylite",
    "sharedaccesssignature",
    "hmac",
    "aws",
    "aws4-hmac-sha256",
    "hawk",
    "oauth",
    "signature",
    "ssws",
];

const WHY: &str = "credentials in a header";

/// The credentials that begin here or behind their scheme, if the name that ends so is a header's.
pub(super) fn find(cursor: &mut Cursor<'_>, name: &str, open: &Open<'_>) -> Option<(usize, Found)> {
    let ends = |word: &str| super::announce::ends_with(name.as_bytes(), word.as_bytes());
    if ends("cookie") {
        return credentials(cursor, open, |value| worth::is_secret(Named::Cookie, value, true));
    }
    if !ends("authorization") {
        return None;
    }
    let mut scheme = String::new();
    while let Some(atom) =
        cursor.peek().filter(|atom| atom.ch.is_ascii_alphanumeric() || "-_".contains(atom.ch))
    {
        scheme.push(atom.ch.to_ascii_lowercase());
        cursor.set(atom.end);
        (scheme.len() <= 24).then_some(())?;
    }
    if scheme.is_empty() || ["bearer", "basic"].contains(&scheme.as_str()) || blanks(cursor) == 0 {
        return None;
    }
    let is_known = SCHEMES.contains(&scheme.as_str());
    credentials(cursor, open, |value| {
        let first = value.split(' ').next().unwrap_or_default();
        let is_long = first.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
        !worth::is_placeholder(value, false)
            && is_long
            && (is_known || first.len() >= 16 && worth::is_key(first))
    })
}

fn blanks(cursor: &mut Cursor<'_>) -> usize {
    let from = cursor.at();
    while let Some(atom) =
        cursor.peek().filter(|atom| matches!(atom.ch, ' ' | '\t') && cursor.at() - from < 8)
    {
        cursor.set(atom.end);
    }
    cursor.at() - from
}

/// To the blank behind the last of what has commas or semicolons between.
fn credentials(
    cursor: &mut Cursor<'_>,
    open: &Open<'_>,
    is_worth: impl Fn(&str) -> bool,
) -> Option<(usize, Found)> {
    let start = cursor.at();
    let (mut canonical, mut len, mut end) = (String::new(), 0, start);
    let (mut is_judged, mut in_quotes) = (false, false);
    while let Some(atom) = cursor.peek() {
        let last = canonical.chars().next_back().unwrap_or(' ');
        match atom.ch {
            '\n' | '\r' | Atom::COLOUR => break,
            _ if open.has_quote(atom) => break,
            '"' if in_quotes => in_quotes = false,
            '"' if last == '=' => in_quotes = true,
            '"' | '\'' | '`' => break,
            ' ' | '\t' if !in_quotes && !matches!(last, ',' | ';') => break,
            _ if cursor.slice(atom.start, atom.end).ends_with(['，', '。', '；', '、', '）', '”']) => {
                break;
            }
            _ => {}
        }
        cursor.set(atom.end);
        canonical.push(atom.ch);
        if !matches!(atom.ch, '.' | ',' | ';' | ' ' | ')' | ']' | '}') {
            (len, end) = (canonical.len(), atom.end);
        }
        if !is_judged && canonical.len() >= ENOUGH {
            is_worth(&canonical).then_some(())?;
            is_judged = true;
        }
        if canonical.len() >= 2 * LONGEST {
            break;
        }
    }
    let is_cut = cursor.is_capped() || canonical.len() >= 2 * LONGEST;
    canonical.truncate(len);
    (!canonical.is_empty() && (is_judged || is_worth(&canonical))).then_some(())?;
    let swallow = if is_cut { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
    Some((start, Found { end, why: WHY, canonical, swallow }))
}
