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
    let found = |end, swallow| {
        Some(Found { end, why: "private key, its block", canonical: String::from("private key"), swallow })
    };
    // The line so far, and where the one before it ends.
    let (mut line, mut whole) = (String::new(), cursor.at());
    while let Some(atom) = cursor.peek() {
        let is_end = line.starts_with("-----END");
        match atom.ch {
            '\n' | '\r' => {
                line.clear();
                if atom.start > whole && !cursor.slice(whole, atom.start).trim().is_empty() {
                    whole = atom.start;
                }
            }
            '-' if is_end && line.len() > 8 && line.ends_with("----") => {
                return found(atom.end, Swallow::Nothing);
            }
            // Headers have blanks (RFC 1421, 4.6), and so has the last line.
            ' ' if !is_end && !line.contains(':') => return found(whole, Swallow::Nothing),
            ch if ch.is_ascii_alphanumeric() || "+/=-:, ".contains(ch) => line.push(ch),
            _ => return found(atom.start, Swallow::Nothing),
        }
        cursor.set(atom.end);
    }
    let swallow = if cursor.is_capped() { Swallow::Key(LONGEST) } else { Swallow::Nothing };
    found(cursor.at(), swallow)
}
