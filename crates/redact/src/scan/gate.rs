//! Passes over what no value begins in: a shortcut that changes no result.
//!
//! It looks at bytes, a word at a time, and asks of each matcher what it cannot do without: an address has an `@` behind
//! its local part, a key begins like one of the known ones, a number has seven digits and more, base64 has no control
//! characters within it. Where it is in doubt (an escape, a character of another width, the end of what is there so
//! far) it stops, and the matchers read.

use std::ops::Range;

use super::high::{High, chinese, high};
use super::member;
use super::memo::Memo;
use super::prose::Prose;
use super::sign::{begins_nothing, escapes_sign, sign_escape};
use super::zh::is_chinese;
use super::{BEFORE, Rules, base64, cursor, email, is_word, number, secret};
use crate::Rule;

/// The shortest key that is told by how it begins, and the shortest word in base64, in characters.
const SHORTEST: usize = 15;

/// How much of a domain is looked at, in bytes: more than a short one has, and what is longer is left to its matcher.
const MOST_DOMAIN: usize = 256;

/// What a byte is, where it stands for itself.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A letter, a digit or `_`.
    Word,
    /// Nothing begins with it but what a word before it has announced.
    Sign,
    /// The same, and nothing is announced before it.
    Blank,
    /// Something may begin with it.
    Opens,
    Escape,
    High,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Word,
            b' ' | b'\n' | b'\t' | b'\r' | b'"' | b'\'' | b'`' => Kind::Blank,
            b'-' | b'+' | b'(' | b':' => Kind::Opens,
            b'\\' | b'%' | b'&' | 0x1b => Kind::Escape,
            0x80.. => Kind::High,
            _ => Kind::Sign,
        };
        byte += 1;
    }
    kinds
};

pub(super) fn kind(byte: u8) -> Kind {
    KINDS[usize::from(byte)]
}

/// The first place at or behind this one where something may begin, and the character before it. `last` is the one
/// before this place, as it is meant.
///
/// `memo` is remembered from call to call.
pub(super) fn skip(
    text: &str,
    at: usize,
    last: Option<char>,
    rules: Rules,
    memo: &mut Memo,
    complete: bool,
) -> (usize, Option<char>) {
    let bytes = text.as_bytes();
    let is_zh = rules.contains(Rule::Zh);
    let (mut at, mut last) = (at, last);
    let mut prose = Prose::default();
    while let Some(byte) = bytes.get(at) {
        let to = match kind(*byte) {
            Kind::Word => {
                let end = word_end(bytes, at);
                // Within a word nothing begins.
                if !last.is_some_and(is_word) && word(text, at..end, last, memo, complete) != NOTHING {
                    break;
                }
                last = Some(char::from(bytes[end - 1]));
                at = end;
                let to = prose.skip(bytes, at);
                if to > at {
                    (at, last) = (to, Some(char::from(bytes[to - 1])));
                }
                continue;
            }
            Kind::Blank
                if *byte == b'"' && matches!(last, Some(',' | '{')) && is_written(bytes, at, last) =>
            {
                let end = member::skip(bytes, at);
                if end > at {
                    (at, last) = (end, Some(char::from(bytes[end - 1])));
                    continue;
                }
                at + 1
            }
            Kind::Blank => at + 1,
            Kind::Sign if !secret::asks(bytes, at, last) => at + 1,
            Kind::Opens if !secret::asks(bytes, at, last) && !opens(bytes, at, last) => at + 1,
            Kind::Escape => match sign_escape(text, at, last) {
                Some((ch, end)) if begins_nothing(ch, end - at) || !secret::asks(bytes, at, last) => {
                    (at, last) = (end, Some(ch));
                    continue;
                }
                _ => break,
            },
            // A blank of full width.
            Kind::High if bytes[at..].starts_with("\u{3000}".as_bytes()) => {
                (at, last) = (at + 3, Some(' '));
                continue;
            }
            Kind::High if !secret::asks(bytes, at, last) => match high(bytes, at) {
                High::Other(2) if email::begins_letter(bytes[at]) => {
                    let (chars, _) = bytes[at..].as_chunks::<2>();
                    let end = at + 2 * chars.iter().take_while(|ch| email::begins_letter(ch[0])).count();
                    // An address may begin with them.
                    if !is_no_address(bytes, end, last) {
                        break;
                    }
                    (at, last) = (end, text[..end].chars().next_back());
                    continue;
                }
                High::Other(len) => {
                    last = text.get(at..).and_then(|rest| rest.chars().next());
                    at += len;
                    continue;
                }
                High::Sign(ch) => {
                    (at, last) = (at + 3, Some(ch));
                    continue;
                }
                High::Chinese if !is_zh => {
                    let end = chinese(text, at, last);
                    if end == at {
                        break;
                    }
                    last = text[at..end].chars().next_back();
                    at = end;
                    continue;
                }
                _ => break,
            },
            _ => break,
        };
        last = Some(char::from(*byte));
        at = to;
    }
    (at, last)
}

/// Whether what is meant before a place stands there.
fn is_written(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    at.checked_sub(1).map(|at| char::from(bytes[at])) == last
}

/// How much at the end of a text is looked at once more, in bytes: a line of a log, or the last words of a longer text.
pub(super) const TAIL: usize = 160;

/// The same near the end of a text behind which nothing comes: as if a line ended there, so that its last words are in no
/// doubt.
pub(super) fn skip_to_end(text: &str, at: usize, last: Option<char>, rules: Rules) -> (usize, Option<char>) {
    let from = super::ceil(text, at.saturating_sub(BEFORE));
    let len = text.len() - from;
    let mut line = [b'\n'; TAIL + BEFORE + 1];
    line[..len].copy_from_slice(&text.as_bytes()[from..]);
    let Ok(line) = std::str::from_utf8(&line[..=len]) else { return (at, last) };
    let (end, last) = skip(line, at - from, last, rules, &mut Memo::default(), true);
    ((from + end).min(text.len()), last)
}

const NOTHING: Hints = Hints { secret: false, email: false, number: false, base64: false };

/// Which matchers may find something where one is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hints {
    pub(super) secret: bool,
    pub(super) email: bool,
    pub(super) number: bool,
    pub(super) base64: bool,
}

impl Hints {
    pub(super) const ALL: Self = Self { secret: true, email: true, number: true, base64: true };

    /// Those for a place; all of them where it is in doubt.
    pub(super) fn at(text: &str, at: usize, last: Option<char>, mut memo: Memo, complete: bool) -> Self {
        let bytes = text.as_bytes();
        if kind(bytes[at]) != Kind::Word {
            return Self::ALL;
        }
        word(text, at..word_end(bytes, at), last, &mut memo, complete)
    }
}

impl Hints {
    /// Without those for what does not begin with this character.
    pub(super) fn with(self, first: char, last: Option<char>) -> Self {
        let alphanumeric = first.is_ascii_alphanumeric();
        let local = first != '.' && email::is_local(first) && !last.is_some_and(email::is_local);
        Self {
            // A key, a private key's line, a URL.
            secret: self.secret && (alphanumeric || matches!(first, '-' | ':')),
            email: self.email && (local || is_chinese(first)),
            number: self.number && (alphanumeric || number::may_begin(first)),
            base64: self.base64 && alphanumeric,
        }
    }
}

fn word_end(bytes: &[u8], at: usize) -> usize {
    let len = bytes[at..].iter().take_while(|byte| kind(**byte) == Kind::Word).count();
    cursor::count(len);
    at + len
}

/// What may begin with the word that stands here.
fn word(text: &str, word: Range<usize>, last: Option<char>, memo: &mut Memo, complete: bool) -> Hints {
    let (bytes, Range { start: at, end }) = (text.as_bytes(), word);
    if !ends(bytes, end) {
        return Hints::ALL;
    }
    let first = bytes[at];
    let digit = |place: usize| bytes[at + place].is_ascii_digit();
    let number = if first.is_ascii_digit() {
        !number::is_dull(bytes, at, last)
    } else {
        let len = end - at;
        // In groups of four, or in one piece.
        let iban = (len == 4 || len >= SHORTEST) && digit(2) && digit(3) && !digit(1);
        let on_stripe = first == b'B' && last == Some('%');
        iban || number::may_be_passport(&bytes[at..end]) || on_stripe
    };
    let asked = secret::asks(bytes, at, last) && !memo.is_code(bytes, at, last, complete);
    // With these behind it only the word itself counts.
    let is_alone = kind(bytes[end]) == Kind::Blank
        || matches!(bytes[end], b',' | b':' | b'=' | b')' | b']' | b'}' | b';');
    if is_alone && end - at < SHORTEST {
        // Some keys go on with a sign.
        let is_key = matches!(bytes[end], b':' | b'=') && !is_no_key(text, at, end, memo, complete);
        return Hints { secret: asked || is_key, email: false, number, base64: false };
    }
    Hints {
        secret: asked || !is_no_key(text, at, end, memo, complete),
        email: !is_no_address(bytes, end, last),
        number,
        base64: !is_no_base64(bytes, at, last),
    }
}

/// Whether what stands here is no part of a word in disguise, and joins nothing.
pub(super) fn ends(bytes: &[u8], at: usize) -> bool {
    let Some(byte) = bytes.get(at) else { return false };
    match kind(*byte) {
        Kind::Escape => escapes_sign(bytes, at),
        // A colon of full width goes on with an address.
        Kind::High => !matches!(high(bytes, at), High::Unknown | High::Sign(':')),
        _ => true,
    }
}

/// The end of a run of such bytes, if it is there already and nothing in disguise goes on with it.
fn end_of(bytes: &[u8], from: usize, is_in: impl Fn(u8) -> bool) -> Option<usize> {
    let end = from + bytes[from..].iter().take_while(|byte| is_in(**byte)).count();
    cursor::count(end - from);
    ends(bytes, end).then_some(end)
}

fn is_local(byte: u8) -> bool {
    kind(byte) == Kind::Word || matches!(byte, b'.' | b'+' | b'-')
}

pub(super) fn is_no_address(bytes: &[u8], end: usize, last: Option<char>) -> bool {
    // It began before.
    if last.is_some_and(email::is_local) {
        return true;
    }
    // Letters with marks have two bytes.
    let in_local =
        |byte: &&u8| is_local(**byte) || matches!(byte, 0x80..=0xbf) || email::begins_letter(**byte);
    let more = bytes[end..].iter().take(2 * email::LONGEST_LOCAL + 1).take_while(in_local).count();
    let at = end + more;
    more > 2 * email::LONGEST_LOCAL || ends(bytes, at) && (bytes[at] != b'@' || is_no_domain(bytes, at + 1))
}

/// Whether there is no dot with two letters behind it.
fn is_no_domain(bytes: &[u8], at: usize) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
    let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80;
    let len = bytes[at..].iter().take(MOST_DOMAIN).take_while(|byte| in_domain(**byte)).count();
    let has_top =
        bytes[at..at + len].windows(3).any(|part| part[0] == b'.' && letter(part[1]) && letter(part[2]));
    !has_top && len < MOST_DOMAIN && ends(bytes, at + len) && bytes[at..at + len].is_ascii()
}

fn is_no_key(text: &str, at: usize, end: usize, memo: &mut Memo, complete: bool) -> bool {
    let bytes = text.as_bytes();
    let first = bytes[at];
    if first.is_ascii_hexdigit() && end - at >= 32 && bytes[end] == b'.' {
        return false;
    }
    if secret::begins_bot(&bytes[at..]) {
        return false;
    }
    // Telegram's.
    if first.is_ascii_digit() && matches!(end - at, 8..=10) && bytes[end] == b':' {
        return false;
    }
    if end - at > 1 && !secret::begins_key(first, bytes[at + 1]) {
        return true;
    }
    if end - at == 1 && !secret::begins_key(first, bytes[end]) {
        return true;
    }
    let word = &bytes[at..];
    if word.starts_with(b"eyJ") {
        // The first part of a token has eight more.
        let in_part = |byte: u8| kind(byte) == Kind::Word || byte == b'-';
        let part = bytes[at + 3..].iter().take(8).take_while(|byte| in_part(**byte)).count();
        return part < 8 && ends_key(bytes, at + 3 + part);
    }
    if word.starts_with(b"sk-") {
        return memo.is_keyless(text, at, complete);
    }
    let in_key = |byte: u8| kind(byte) == Kind::Word || b".-/+=?".contains(&byte);
    if !secret::may_begin_key(word) {
        return true;
    }
    let most = SHORTEST.saturating_sub(end - at);
    let more = bytes[end..].iter().take(most).take_while(|byte| in_key(**byte)).count();
    more < most && ends_key(bytes, end + more)
}

/// The same for a key, which goes on behind the end of a line in an escape.
fn ends_key(bytes: &[u8], at: usize) -> bool {
    ends(bytes, at) && bytes[at] != b'\\'
}

fn is_no_base64(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let in_base64 = |byte: u8| kind(byte) == Kind::Word || matches!(byte, b'+' | b'/' | b'-');
    if last.is_some_and(|last| last.is_ascii() && in_base64(last as u8)) {
        return true;
    }
    base64::is_dull(&bytes[at..]) || end_of(bytes, at, in_base64).is_some_and(|end| end - at < SHORTEST)
}

/// Whether something may begin with a sign.
fn opens(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let Some(next) = bytes.get(at + 1) else { return true };
    if !ends(bytes, at + 1) {
        return true;
    }
    match bytes[at] {
        // `+49`, `+ 49`
        // No country's code begins with 0.
        b'+' => matches!(next, b'1'..=b'9' | b' ') || !is_no_address(bytes, at + 1, last),
        // `-----BEGIN`
        b'-' => {
            let dashes = bytes[at..].iter().take(6).take_while(|byte| **byte == b'-').count();
            let line = dashes == 5 && bytes.get(at + 5) == Some(&b'B') || !ends(bytes, at + dashes);
            line || !is_no_address(bytes, at + 1, last)
        }
        // `(010)`, `(+49)`
        b'(' => next.is_ascii_digit() || *next == b'+',
        // `::1`; `://` and a long user
        _ => begins_address(bytes, at, last) || secret::may_be_long(bytes, at),
    }
}

/// Whether an address of IPv6 may begin with two colons here. What nothing stands behind names nobody.
fn begins_address(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    bytes[at + 1] == b':'
        && last != Some(':')
        && (bytes.get(at + 2).is_none_or(u8::is_ascii_hexdigit) || !ends(bytes, at + 2))
}
