//! The form of a stand-in: `EMAIL_3f9a01bc22d4`.
//!
//! Letters, digits and `_`: nothing that JSON, URLs, Markdown within a word, or a shell would write in another way, and
//! what models copy as they copy names in code. The label says to the model what it is. The first half of the digits is the
//! value's, the second that of its spelling.

use std::fmt::Write as _;

/// What stands-ins can begin with: the labels of the rules, `VALUE` for any other, `TEXT` for what only looks like one.
/// None begins another.
const LABELS: [&str; 9] = ["EMAIL", "PHONE", "ID", "CARD", "IP", "SECRET", "ZH", VALUE, TEXT];
/// For a rule that has no label here.
const VALUE: &str = "VALUE";
/// For text that could be taken for a stand-in.
pub(super) const TEXT: &str = "TEXT";

/// How many digits it has. 48 bits: two of 65,536 values have the same in one map of 130,000, and then one of
/// them gets others.
const DIGITS: usize = 12;

/// Of how many digits on something with a label looks as if it had been one, for the count of what was lost.
const LOOKS_LIKE: usize = 8;

/// How long it can be as a model writes it: the longest label, blanks, backslashes and `%5F` between, a blank behind each
/// digit but the last. No more than that is held of a stream.
pub const LONGEST: usize = 6 + 7 + 2 * DIGITS - 1;

/// The label for values of a rule; one of the user's own has none.
pub(super) fn label(of_rule: &str) -> &'static str {
    known(of_rule).filter(|label| *label != TEXT).unwrap_or(VALUE)
}

/// The label of this name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    LABELS.into_iter().find(|label| *label == name)
}

/// Appends one.
pub(super) fn write(label: &str, code: u64, out: &mut String) {
    let _ = write!(out, "{label}_{code:012x}");
}

/// The two bytes before a text, which tell whether a word begins there.
pub(super) type Before = [u8; 2];

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    No,
    /// It may become one.
    Starved,
    /// It could be taken for one that was broken.
    Mangled,
    Code {
        end: usize,
        code: u64,
        /// It is written as we write it.
        is_exact: bool,
    },
}

/// Whether something can begin with that byte.
pub(super) fn begins(byte: u8) -> bool {
    matches!(byte.to_ascii_uppercase(), b'E' | b'P' | b'I' | b'C' | b'S' | b'Z' | b'V' | b'T')
}

/// Reads what stands at a place. Other letter case, a blank here and there, `-`, `:`, `__` or `%5F` for `_`, backslashes
/// before it as Markdown and LaTeX have them: all of this is read; whether it *is* one tells the map.
///
/// In the middle of a word only capitals begin one, or nearly every word would be waited for.
pub(super) fn read(text: &[u8], at: usize, before: Before, complete: bool) -> Read {
    let rest = &text[at..];
    let starved = if complete { Read::No } else { Read::Starved };
    let begins_word = begins_word(text, at, before);
    if !begins_word && rest.first().is_some_and(u8::is_ascii_lowercase) {
        return Read::No;
    }
    let is_named = |label: &&&str| {
        let len = label.len().min(rest.len());
        let (label, rest) = (&label.as_bytes()[..len], &rest[..len]);
        label == rest || begins_word && label.eq_ignore_ascii_case(rest)
    };
    let Some(label) = LABELS.iter().find(is_named) else { return Read::No };
    let Some(rest) = rest.get(label.len()..).filter(|rest| !rest.is_empty()) else { return starved };
    let mut is_exact = text[at..].starts_with(label.as_bytes()) && rest[0] == b'_';
    let mut skipped = 0;
    for (most, signs) in [(1, &b" "[..]), (2, b"\\")] {
        skipped += run(&rest[skipped..], most, signs);
    }
    match joint(&rest[skipped..]) {
        Some(len) => skipped += len,
        None => return starved,
    }
    skipped += run(&rest[skipped..], 1, b" ");
    is_exact &= skipped == 1;
    let begin = at + label.len() + skipped;
    let (mut code, mut count) = (0, 0);
    for (passed, byte) in text[begin..].iter().enumerate() {
        let Some(digit) = (*byte as char).to_digit(16) else {
            // One blank between two digits.
            if *byte == b' ' && count > 0 && text[begin + passed - 1] != b' ' {
                is_exact = false;
                continue;
            }
            break;
        };
        is_exact &= !byte.is_ascii_uppercase();
        code = code << 4 | u64::from(digit);
        count += 1;
        if count == DIGITS {
            return Read::Code { end: begin + passed + 1, code, is_exact };
        }
    }
    // Whether it came to the end of the text without an answer.
    let ran_out = text.len() - at < LONGEST
        && text[begin..].iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b' ')
        && !text[begin..].windows(2).any(|two| two == b"  ")
        && (count > 0 || text.len() == begin);
    if ran_out && !complete {
        return Read::Starved;
    }
    if is_exact && count >= LOOKS_LIKE { Read::Mangled } else { Read::No }
}

/// How many of these signs a text begins with.
fn run(text: &[u8], most: usize, signs: &[u8]) -> usize {
    text.iter().take(most).take_while(|byte| signs.contains(byte)).count()
}

/// How long what joins a label and its digits is: `_`, or what a model makes of it, as in a list, in Markdown, in a URL. None
/// where the text ends within it.
fn joint(text: &[u8]) -> Option<usize> {
    match text {
        [b'%', b'5', b'F' | b'f', ..] => Some(3),
        [b'%'] | [b'%', b'5'] => None,
        [b'_', b'_', ..] => Some(2),
        [b'_' | b'-' | b':', ..] => Some(1),
        _ => Some(0),
    }
}

/// Whether the byte at a place is not within a word. What JSON has of a line break, `\n`, is none.
fn begins_word(text: &[u8], at: usize, before: Before) -> bool {
    let back = |by: usize| if at >= by { text[at - by] } else { before[2 - (by - at)] };
    !back(1).is_ascii_alphanumeric() || b"nrtbf".contains(&back(1)) && back(2) == b'\\'
}

/// The two bytes before a place.
pub(super) fn before(text: &[u8], at: usize, before: Before) -> Before {
    match at {
        0 => before,
        1 => [before[1], text[0]],
        _ => [text[at - 2], text[at - 1]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<(usize, bool)> {
        match read(text.as_bytes(), 0, [0; 2], true) {
            Read::Code { end, code, is_exact } => {
                assert_eq!(code, 0x3f9a_01bc_22d4, "{text}");
                Some((end, is_exact))
            }
            _ => None,
        }
    }

    #[test]
    fn what_a_model_may_make_of_one_is_read() {
        for text in [
            "EMAIL_3f9a01bc22d4",
            "Email_3F9A01bc22d4",
            "EMAIL\\_3f9a01bc22d4",
            "EMAIL\\\\_3f9a01bc22d4",
            "EMAIL-3f9a01bc22d4",
            "EMAIL 3f9a01bc22d4",
            "EMAIL _ 3f9a01bc22d4",
            "EMAIL: 3f9a01bc22d4",
            "EMAIL:3f9a01bc22d4",
            "EMAIL__3f9a01bc22d4",
            "email%5f3f9a01bc22d4",
            "EMAIL%5F3f9a01bc22d4",
            "EMAIL3f9a01bc22d4",
            "EMAIL_3f9a 01bc 22d4",
            "e\u{4d}AIL \\\\_ 3 f 9 a 0 1 b c 2 2 d 4",
        ] {
            let (end, is_exact) = code(text).unwrap_or_else(|| panic!("{text}"));
            assert!(
                end == text.len() && end <= LONGEST && is_exact == (text == "EMAIL_3f9a01bc22d4"),
                "{text}"
            );
        }
        for text in [
            "EMAIL_3f9a01bc22d",
            "EMAIL___3f9a01bc22d4",
            "EMAIL%5E3f9a01bc22d4",
            "EMAL_3f9a01bc22d4",
            "EMAIL_3f9a  01bc22d4",
            "EMAIL",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn each_beginning_of_one_is_waited_for_and_nothing_else() {
        let longest = "SECRET \\\\%5F 3 f 9 a 0 1 b c 2 2 d 4";
        assert_eq!(longest.len(), LONGEST);
        for text in
            [longest, "IP_3f9a01bc22d4", "ID: 3f9a01bc22d4", "ID__3f9a01bc22d4", "Email\\_3f9a 01bc22d4"]
        {
            for end in 1..text.len() {
                let beginning = &text.as_bytes()[..end];
                assert_eq!(read(beginning, 0, [0; 2], false), Read::Starved, "{end} of {text}");
                assert_ne!(read(beginning, 0, [0; 2], true), Read::Starved, "{end} of {text}");
            }
        }
        for text in [
            "x",
            "EMU",
            "EMAIL_x",
            "EMAIL   ",
            "EMAIL___",
            "EMAIL_3f9a  ",
            "ID:  ",
            "ID: n",
            "ID%4",
            "EMAIL_3f9a0g",
        ] {
            assert_eq!(read(text.as_bytes(), 0, [0; 2], false), Read::No, "{text}");
        }
        assert_eq!(read(b"EMAIL_3f9a01bcx", 0, [0; 2], false), Read::Mangled);
    }

    #[test]
    fn in_the_middle_of_a_word_only_capitals_begin_one() {
        assert_eq!(read(b"the", 2, [0; 2], false), Read::No);
        assert_eq!(read(b"e", 0, *b"th", false), Read::No);
        assert_eq!(read(b"e", 0, *b"\\n", false), Read::Starved);
        assert_eq!(read(b"ntE", 2, [0; 2], false), Read::Starved);
        assert_eq!(read("是e".as_bytes(), 3, [0; 2], false), Read::Starved);
    }
}
