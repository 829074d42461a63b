//! What numbers are that only look like a telephone number: amounts, dates, times of day, fractions, coordinates.

use super::before::Before;
use super::digits::Part;
use super::phone::JUST_BEFORE;
use crate::scan::cursor::Cursor;
use crate::scan::secret::ends_with;

/// How names of amounts end.
const NAMES: [&str; 14] = [
    "bytes",
    "size",
    "length",
    "offset",
    "limit",
    "memory",
    "tokens",
    "_total",
    "_ns",
    "_ms",
    "time_us",
    "duration_us",
    "latency_us",
    "大小",
];

/// What stands behind amounts, and is no word of a sentence.
const UNITS: [&str; 14] =
    ["bytes", "byte", "KB", "kB", "KiB", "MB", "MiB", "ns", "µs", "μs", "ms", "元", "次", "字节"];

/// The same with a sign behind them, or the end of a line.
const WORDS: [&str; 3] = ["B", "us", "times"];

/// The longest of them, in characters.
const LONGEST: usize = 5;

/// How many signs stand between a name and its value at most.
const MOST_SIGNS: usize = 6;

/// Whether a number in one piece counts something: by its unit, or by the name just before it.
pub(super) fn is_amount(part: Part<'_>, cursor: &mut Cursor<'_>, before: Before<'_>) -> bool {
    part.shape().as_slice().len() == 1
        && (is_named(before.text()) || has_unit(cursor, part.end()) && !before.ends_with_word(&JUST_BEFORE))
}

fn is_named(text: &str) -> bool {
    // What a build, or what happened in it, is called in a path.
    if ["runs/", "/job/", "#event-"].iter().any(|path| text.ends_with(path)) {
        return true;
    }
    let is_sign = |ch: &char| matches!(ch, ' ' | '\t' | '"' | '\'' | '\\' | '=' | ':' | '：');
    let signs = text.chars().rev().take(MOST_SIGNS).take_while(is_sign);
    let name = &text[..text.len() - signs.map(char::len_utf8).sum::<usize>()];
    let ends = |word: &str| ends_with(name.as_bytes(), word.as_bytes());
    // No account.
    let is_count = || {
        ends("count")
            && name.as_bytes().split_last_chunk::<5>().is_some_and(|(name, end)| begins_word(name, end))
    };
    name.len() < text.len() && (NAMES.iter().any(|name| ends(name)) || is_count())
}

/// Whether a word begins where it stands: behind no letter, or as a part of `wordCount`.
pub(super) fn begins_word(before: &[u8], word: &[u8]) -> bool {
    before.last().is_none_or(|last| {
        !last.is_ascii_alphabetic() || last.is_ascii_lowercase() && word[0].is_ascii_uppercase()
    })
}

fn has_unit(cursor: &mut Cursor<'_>, end: usize) -> bool {
    cursor.set(end);
    if cursor.peek().is_some_and(|atom| atom.ch == ' ') {
        cursor.next();
    }
    let mut unit = String::new();
    if cursor.peek().is_some_and(|atom| atom.ch == '%' && !atom.disguised) {
        cursor.next();
        return cursor.peek().is_none_or(|atom| !atom.ch.is_alphanumeric());
    }
    while unit.chars().count() <= LONGEST
        && let Some(atom) = cursor.peek().filter(|atom| atom.ch.is_alphanumeric() || atom.ch == '_')
    {
        unit.push(atom.ch);
        cursor.next();
    }
    // `B Smith`, `us toll-free`, `times out`
    let mut is_over = || cursor.peek().is_none_or(|atom| "\n\"'`,;)]}".contains(atom.ch));
    UNITS.contains(&unit.as_str()) || WORDS.contains(&unit.as_str()) && is_over()
}

/// Whether a number in groups is a date (`2026-11-26`, `4.12.2026`), hours of a day (`8.00-17.00`), or an IPv4 address.
pub(super) fn is_date_or_address(part: Part<'_>) -> bool {
    let shape = part.shape();
    let shape = shape.as_slice();
    let Some(separator) = part.separator().filter(|separator| matches!(separator, '-' | '/' | '.')) else {
        return false;
    };
    let mut rest = part.digits;
    let mut values = [0; 5];
    for (value, len) in values.iter_mut().zip(shape) {
        let (group, behind) = rest.split_at(*len);
        *value = group.iter().fold(0, |value, digit| value * 10 + u64::from(*digit));
        rest = behind;
    }
    let is_date = |year: u64, month: u64, day: u64| {
        (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let [first, second, third, fourth, _] = values;
    match shape {
        [4, 1..=2, 1..=2, ..] => is_date(first, second, third),
        [1..=2, 1..=2, 4, ..] => is_date(third, second, first) || is_date(third, first, second),
        [1..=2, 2, 1..=2, 2] if separator == '.' && !part.is_even() => {
            first < 25 && second < 60 && third < 25 && fourth < 60
        }
        [1..=3, 1..=3, 1..=3, 1..=3] if separator == '.' && part.is_even() => {
            values.iter().all(|value| *value < 256)
        }
        _ => false,
    }
}

/// Whether a number in groups has the form of a date or an address, whatever its values: `01.02.2026 10`, `31.12.25 20`,
/// `10.20.30.40`. No word makes such a one a telephone number.
pub(super) fn has_form_of_date(part: Part<'_>) -> bool {
    match part.shape().as_slice() {
        [2, 2, 4, ..] => true,
        [2, 2, 2, ..] if !part.is_even() => true,
        [1..=3, 1..=3, 1..=3, 1..=3] => part.separator() == Some('.'),
        _ => false,
    }
}

/// Whether groups behind a plus are a decimal fraction, or a place on earth (ISO 6709: `+4734-05243`). In `ends` is where
/// each group ends, in `joints` what stands between them. Seven digits behind a point are the most of a fraction: with
/// more it may be a number as registries of domains write it (RFC 5733: `+49.3012345678`).
pub(super) fn is_fraction(digits: &[u8], ends: &[usize], joints: &[&str]) -> bool {
    let (&[first, second, ref more @ ..], &[joint, next, last, ..]) = (ends, joints) else { return false };
    // `+40.123456 -74.123456`, `+40.6892-074.0445`
    let is_over = more.is_empty() || next.starts_with(' ') || next == "-" && last == ".";
    let value = |from: usize, to: usize| {
        digits[from..to].iter().fold(0, |value, digit| value * 10 + u32::from(*digit))
    };
    let is_place = match (first, second - first) {
        (4, 5) => value(0, 2) <= 90 && value(2, 4) < 60 && value(4, 7) <= 180 && value(7, 9) < 60,
        (6, 7) => value(0, 2) <= 90 && value(2, 4) < 60 && value(6, 9) <= 180 && value(9, 11) < 60,
        _ => false,
    };
    is_over && (joint == "." && first <= 3 && (4..=7).contains(&(second - first)) || joint == "-" && is_place)
}

/// Whether groups behind `00` are a row of code points or of words of memory (`0061 0308`), or figures with fractions.
pub(super) fn is_code_point(digits: &[u8], ends: &[usize], joints: &[&str]) -> bool {
    let joints = &joints[..ends.len() - 1];
    let is_four = ends.windows(2).all(|pair| pair[1] - pair[0] == 4);
    let is_row = is_four && matches!(ends, [2, _, ..]) && digits[2] == 0;
    let is_dotted =
        joints.iter().any(|joint| joint.contains('.')) && joints.iter().any(|joint| *joint != ".");
    is_row || is_dotted
}

/// Whether what stands behind a word and before a number has a value for the word already, and another name for the
/// number: `{"mobile":false,"size":`.
pub(super) fn is_of_other(behind: &[u8]) -> bool {
    let (_, rest) = split(behind, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let (signs, rest) = split(rest, |byte| b" \"'\\:=".contains(&byte));
    let (value, rest) = split(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let is_plain = matches!(value, b"true" | b"false" | b"null")
        || value.is_empty() && signs.ends_with(b"\"\"")
        || !value.is_empty() && value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let has_name = |rest: &[u8]| rest.iter().any(|byte| matches!(byte, b':' | b'='));
    let is_number = || rest.windows(3).any(|part| part.eq_ignore_ascii_case(b"num"));
    is_plain
        && has_name(signs)
        && matches!(rest.first(), Some(b',' | b' ' | b'&' | b';'))
        && has_name(rest)
        && !is_number()
}

fn split(bytes: &[u8], fits: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| fits(**byte)).count())
}
