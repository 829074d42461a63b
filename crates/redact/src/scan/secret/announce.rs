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
    /// By nothing but a blank.
    Beside,
    /// It stands on the next line.
    Wrapped,
}

/// What stands at the end of this text, if it joins a value to a name.
pub(super) fn joined(before: &[u8]) -> Option<Joined> {
    let (mut rest, mut quote) = (before, None);
    if let Some((&last @ (b'"' | b'\'' | b'`'), bare)) = rest.split_last() {
        rest = trim(bare, b"\\");
        quote = Some((char::from(last), rest.len() < bare.len()));
        rest = unwrapped(rest, last);
        if let Some(name) = rest.strip_suffix(b"(").filter(|name| name.last().is_some_and(is_of_name)) {
            return Some(Joined { name: name.len(), quote, how: How::Loosely });
        }
    }
    let behind = rest;
    rest = blanks(rest);
    let is_typed = rest.strip_suffix(b"!!str");
    rest = is_typed.map_or(rest, blanks);
    let mut how = if is_typed.is_some() { How::Loosely } else { How::Tightly };
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
        if **joint == *b">"
            && let Some(name) = tag_name(rest)
        {
            return Some(Joined { name, quote, how });
        }
        rest = without_type(trim(rest, JOINTS));
        // `key="password" value="…"`
        if quote.is_some() && ends_with(rest, b" value") {
            rest = trim(&rest[..rest.len() - 6], JOINTS);
        }
        for word in IS.iter().chain(&LOOSE) {
            if ends_with(rest, word.as_bytes()) {
                rest = trim(&rest[..rest.len() - word.len()], JOINTS);
            }
        }
        return Some(Joined { name: rest.len(), quote, how });
    }
    for word in &IS {
        if let Some(bare) = rest.strip_suffix(word.as_bytes()) {
            return Some(Joined { name: trim(bare, JOINTS).len(), quote, how });
        }
    }
    if how == How::Wrapped || behind.len() == rest.len() {
        return None;
    }
    if let Some(word) = LOOSE.iter().find(|word| ends_with(rest, word.as_bytes())) {
        let name = trim(&rest[..rest.len() - word.len()], JOINTS).len();
        return Some(Joined { name, quote, how: How::Loosely });
    }
    let name = rest.len();
    if is_option(rest) || quote.is_none() && is_command(rest) {
        return Some(Joined { name, quote, how: How::Loosely });
    }
    // `WITH PASSWORD '…'`
    (quote.is_some() && rest.last().is_some_and(u8::is_ascii_alphabetic)).then_some(Joined {
        name,
        quote,
        how: How::Beside,
    })
}

/// What may stand between a name and what joins a value to it.
pub(super) const JOINTS: &[u8] = b" \t\"'`\\*]";

/// Words of a sentence between a name and its value.
const IS: [&str; 2] = ["是", "为"];

/// The same where other words of the sentence may follow: in English, German, French and Spanish.
pub(super) const LOOSE: [&str; 6] = [" is", " was", " ist", " lautet", " est", " es"];

/// What may stand between a joint and a quote: an optional value, and types for secrets.
pub(super) const WRAPS: [&str; 13] = [
    "Some(",
    "Ok(",
    "Just(",
    "Optional(",
    "Optional.of(",
    "Secret(",
    "Secret::new(",
    "SecretStr(",
    "SecretString(",
    "SecretString::new(",
    "SecretString::from(",
    "SecretBox(",
    "String::from(",
];

/// Without what stands before a quote and belongs to its value: `Some(`, `Some(SecretString(`, `string(9) ` of PHP, `b` of
/// bytes, and more of the same quote.
fn unwrapped(bytes: &[u8], quote: u8) -> &[u8] {
    if let Some(rest) = bytes.strip_suffix(&[quote, quote]) {
        return rest;
    }
    if let Some(rest) = bytes.strip_suffix(b") ") {
        let rest = &rest[..rest.len() - rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()];
        return rest.strip_suffix(b"string(").unwrap_or(bytes);
    }
    if let [rest @ .., sign, letter] = bytes
        && PREFIXES.contains(letter)
        && !is_of_name(sign)
    {
        return &bytes[..=rest.len()];
    }
    let without = |bytes| WRAPS.iter().find_map(|wrap| <[u8]>::strip_suffix(bytes, wrap.as_bytes()));
    without(bytes).map_or(bytes, |rest| without(rest).unwrap_or(rest))
}

/// What may stand right before a quote in Python and in Rust.
pub(super) const PREFIXES: &[u8] = b"bBrRuUfF";

fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Where the name of a tag ends that has attributes, if it is the name of a secret.
pub(super) fn tag_name(bytes: &[u8]) -> Option<usize> {
    let from = bytes.iter().rposition(|byte| *byte == b'<')?;
    let len = bytes[from..].iter().position(|byte| *byte == b' ')?;
    let name = std::str::from_utf8(&bytes[from..from + len]).ok()?;
    super::names::named(name).map(|_| from + len)
}

/// `ENV DB_PASSWORD …` of a Dockerfile, `login … password …` of a netrc.
fn is_command(bytes: &[u8]) -> bool {
    let mut words = bytes.rsplit(|byte| byte.is_ascii_whitespace()).skip(1);
    match (words.next(), words.next()) {
        (Some(b"ENV"), _) => true,
        (Some(user), Some(b"login")) => !user.is_empty() && bytes.ends_with(b" password"),
        _ => false,
    }
}

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

/// Whether it ends in an option of a command: `--password`, `-Password`.
fn is_option(bytes: &[u8]) -> bool {
    let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = bytes.iter().rev().take(LONGEST).take_while(is_in).count();
    let (before, option) = bytes.split_at(bytes.len() - len);
    let is_long = option.starts_with(b"-") && len > 4 && before.last().is_none_or(u8::is_ascii_whitespace);
    (option.starts_with(b"--") || is_long) && bytes.last().is_some_and(u8::is_ascii_alphabetic)
}

/// Whether it ends in this word, in any letter case.
pub(in crate::scan) fn ends_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.len().checked_sub(word.len()).is_some_and(|at| bytes[at..].eq_ignore_ascii_case(word))
}
