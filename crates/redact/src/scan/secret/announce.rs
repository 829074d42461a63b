//! What joins a value to its name: `=`, `:`, `：`, `=>`, 是, quotes; read backwards from the value.

use super::names::announces;
use super::pairs::Quote;
use crate::scan::BEFORE;

/// The longest tag or option, in bytes.
const LONGEST: usize = 40;

/// What stands before a value.
pub(super) struct Joined {
    /// Where its name ends.
    pub(super) name: usize,
    pub(super) quote: Option<Quote>,
    /// It is joined by a word of a sentence, or a blank behind an option: other things may follow those.
    pub(super) loosely: bool,
}

/// What stands at the end of this text, if it joins a value to a name.
pub(super) fn joined(before: &[u8]) -> Option<Joined> {
    let (mut rest, mut quote) = (before, None);
    if let Some((&last @ (b'"' | b'\'' | b'`'), bare)) = rest.split_last() {
        rest = trim(bare, b"\\");
        quote = Some((char::from(last), rest.len() < bare.len()));
        // As Rust's `Debug` writes an optional one.
        rest = rest.strip_suffix(b"Some(").unwrap_or(rest);
    }
    let behind = rest;
    rest = blanks(rest);
    let joints: [&[u8]; 10] =
        [b"=>", b":=", b"==", b"=", b":", "：".as_bytes(), "＝".as_bytes(), b"%3D", b"%3d", b">"];
    if let Some((joint, bare)) = joints.iter().find_map(|joint| Some((joint, rest.strip_suffix(*joint)?))) {
        rest = bare;
        if **joint == *b">" && !is_tag(rest) {
            return None;
        }
        rest = without_type(trim(rest, b" \"'`\\*]"));
        for word in IS {
            rest = rest.strip_suffix(word.as_bytes()).map_or(rest, |rest| trim(rest, b" \"'`\\*]"));
        }
        return Some(Joined { name: rest.len(), quote, loosely: false });
    }
    for word in &IS[1..] {
        if let Some(bare) = rest.strip_suffix(word.as_bytes()) {
            return Some(Joined { name: trim(bare, b" \"'`\\*").len(), quote, loosely: false });
        }
    }
    if behind.len() == rest.len() {
        return None;
    }
    if ends_with(rest, b" is") {
        let name = trim(&rest[..rest.len() - 3], b" \"'`*").len();
        return Some(Joined { name, quote, loosely: true });
    }
    is_option(rest).then_some(Joined { name: rest.len(), quote, loosely: true })
}

/// Words of a sentence between a name and its value.
const IS: [&str; 3] = [" is", "是", "为"];

fn trim<'a>(mut bytes: &'a [u8], signs: &[u8]) -> &'a [u8] {
    while let Some((_, rest)) = bytes.split_last().filter(|(last, _)| signs.contains(last)) {
        bytes = rest;
    }
    bytes
}

fn blanks(mut bytes: &[u8]) -> &[u8] {
    loop {
        let rest = trim(bytes, b" \t*");
        let rest = rest.strip_suffix("\u{3000}".as_bytes()).unwrap_or(rest);
        if rest.len() == bytes.len() {
            return rest;
        }
        bytes = rest;
    }
}

/// Whether a tag of XML begins here that does not close another one.
fn is_tag(bytes: &[u8]) -> bool {
    let name =
        bytes.iter().rev().take(LONGEST).take_while(|byte| !matches!(byte, b'<' | b'>' | b'\n')).count();
    let from = bytes.len() - name;
    from > 0 && bytes[from - 1] == b'<' && bytes.get(from).is_some_and(|byte| *byte != b'/')
}

/// `PASSWORD: &str`, `token: string`: without the type.
fn without_type(bytes: &[u8]) -> &[u8] {
    const TYPES: [&[u8]; 6] = [b"&'static str", b"&str", b"String", b"string", b"str", b"Option<String>"];
    let bare = TYPES.iter().find_map(|name| trim(bytes.strip_suffix(*name)?, b" ").strip_suffix(b":"));
    bare.map_or(bytes, |bare| trim(bare, b" "))
}

/// Whether it ends in an option of a command: `--password`.
fn is_option(bytes: &[u8]) -> bool {
    let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = bytes.iter().rev().take(LONGEST).take_while(is_in).count();
    bytes[bytes.len() - len..].starts_with(b"--") && bytes.last().is_some_and(u8::is_ascii_alphabetic)
}

/// Whether what stands before a place may announce that a secret follows. Reads bytes only, and is in doubt `true`.
#[inline]
pub(in crate::scan) fn asks(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(last) = last else { return false };
    let before = match last {
        ' ' | '\t' => bytes[..at].get(at.wrapping_sub(2)),
        ':' | '=' | '"' | '\'' | '`' | '>' | '*' | '是' | '为' => return is_asked(bytes, at, last),
        _ => return false,
    };
    // A blank behind a letter is by far the most common.
    match before {
        None => false,
        Some(b'r' | b'R') if ends_with(&bytes[..at - 1], b"bearer") => true,
        Some(b'c' | b'C') if ends_with(&bytes[..at - 1], b"basic") => true,
        Some(b's' | b'S') if ends_with(&bytes[..at - 1], b" is") => is_asked(bytes, at, last),
        Some(b' ' | b'\t' | b':' | b'=' | b'>' | b'*' | 0x80..) => is_asked(bytes, at, last),
        Some(b'0'..=b'9') => false,
        _ => announces(&bytes[..at - 1]) && is_asked(bytes, at, last),
    }
}

fn ends_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.len().checked_sub(word.len()).is_some_and(|at| bytes[at..].eq_ignore_ascii_case(word))
}

fn is_asked(bytes: &[u8], at: usize, last: char) -> bool {
    // A matcher may see less than its bytes, to the next character.
    let far = at.saturating_sub(BEFORE - 8);
    if last == ':' {
        // `://name:…`
        let inner = |byte: &&u8| !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\n' | b':');
        let name = bytes[far..at - 1].iter().rev().take_while(inner).count();
        let from = at - 1 - name;
        if from == far && far > 0 || bytes[..from].ends_with(b"/") {
            return true;
        }
    }
    let before = &bytes[far..at];
    // So much of it may have been passed that the rest is not there.
    const MOST: usize = 48;
    match joined(before) {
        Some(joined) => far > 0 && joined.name < MOST || announces(&before[..joined.name]),
        None => far > 0 && before[MOST..].iter().all(|byte| !byte.is_ascii_alphanumeric()),
    }
}
