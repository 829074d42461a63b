//! Where no number begins: a shortcut that changes no result.

use super::before::Lists;
use super::digits::MOST_DIGITS;
use super::{id, phone};
use crate::scan::gate;
use crate::scan::meant::{colour_before, is_lead};

/// The fewest digits of any number.
const FEWEST: usize = 7;

/// The most digits of a number that only a word just before it can tell.
const MOST_BY_NEXT_WORD: usize = 8;

/// The most digits in one piece, with no zero in front, of a number that only a word before it can tell.
pub(in crate::scan) const MOST_BY_WORD: usize = 10;

/// How far before a number the words for it stand, in bytes: as far as any rule looks for one.
const NEAR: usize = 40;

/// The words that tell what such a number is.
static TELLING: Lists =
    Lists::new(&[&phone::WORDS, &phone::CALLS, &phone::JUST_BEFORE, &id::SOCIAL, &id::PASSES]);

/// The most groups of a number whose groups have several digits.
const MOST_GROUPS: usize = 5;

/// How much is looked at behind `00`, in bytes.
const MOST_BEHIND_00: usize = 48;

/// Whether a dash before a place belongs to a code, as in a UUID, as [`Before::joins_figures`] has it.
///
/// [`Before::joins_figures`]: super::Before::joins_figures
fn is_in_code(bytes: &[u8], at: usize) -> bool {
    // Longer than the word that is looked at, and an escape before it.
    const NEAR: usize = 24;
    let Some(near) = at.checked_sub(NEAR + 1).and_then(|from| bytes.get(from..at - 1)) else { return false };
    let len = near.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let word = &near[NEAR - len..];
    let figures = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    figures > 0
        && !(figures == 11 && len == 11)
        && bytes[at - 1] == b'-'
        && near.iter().all(|byte| byte.is_ascii() && !is_lead(*byte))
        && colour_before(bytes, at - 1).is_none()
}

/// Whether no number begins with the digit that stands here, and with nothing before it that `last` is no part of.
/// Reads bytes only, and is in doubt `false`. Groups are read as [`super::digits::Digits::read`] reads them.
pub(crate) fn is_dull(bytes: &[u8], at: usize, last: Option<char>) -> bool {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let ends = |at: usize| gate::ends(bytes, at);
    let group = |from: usize| {
        let len = bytes[from..].iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        (len, from + len)
    };
    match last {
        Some('$') => return true,
        // A digit that ends an escape is none.
        Some('.') if at >= 2 && bytes[at - 2].is_ascii_digit() => {
            let before = &bytes[at.saturating_sub(10)..at];
            if !before.iter().any(|byte| is_lead(*byte)) {
                return true;
            }
        }
        Some('-') if is_in_code(bytes, at) => return true,
        // Within a row of single digits only its first can begin a number.
        Some(' ' | '-' | '/')
            if matches!(byte(at + 1), b' ' | b'-' | b'/')
                && bytes[..at].last_chunk::<3>().is_some_and(|before| {
                    matches!(before, [b' ' | b'-' | b'/' | b'\n', b'0'..=b'9', b' ' | b'-' | b'/'])
                }) =>
        {
            return true;
        }
        _ => {}
    }
    // A fraction, and a network that nobody is in.
    if bytes[at..].starts_with(b"0.") {
        return true;
    }
    let (first, mut end) = group(at);
    // An address: `1.2.3`, `2001:db8:`
    if first <= 3 && byte(end) == b'.' {
        let (second, end) = group(end + 1);
        let (third, behind) = if byte(end) == b'.' { group(end + 1) } else { (0, end) };
        if !ends(end)
            || !ends(behind)
            || [second, third].iter().all(|len| (1..=3).contains(len)) && byte(behind) == b'.'
        {
            return false;
        }
    }
    if matches!(byte(at), b'2' | b'3' | b'6') {
        let in_address = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b':';
        let (mut colons, mut double) = (0, false);
        let len = bytes[at..].iter().take(40).take_while(in_address).count();
        for (place, _) in bytes[at..at + len].iter().enumerate().filter(|(_, byte)| **byte == b':') {
            colons += 1;
            double |= place > 0 && bytes[at + place - 1] == b':';
        }
        if colons > 0 && (double || colons > 5) || !ends(at + len) {
            return false;
        }
    }
    // A French passport's.
    if first == 2 && byte(end).is_ascii_uppercase() {
        let len = bytes[at..].iter().take(10).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if !ends(at + len) || id::is_french(&bytes[at..at + len]) {
            return false;
        }
    }
    if first > 1 && bytes[at..].starts_with(b"00") {
        // A country's code and a number, with what may stand between.
        let in_number = |byte: &&u8| byte.is_ascii_digit() || b" -./()+".contains(byte);
        let len = bytes[at..].iter().take(MOST_BEHIND_00).take_while(in_number).count();
        let digits = bytes[at + 2..at + len].iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits >= FEWEST || len == MOST_BEHIND_00 || !ends(at + len) {
            return false;
        }
    }
    let (mut total, mut shape, mut groups, mut spread) = (0, [0; MOST_GROUPS], 0, true);
    let mut len = first;
    loop {
        if !ends(end) {
            return false;
        }
        // An ID number may end in one.
        let is_x = |at: usize| byte(at).eq_ignore_ascii_case(&b'x');
        if byte(end).is_ascii_alphanumeric() || byte(end) == b'_' {
            if total + len == 17 && is_x(end) {
                return false;
            }
            break;
        }
        total += len;
        spread &= len == 1;
        if let Some(group) = shape.get_mut(groups) {
            *group = len;
            groups += 1;
            if total >= FEWEST && (spread || may_be(&shape[..groups], &bytes[at..])) {
                return false;
            }
        } else if spread {
            return false;
        }
        let may_go_on = match groups {
            1 => matches!(first, 1..=7),
            _ => spread || groups < MOST_GROUPS && total < MOST_DIGITS - 1,
        };
        // A plus divides only in a form, and not all that is wide: in doubt more is read.
        if !may_go_on || !matches!(byte(end), b' ' | b'-' | b'.' | b'/' | b'+') {
            break;
        }
        let mut next = end + 1;
        if byte(end) == b' ' && matches!(byte(next), b' ' | b'-' | b'/') {
            next += if byte(next) == b' ' { 1 } else { 2 };
        }
        if !(end + 1..=next).all(ends) || total == 17 && is_x(next) {
            return false;
        }
        if !byte(next).is_ascii_digit() {
            break;
        }
        (len, end) = group(next);
    }
    let by_next_word = total <= MOST_BY_NEXT_WORD;
    total < FEWEST
        || by_next_word && is_behind_digit(bytes, at)
        || (by_next_word || byte(at) != b'0' || first == 2) && !is_told(bytes, at)
}

/// Whether digits in such groups may be a number that no word has to tell. They begin with no zero.
fn may_be(shape: &[usize], digits: &[u8]) -> bool {
    match shape {
        [len] => *len > MOST_BY_WORD,
        // Telephone numbers: of China, without its code and with it, and of North America.
        [3, 4, 4] | [3, 8] | [7, 4] | [4, 7] | [4, 3, 4] | [4, 4, 3] | [3, 3, 5] | [5, 6] => {
            matches!(digits, [b'1', b'3'..=b'9', ..])
        }
        [2, 11] | [2, 3, 4, 4] | [2, 3, 8] | [2, 7, 4] | [5, 4, 4] => digits.starts_with(b"86"),
        [1, 3, 3, 4] => digits.starts_with(b"1"),
        [3, 4, 3] | [3, 7] => digits.starts_with(b"400"),
        [3, 3, 4] => true,
        // Of papers.
        [3, 2, 4] | [6, 8, 4] | [6, 4, 4, 4] | [6, 12] | [14, 4] | [3, 3, 4, 4, 4] | [6, 6, 3] => true,
        // Of cards, and one of papers.
        [4, 4, 4, ..] | [4, 6, 4 | 5] | [6, 10 | 13] | [8, 8] => true,
        _ => false,
    }
}

/// Whether a word stands before this place which tells that a number is for telephoning or of a paper.
pub(in crate::scan) fn is_told(bytes: &[u8], at: usize) -> bool {
    let near = &bytes[at.saturating_sub(NEAR)..at];
    // Colours may stand between, and no bound holds for them.
    near.contains(&0x1b) || TELLING.stand_in(near)
}

/// Whether a digit stands before, with a few signs between, so that no word can tell what a number is.
fn is_behind_digit(bytes: &[u8], at: usize) -> bool {
    // Signs, a digit, and more than an escape before it.
    let Some(near) = bytes[..at].last_chunk::<16>() else { return false };
    let signs =
        near.iter().rev().take(3).take_while(|byte| matches!(byte, b' ' | b'"' | b',' | b'.')).count();
    near.iter().all(|byte| byte.is_ascii() && !is_lead(*byte)) && near[15 - signs].is_ascii_digit()
}
