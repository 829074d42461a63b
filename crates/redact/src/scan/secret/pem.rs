//! Private keys in their blocks (RFC 7468), also quoted, indented, or with all their lines in one.

use super::Found;
use crate::scan::Swallow;
use crate::scan::cursor::{Atom, Cursor};

/// The longest key, in bytes: a key of RSA with 16,384 bits has 12 KiB.
const LONGEST: usize = 64 * 1024;

/// The most characters between two lines of a key: indentation, and what quotes it.
const GAP: usize = 64;

/// From so many characters on a word of base64 goes on with a key, wherever it stands.
const PART: usize = 16;

/// The most characters of a header's line (RFC 1421, 4.6), and of the line that begins or ends a key.
const LINE: usize = 128;

/// How much of a key tells it from others.
const KNOWN: usize = 512;

/// From `-----BEGIN … PRIVATE KEY-----` to the end of its last line, if it has one; else as far as it looks like a key.
pub(super) fn find(cursor: &mut Cursor<'_>) -> Option<Found> {
    let line = boundary(cursor, "BEGIN ")?;
    if !line.contains("PRIVATE KEY") {
        return None;
    }
    let mut body = String::new();
    let mut end = cursor.at();
    let is_over = loop {
        match part(cursor, &mut body) {
            Part::Line => end = cursor.at(),
            Part::End => {
                end = cursor.at();
                break true;
            }
            Part::Nothing => break false,
        }
    };
    let mut swallow = Swallow::Nothing;
    if !is_over && cursor.is_capped() {
        end = cursor.at();
        swallow = Swallow::Key(LONGEST);
    } else if !is_over {
        cursor.set(end);
        end = end_line(cursor).unwrap_or(end);
    }
    body.truncate(KNOWN);
    Some(Found { end, why: "private key, its block", canonical: format!("private key {body}"), swallow })
}

/// The line `-----BEGIN …-----` or `-----END …-----`: what it says.
fn boundary(cursor: &mut Cursor<'_>, word: &str) -> Option<String> {
    for expected in "-----".chars().chain(word.chars()) {
        (cursor.next()?.ch == expected).then_some(())?;
    }
    let mut line = String::new();
    while !line.ends_with("-----") {
        let ch = cursor.next()?.ch;
        if line.len() > LINE || !(ch.is_ascii_uppercase() || ch.is_ascii_digit() || " -".contains(ch)) {
            return None;
        }
        line.push(ch);
    }
    Some(line)
}

enum Part {
    /// A line of base64, or a header.
    Line,
    /// The last line.
    End,
    /// Nothing that belongs to a key.
    Nothing,
}

/// What goes on with a key, and the cursor stands behind it then.
fn part(cursor: &mut Cursor<'_>, body: &mut String) -> Part {
    let Some(on_new_line) = gap(cursor) else { return Part::Nothing };
    let start = cursor.at();
    if boundary(cursor, "END ").is_some() {
        return Part::End;
    }
    cursor.set(start);
    if body.is_empty() && header(cursor) {
        return Part::Line;
    }
    cursor.set(start);
    let mut word = String::new();
    while let Some(atom) = cursor.peek().filter(|atom| is_base64(atom.ch)) {
        word.push(atom.ch);
        cursor.set(atom.end);
    }
    let end = cursor.at();
    let mut is_last = || {
        cursor.set(end);
        gap(cursor).is_some() && boundary(cursor, "END ").is_some()
    };
    let belongs = !word.is_empty()
        && (is_part(&word) || is_last() || {
            cursor.set(end);
            on_new_line && is_alone(cursor, &word)
        });
    cursor.set(end);
    if !belongs {
        return Part::Nothing;
    }
    if body.len() < KNOWN {
        body.push_str(&word);
    }
    Part::Line
}

/// Passes over what stands between two lines. Whether there was a line's end in it; nothing if it is too long.
fn gap(cursor: &mut Cursor<'_>) -> Option<bool> {
    let mut on_new_line = false;
    for _ in 0..GAP {
        let Some(atom) = cursor.peek() else { return Some(on_new_line) };
        match atom.ch {
            '\n' | '\r' => on_new_line = true,
            // `-----END`
            '-' => {
                let here = cursor.at();
                let is_end = "-----E".chars().all(|ch| cursor.next().is_some_and(|atom| atom.ch == ch));
                cursor.set(here);
                if is_end {
                    return Some(on_new_line);
                }
            }
            // They join texts in code, and begin comments.
            '+' | '/' | '=' => {
                let here = cursor.at();
                let mut next = None;
                for _ in 0..4 {
                    next = cursor.next();
                    if !next.is_some_and(|atom| matches!(atom.ch, '+' | '/' | '=')) {
                        break;
                    }
                }
                cursor.set(here);
                if next.is_some_and(|atom| is_base64(atom.ch)) {
                    return Some(on_new_line);
                }
            }
            ch if ch.is_alphanumeric() => return Some(on_new_line),
            _ => {}
        }
        cursor.set(atom.end);
    }
    None
}

/// `DEK-Info: AES-128-CBC,…`, to its line's end or to where the key begins on the same line.
fn header(cursor: &mut Cursor<'_>) -> bool {
    let is_name = |atom: &Atom| atom.ch.is_ascii_alphanumeric() || atom.ch == '-';
    let start = cursor.at();
    while let Some(atom) = cursor.peek().filter(is_name) {
        cursor.set(atom.end);
    }
    if cursor.at() == start || cursor.next().is_none_or(|atom| atom.ch != ':') {
        return false;
    }
    let mut word = String::new();
    let mut before = cursor.at();
    for _ in 0..LINE {
        let Some(atom) = cursor.peek() else { return true };
        match atom.ch {
            '\n' | '\r' => return true,
            ' ' => {
                word.clear();
                before = cursor.at();
            }
            '-' if word.ends_with("----") => {
                cursor.set(before);
                return true;
            }
            ch => word.push(ch),
        }
        if word.len() >= 2 * PART && word.chars().all(is_base64) {
            cursor.set(before);
            return true;
        }
        cursor.set(atom.end);
    }
    true
}

/// Whether nothing of a sentence follows on the same line.
fn is_alone(cursor: &mut Cursor<'_>, word: &str) -> bool {
    let ends = |ch: char| matches!(ch, '\n' | '\r' | '"' | '\'' | '`' | '\\' | '<' | '-' | Atom::COLOUR);
    while let Some(atom) = cursor.next() {
        if atom.ch != ' ' && atom.ch != '\t' {
            return ends(atom.ch) || word.ends_with('=');
        }
    }
    true
}

/// Whether a word is none of a language.
fn is_part(word: &str) -> bool {
    let has = |is_in: fn(&u8) -> bool| word.bytes().any(|byte| is_in(&byte));
    word.len() >= PART
        && (has(u8::is_ascii_digit)
            || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
            || word.len() > 40)
}

/// Where the key ends, if its last line follows, and parts of a key do before it, with something else between them: the
/// time of a log's line.
fn end_line(cursor: &mut Cursor<'_>) -> Option<usize> {
    let (mut word, mut had_part) = (String::new(), false);
    loop {
        let atom = cursor.peek()?;
        if atom.ch == '-' {
            let here = cursor.at();
            if had_part && boundary(cursor, "END ").is_some() {
                return Some(cursor.at());
            }
            cursor.set(here);
            // Another one begins.
            if boundary(cursor, "BEGIN ").is_some() {
                return None;
            }
        }
        if is_base64(atom.ch) && word.len() <= PART {
            word.push(atom.ch);
            had_part |= is_part(&word);
        } else if !is_base64(atom.ch) {
            word.clear();
        }
        cursor.set(atom.end);
    }
}

fn is_base64(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || matches!(ch, '+' | '/' | '=')
}
