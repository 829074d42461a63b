//! Whether the value of a name is worth hiding.

use super::names::Named;
use crate::scan::is_chinese;

/// Words that stand where a value would.
const NOTHING: &[&str] = &[
    "null",
    "none",
    "nil",
    "n/a",
    "true",
    "false",
    "undefined",
    "unknown",
    "empty",
    "string",
    "required",
    "optional",
    "redacted",
    "masked",
    "hidden",
];

/// What a test's pass is.
const RESULTS: &[&str] = &["pass", "passed", "fail", "failed", "skip", "skipped", "error", "partial"];

/// Whether this is a secret, and no word of a sentence, no code and no placeholder. What stands in quotes is a value
/// whatever its letters.
pub(super) fn is_secret(named: Named, value: &str, quoted: bool) -> bool {
    if is_placeholder(value, quoted) || !quoted && is_code(value) {
        return false;
    }
    let length = value.chars().count();
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    match (named, quoted) {
        // Words with blanks between them are a sentence.
        (Named::Password, true) => length >= 3 && (digits || !value.contains(char::is_whitespace)),
        // A sentence, unless such a word follows.
        (Named::Password, false) if value.starts_with(is_chinese) => {
            value.split(|ch: char| !ch.is_ascii_graphic()).any(|word| word.len() >= 4 && looks_random(word))
        }
        (Named::Password, false) => length >= 4 && looks_random(value),
        (Named::Pass, true) => {
            length >= 4
                && !RESULTS.iter().any(|word| value.eq_ignore_ascii_case(word))
                && (digits || !value.contains(char::is_whitespace))
        }
        // No time, no number.
        (Named::Pass, false) => {
            length >= 6
                && digits
                && value.bytes().filter(u8::is_ascii_alphabetic).count() >= 2
                && !is_amount(value)
        }
        (Named::Key, _) => {
            value.split_whitespace().any(|word| is_key(word) || word.len() >= 16 && looks_random(word))
        }
    }
}

fn looks_random(value: &str) -> bool {
    let letters = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    let signs = value.chars().any(|ch| !ch.is_alphanumeric());
    let capitals = value.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    digits || letters && (signs || capitals)
}

/// Whether it is one already, without what may come behind it.
pub(super) fn is_strong(value: &str) -> bool {
    value.len() >= 6 && value.is_ascii() && looks_random(value)
}

/// Digits and their unit.
fn is_amount(value: &str) -> bool {
    let unit = value.trim_start_matches(|ch: char| ch.is_ascii_digit() || matches!(ch, '.' | '/' | ':'));
    unit.len() < 5 && unit.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether it is a word with letters and digits as keys have them.
fn is_key(word: &str) -> bool {
    let letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
    word.len() >= 8 && letters && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether it only stands for a value: `${API_KEY}`, `<token>`, `%s`, `****`. What stands without quotes was read to the
/// bracket that closes it.
pub(super) fn is_placeholder(value: &str, quoted: bool) -> bool {
    let Some(first) = value.chars().next() else { return true };
    let rest = &value[first.len_utf8()..];
    let closed = |by: char| !quoted || rest.ends_with(by);
    let is_name = || rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_random = || {
        rest.bytes().any(|byte| byte.is_ascii_digit()) && rest.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let by_sign = match first {
        '<' => closed('>'),
        '[' => closed(']'),
        '(' => closed(')'),
        '{' => closed('}'),
        '$' => rest.starts_with(['{', '(']) || is_name() && !is_random() && !rest.is_empty(),
        '%' => rest.len() <= 2 || rest.starts_with(['{', '(']) || rest.ends_with('%'),
        // A path.
        '/' => !quoted || !rest.split(['/', '.']).any(is_key),
        '*' | '•' | '.' | '…' | '-' | '_' | '?' | '#' | 'x' | 'X' => rest.chars().all(|ch| ch == first),
        _ => false,
    };
    let ignored = |word: &str| value.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    by_sign
        || NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
        || (ignored("your-") || ignored("your_")) && !value.bytes().any(|byte| byte.is_ascii_digit())
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

/// Whether it is no name, as may stand on the line behind one whose value is left out, or elsewhere around it.
pub(crate) fn stands_alone(value: &str) -> bool {
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    let letters = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    digits && letters && value.chars().count() >= 6 && !value.contains([':', '='])
}
