//! Whether the value of a name is worth hiding.

use super::announce::PREFIXES;
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

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// What a test's pass is.
const RESULTS: &[&str] = &["pass", "passed", "fail", "failed", "skip", "skipped", "error", "partial"];

/// Whether this is a secret, and no word of a sentence, no code and no placeholder. What stands in quotes is a value
/// whatever its letters.
pub(super) fn is_secret(named: Named, value: &str, quoted: bool) -> bool {
    if is_placeholder(value, quoted) || !quoted && (is_code(value) || is_call(value)) {
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
        // Nothing, or a reference to something.
        (Named::Password, false) if value.starts_with([',', ';', '&', ')', ']', '}', '>']) => {
            is_tangled(value)
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
        (Named::Cookie, _) => is_cookie(value),
        (Named::Key, _) => {
            value.split_whitespace().any(|word| is_key(word) || word.len() >= 16 && looks_random(word))
        }
    }
}

/// `theme=dark; sid=…`
fn is_cookie(value: &str) -> bool {
    let mut parts = value.split([';', ' ', '=']);
    value.split([';', ' ']).next().is_some_and(|first| first.contains('=')) && parts.any(is_key)
}

fn looks_random(value: &str) -> bool {
    let letters = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    // A list of words has commas.
    let signs = value.chars().any(|ch| !ch.is_alphanumeric() && !matches!(ch, ',' | ';'));
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
pub(super) fn is_key(word: &str) -> bool {
    let letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
    word.len() >= 8 && letters && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether it only stands for a value: `${API_KEY}`, `<token>`, `%s`, `****`. What stands without quotes may have been
/// read to a blank only.
pub(super) fn is_placeholder(value: &str, quoted: bool) -> bool {
    let Some(first) = value.chars().next() else { return true };
    let rest = &value[first.len_utf8()..];
    let closed = |by: char| match quoted {
        true => rest.ends_with(by),
        false => rest.contains(by) || rest.starts_with(QUOTES) || !is_tangled(rest),
    };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_name = || rest.bytes().all(is_of_name);
    let is_random = || {
        rest.bytes().any(|byte| byte.is_ascii_digit()) && rest.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let by_sign = match first {
        '<' => closed('>'),
        '[' => closed(']'),
        '(' => closed(')'),
        '{' => closed('}'),
        '$' => rest.starts_with(['{', '(']) || is_name() && !is_random() && !rest.is_empty(),
        '%' => {
            rest.len() <= 2
                || rest.starts_with(['{', '('])
                || rest.strip_suffix('%').is_some_and(|name| name.bytes().all(is_of_name) && !is_random())
        }
        // A path.
        '/' if quoted || !rest.contains('/') => !rest.split(['/', '.']).any(is_key),
        '/' => !rest.split(['/', '.']).any(|part| is_key(part) && is_tangled(part)),
        '*' | '•' | '.' | '…' | '-' | '_' | '?' | '#' | 'x' | 'X' => rest.chars().all(|ch| ch == first),
        _ => false,
    };
    let ignored = |word: &str| value.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    by_sign
        || NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
        || (ignored("your-") || ignored("your_")) && {
            let value = value.to_ascii_lowercase();
            ["pass", "pwd", "key", "token", "secret", "cred", "api", "value", "here"]
                .iter()
                .any(|word| value.contains(word))
                && !value.bytes().any(|byte| byte.is_ascii_digit())
        }
}

/// Whether it has so many kinds of characters in it that it is no word: small letters, capitals behind its beginning,
/// digits and signs.
pub(super) fn is_tangled(value: &str) -> bool {
    const SIGNS: &[u8] = b"!@#$%^&*+=~?|";
    let has = |is_in: fn(&u8) -> bool| usize::from(value.bytes().skip(1).any(|byte| is_in(&byte)));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| SIGNS.contains(byte));
    value.len() >= 8 && (kinds >= 3 || !is_like_a_name(value) && kinds >= 2)
}

/// Whether it is written as names are: no digits but at its end, and no capital, small letter and capital in a row.
pub(super) fn is_like_a_name(name: &str) -> bool {
    let bare = name.trim_end_matches(|ch: char| ch.is_ascii_digit());
    let is_bumpy = |three: &[u8]| {
        matches!(three, [first, second, third] if first.is_ascii_uppercase()
            && second.is_ascii_lowercase() && third.is_ascii_uppercase())
    };
    !bare.bytes().any(|byte| byte.is_ascii_digit()) && !bare.as_bytes().windows(3).any(is_bumpy)
}

/// Whether it is a call, an element or a type: `get("name")`, `args['x']`, `String::new()`, `Option<Token>`, `b"…`,
/// `!!str`.
fn is_call(value: &str) -> bool {
    if let Some(tag) = value.strip_prefix("!!") {
        return tag.bytes().all(|byte| byte.is_ascii_lowercase());
    }
    if matches!(value.as_bytes(), [prefix, b'"' | b'\'', ..] if PREFIXES.contains(prefix)) {
        return true;
    }
    let Some(at) = value.find(['(', '[', '<', '{']) else { return false };
    let (path, inner) = (value[..at].trim_start_matches(['$', '&', '*']), &value[at + 1..]);
    let are_names = |text: &str| text.split(|ch: char| !ch.is_ascii_alphanumeric()).all(is_like_a_name);
    let is_variable = value.starts_with('$') || path.contains(['.', ':', '_']);
    let is_path = path.len() >= 2
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:->!".contains(&byte))
        && (is_variable || path.bytes().any(|byte| byte.is_ascii_lowercase()))
        && are_names(path);
    // `Some(hunter2)`
    let holds = ["Some", "Ok", "Just", "Optional", "Secret", "SecretStr", "SecretString"].contains(&path);
    let one = inner.trim_end_matches([')', ']']);
    let is_one = one.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_plain = are_names(inner) && !(holds && is_one && one.bytes().any(|byte| byte.is_ascii_digit()));
    let is_over = value.as_bytes()[at] == b'<' || is_variable || inner.contains([')', ']', '}']);
    let is_text = inner
        .split_once(QUOTES)
        .is_some_and(|(call, _)| call.is_empty() || call.ends_with(['(', '[']) && are_names(call));
    is_path && (inner.is_empty() || is_text || is_over && is_plain)
}

/// Whether it is the name of a variable, of its field or of a type: `config.password`, `Option<String>`.
fn is_code(value: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    // `&SECRET`, `$this->secret`
    let bare = value.trim_start_matches(['&', '$']);
    let is_path = (value.contains(['.', ':', '&']) || value.contains("->"))
        && bare
            .split(['.', ':'])
            .flat_map(|names| names.split("->"))
            .all(|name| name.is_empty() || part(name));
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
