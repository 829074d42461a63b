//! Private keys in their blocks (RFC 7468).

use super::Found;
use crate::scan::Swallow;
use crate::scan::cursor::Cursor;

/// The longest key, in bytes: a key of RSA with 16,384 bits has 12 KiB.
const LONGEST: usize = 64 * 1024;

/// From `-----BEGIN … PRIVATE KEY-----` to the end of its last line, if it has one.
pub(super) fn find(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut line = String::new();
    for expected in "-----BEGIN ".chars() {
        (cursor.next()?.ch == expected).then_some(())?;
    }
    loop {
        let ch = cursor.next()?.ch;
        line.push(ch);
        if line.ends_with("-----") {
            break;
        }
        if line.len() > 64 || !(ch.is_ascii_uppercase() || ch.is_ascii_digit() || " -".contains(ch)) {
            return None;
        }
    }
    if !line.contains("PRIVATE KEY") {
        return None;
    }
    let mut tail = String::new();
    let mut ends = 0;
    let found = |end, swallow| {
        Some(Found { end, why: "private key, its block", canonical: String::from("private key"), swallow })
    };
    while let Some(atom) = cursor.next() {
        tail.push(atom.ch);
        if ends == 0 && tail.ends_with("-----END") {
            ends = tail.len();
        } else if ends > 0 && (tail[ends..].ends_with("-----") || tail.len() > ends + 64) {
            return found(cursor.at(), Swallow::Nothing);
        }
    }
    let swallow = if cursor.is_capped() { Swallow::Key(LONGEST) } else { Swallow::Nothing };
    found(cursor.at(), swallow)
}
