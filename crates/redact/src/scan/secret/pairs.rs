//! Secrets that are told by what stands before them: `Bearer …`, `password=…`, `https://user:…@`.

use super::Found;
use super::word::Word;
use crate::scan::Swallow;
use crate::scan::cursor::{Atom, CAP, Cursor};

/// The longest password that is read, in bytes. The rest of its word goes with a longer one.
const LONGEST: usize = 512;

/// The secret that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, before: &str, last: Option<char>) -> Option<Found> {
    let first = cursor.peek()?;
    if first.ch.is_whitespace() || matches!(first.ch, '"' | '\'' | '`' | Atom::COLOUR) {
        return None;
    }
    // A colour is looked through.
    match last.filter(|ch| *ch != Atom::COLOUR).or(before.chars().next_back())? {
        ' ' => bearer(cursor, before).or_else(|| pair(cursor, before)),
        ':' => url(cursor, before).or_else(|| pair(cursor, before)),
        '=' | '"' | '\'' | '`' | '\t' | '\n' | '是' => pair(cursor, before),
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

/// The password in front of a host (RFC 3986, 3.2.1).
fn url(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let user = before.strip_suffix(':')?;
    let at = user.rfind("://")?;
    if user[at + 3..].contains(['/', '?', '#', ' ', '"', '\n', ':']) {
        return None;
    }
    let mut canonical = String::new();
    loop {
        let atom = cursor.peek()?;
        match atom.ch {
            '@' if !canonical.is_empty() => break,
            '/' | '?' | '#' | ' ' | '"' | '\n' | '<' | '>' | '{' | '$' | '*' | '[' | '@' => return None,
            ch => canonical.push(ch),
        }
        cursor.set(atom.end);
        if canonical.len() > LONGEST {
            return None;
        }
    }
    Some(Found { end: cursor.at(), why: "password in a URL", canonical, swallow: Swallow::Nothing })
}

/// Words whose value is a password: whatever it looks like.
const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "passphrase", "passcode", "密码", "口令", "密碼"];

/// Words whose value is a key: if it looks like one.
const KEYS: &[&str] = &[
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "secret_key",
    "secretkey",
    "access_token",
    "auth_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "private_key",
    "token",
    "credential",
    "authorization",
    "x-api-key",
    "密钥",
    "秘钥",
    "令牌",
    "密鑰",
];

/// The value behind a word, `=` or `:`, and perhaps quotes.
fn pair(cursor: &mut Cursor<'_>, before: &str) -> Option<Found> {
    let (rest, quote) = opening(before);
    // As Rust's `Debug` writes an optional one.
    let rest = if quote.is_some() { rest.strip_suffix("Some(").unwrap_or(rest) } else { rest };
    let (rest, wrapped) = blanks(rest);
    let rest = rest.strip_suffix(['=', ':', '：', '是'])?;
    let rest = rest.trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'', '`', '\\', ' ']);
    let ends = |word: &&&str| {
        let Some(at) = rest.len().checked_sub(word.len()) else { return false };
        let Some(end) = rest.get(at..) else { return false };
        // `password`, `db_password` and `dbPassword`, but not `nopassword`.
        let is_hump = end.starts_with(|ch: char| ch.is_ascii_uppercase())
            && rest[..at].ends_with(|ch: char| ch.is_ascii_lowercase());
        let whole = !word.is_ascii() || is_hump || !rest[..at].ends_with(|ch: char| ch.is_ascii_alphabetic());
        whole && end.eq_ignore_ascii_case(word)
    };
    if !announces(rest.as_bytes()) {
        return None;
    }
    let is_password = PASSWORDS.iter().find(ends).is_some();
    if !is_password && KEYS.iter().find(ends).is_none() {
        return None;
    }
    let start = cursor.at();
    let (canonical, end) = value(cursor, quote)?;
    let placeholder = canonical.starts_with(['<', '$', '{', '*', '[', '(', '%', '/'])
        || quote.is_none() && is_code(&canonical)
        || ["null", "none", "true", "false", "undefined", "string", "required", "optional", "redacted"]
            .iter()
            .any(|word| canonical.eq_ignore_ascii_case(word));
    let letters = canonical.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digits = canonical.bytes().any(|byte| byte.is_ascii_digit());
    let signs = canonical.chars().any(|ch| !ch.is_alphanumeric());
    let capitals = canonical.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let looks_random = digits || letters && (signs || capitals);
    let length = canonical.chars().count();
    let is_secret = match (is_password, quote) {
        // Words with blanks between them are a sentence.
        (true, Some(_)) => length >= 3 && (!canonical.contains(' ') || digits),
        (true, None) => length >= 4 && looks_random,
        (false, _) => length >= 8 && digits && letters || length >= 16 && looks_random,
    };
    // On the next line there may be another name as well.
    let is_name = wrapped && (!digits || !letters || length < 6 || canonical.contains([':', '=']));
    if placeholder || !is_secret || is_name || end <= start {
        return None;
    }
    let is_cut = cursor.is_capped() || canonical.len() >= LONGEST;
    let swallow = if is_cut { Swallow::Word } else { Swallow::Nothing };
    Some(Found { end, why: "value of a word such as password", canonical, swallow })
}

/// The two last bytes, in small letters, of words that announce a value, as bits.
const ENDS: [u64; 1024] = {
    let mut ends = [0; 1024];
    let lists: [&[&str]; 2] = [PASSWORDS, KEYS];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let bytes = lists[list][at].as_bytes();
            let two = (bytes[bytes.len() - 2] as usize) << 8 | bytes[bytes.len() - 1] as usize;
            ends[two / 64] |= 1 << (two % 64);
            at += 1;
        }
        list += 1;
    }
    ends
};

/// Whether what ends here ends as a word that announces a value does.
pub(super) fn announces(name: &[u8]) -> bool {
    let [.., second, last] = name else { return false };
    let two = usize::from(second.to_ascii_lowercase()) << 8 | usize::from(last.to_ascii_lowercase());
    ENDS[two / 64] & 1 << (two % 64) != 0
}

/// Whether it is the name of a variable, of its field or of a type: `config.password`, `Option<String>`.
fn is_code(value: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let is_path =
        value.contains(['.', ':']) && value.split(['.', ':']).all(|name| name.is_empty() || part(name));
    let is_name = |name: &str| {
        part(name)
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && !name.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
    };
    is_path || is_name(value.strip_suffix('(').unwrap_or(value))
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
