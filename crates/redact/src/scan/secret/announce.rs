//! What joins a value to its name: `=`, `:`, `：`, `=>`, 是, quotes; read backwards from the value.

use super::pairs::Quote;

/// The longest tag or option, in bytes.
const LONGEST: usize = 40;

/// What stands before a value.
pub(super) struct Joined {
    /// Where its name ends.
    pub(super) name: usize,
    pub(super) quote: Option<Quote>,
    pub(super) how: How,
}

/// How a value is joined to its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Tightly,
    /// By a word of a sentence, or a blank behind an option: other things may follow those.
    Loosely,
    /// It stands on the next line.
    Wrapped,
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
    let mut how = How::Tightly;
    if let Some(line) = rest.strip_suffix(b"\n") {
        rest = blanks(line.strip_suffix(b"\r").unwrap_or(line));
        how = How::Wrapped;
    }
    let joints: [&[u8]; 8] = [b"=>", b":=", b"==", b"=", b":", "：".as_bytes(), "＝".as_bytes(), b">"];
    if let Some((joint, bare)) = joints.iter().find_map(|joint| Some((joint, rest.strip_suffix(*joint)?))) {
        rest = bare;
        if **joint == *b">" && !is_tag(rest) {
            return None;
        }
        rest = without_type(trim(rest, JOINTS));
        for word in IS {
            if ends_with(rest, word.as_bytes()) {
                rest = trim(&rest[..rest.len() - word.len()], JOINTS);
            }
        }
        return Some(Joined { name: rest.len(), quote, how });
    }
    for word in &IS[1..] {
        if let Some(bare) = rest.strip_suffix(word.as_bytes()) {
            return Some(Joined { name: trim(bare, JOINTS).len(), quote, how });
        }
    }
    if how == How::Wrapped || behind.len() == rest.len() {
        return None;
    }
    if ends_with(rest, b" is") {
        let name = trim(&rest[..rest.len() - 3], JOINTS).len();
        return Some(Joined { name, quote, how: How::Loosely });
    }
    is_option(rest).then_some(Joined { name: rest.len(), quote, how: How::Loosely })
}

/// What may stand between a name and what joins a value to it.
pub(super) const JOINTS: &[u8] = b" \t\"'`\\*]";

/// Words of a sentence between a name and its value.
pub(super) const IS: [&str; 3] = [" is", "是", "为"];

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

/// Types of a text.
pub(super) const TYPES: [&[u8]; 6] =
    [b"&'static str", b"&str", b"String", b"string", b"str", b"Option<String>"];

/// `PASSWORD: &str`, `token: string`: without the type.
fn without_type(bytes: &[u8]) -> &[u8] {
    let bare = TYPES.iter().find_map(|name| trim(bytes.strip_suffix(*name)?, b" ").strip_suffix(b":"));
    bare.map_or(bytes, |bare| trim(bare, b" "))
}

/// Whether it ends in an option of a command: `--password`.
fn is_option(bytes: &[u8]) -> bool {
    let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = bytes.iter().rev().take(LONGEST).take_while(is_in).count();
    bytes[bytes.len() - len..].starts_with(b"--") && bytes.last().is_some_and(u8::is_ascii_alphabetic)
}

pub(super) fn ends_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.len().checked_sub(word.len()).is_some_and(|at| bytes[at..].eq_ignore_ascii_case(word))
}
