use std::fmt;

use http::{HeaderMap, HeaderName};

/// The header of draft-ietf-httpapi-idempotency-key-header-07.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header by which a reader says what it has seen (WHATWG HTML 9.2.4).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest key, in bytes: Stripe's limit.
pub const MAX_KEY: usize = 255;

/// Why a header is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is nothing in it.
    Empty,
    /// More than [`MAX_KEY`] bytes.
    TooLong,
    /// More than one field line, or a list: a key is one item.
    Several,
    /// Neither a String of RFC 9651 nor a token.
    Malformed,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the idempotency key is empty",
            Self::TooLong => "the idempotency key is longer than 255 bytes",
            Self::Several => "there is more than one idempotency key",
            Self::Malformed => {
                "the idempotency key is neither a string in double quotes nor a bare token; \
                 write Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\""
            }
        })
    }
}

impl std::error::Error for KeyError {}

/// The key in the header `name`, if there is one.
///
/// A String of RFC 9651 section 3.3.3 in double quotes, its parameters ignored, or a bare token with `:` and
/// `/`, as nearly all clients send it: `"abc"` and `abc` are the same key.
///
/// # Errors
///
/// [`KeyError`] where the header is there and is no key.
pub fn key_of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, KeyError> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(KeyError::Several);
    }
    let value = line.as_bytes().trim_ascii();
    let key = match value {
        [] => return Err(KeyError::Empty),
        [b'"', rest @ ..] => string(rest)?,
        token => {
            if !token.iter().all(|byte| is_token(*byte)) {
                return Err(KeyError::Malformed);
            }
            String::from_utf8_lossy(token).into_owned()
        }
    };
    match key.len() {
        0 => Err(KeyError::Empty),
        1..=MAX_KEY => Ok(Some(key)),
        _ => Err(KeyError::TooLong),
    }
}

/// What stands between the quotes, of which the first has been read, and nothing but parameters behind it.
fn string(rest: &[u8]) -> Result<String, KeyError> {
    let mut key = String::new();
    let mut bytes = rest.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => {
                parameters(&rest[at + 1..])?;
                return Ok(key);
            }
            b'\\' => match bytes.next() {
                Some((_, &escaped @ (b'"' | b'\\'))) => key.push(escaped.into()),
                _ => return Err(KeyError::Malformed),
            },
            b' '..=b'~' => key.push(byte.into()),
            _ => return Err(KeyError::Malformed),
        }
    }
    Err(KeyError::Malformed)
}

/// Parameters of an item (RFC 9651 section 3.1.2), as far as they can be told from a second item.
fn parameters(mut rest: &[u8]) -> Result<(), KeyError> {
    while let [b';', after @ ..] = rest {
        let after = after.trim_ascii_start();
        let name = after.iter().take_while(|byte| is_key(**byte)).count();
        if name == 0 || !matches!(after[0], b'a'..=b'z' | b'*') {
            return Err(KeyError::Malformed);
        }
        rest = &after[name..];
        if let [b'=', value @ ..] = rest {
            rest = match value {
                [b'"', text @ ..] => {
                    let mut escaped = false;
                    let end = text.iter().position(|byte| {
                        let ends = *byte == b'"' && !escaped;
                        escaped = *byte == b'\\' && !escaped;
                        ends
                    });
                    &text[end.ok_or(KeyError::Malformed)? + 1..]
                }
                bare => {
                    let length = bare
                        .iter()
                        .take_while(|byte| is_token(**byte) || matches!(byte, b'?' | b'@' | b'='))
                        .count();
                    if length == 0 {
                        return Err(KeyError::Malformed);
                    }
                    &bare[length..]
                }
            };
        }
    }
    match rest.trim_ascii_start() {
        [] => Ok(()),
        [b',', ..] => Err(KeyError::Several),
        _ => Err(KeyError::Malformed),
    }
}

/// A byte of a parameter's name (RFC 9651 section 3.1.2).
fn is_key(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')
}

/// A byte of a token (RFC 9110 section 5.6.2), `:` or `/`.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

/// The number of the last event that a reader has seen: 0 where it has seen none.
///
/// # Errors
///
/// The header is no number.
pub(crate) fn seen(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let value = value.as_bytes().trim_ascii();
    if value.is_empty() {
        // What readers send that have seen no id.
        return Ok(None);
    }
    if !value.iter().all(u8::is_ascii_digit) || value.len() > 19 {
        return Err(());
    }
    let number = value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    // No store has more, and some count with a sign.
    Ok(Some(number.min(i64::MAX as u64)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(value: &str) -> Result<Option<String>, KeyError> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        key_of(&headers, &IDEMPOTENCY_KEY)
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        for same in ["abc", "\"abc\"", " \"abc\" ", "\"abc\";v=1", "\"abc\"; a; b=\"x;\\\"\"; c=?1"] {
            assert_eq!(key(same), Ok(Some("abc".into())), "{same}");
        }
        assert_eq!(key(r#""a\"b\\c""#), Ok(Some(r#"a"b\c"#.into())));
        assert_eq!(key("a:b/c"), Ok(Some("a:b/c".into())));
        assert_eq!(key("\"a b, c\""), Ok(Some("a b, c".into())));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        for (wrong, error) in [
            ("", KeyError::Empty),
            ("\"\"", KeyError::Empty),
            ("\"abc", KeyError::Malformed),
            ("abc\"", KeyError::Malformed),
            ("\"", KeyError::Malformed),
            ("?1", KeyError::Malformed),
            ("a b", KeyError::Malformed),
            ("a,b", KeyError::Malformed),
            ("\"a\", \"b\"", KeyError::Several),
            ("\"a\" b", KeyError::Malformed),
            ("\"a\";", KeyError::Malformed),
            ("\"a\\x\"", KeyError::Malformed),
            ("\"schlüssel\"", KeyError::Malformed),
            ("schlüssel", KeyError::Malformed),
        ] {
            assert_eq!(key(wrong), Err(error), "{wrong:?}");
        }
        assert_eq!(key(&"a".repeat(255)).map(|key| key.map(|key| key.len())), Ok(Some(255)));
        assert_eq!(key(&"a".repeat(256)), Err(KeyError::TooLong));
        let mut headers = HeaderMap::new();
        assert_eq!(key_of(&headers, &IDEMPOTENCY_KEY), Ok(None));
        headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert_eq!(key_of(&headers, &IDEMPOTENCY_KEY), Err(KeyError::Several));
    }

    #[test]
    fn an_event_id_is_a_number_or_nothing() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_EVENT_ID, HeaderValue::from_static(value));
            seen(&headers)
        };
        assert_eq!((of("17"), of("0"), of("")), (Ok(Some(17)), Ok(Some(0)), Ok(None)));
        for wrong in ["x", "-1", "1.5", "17 ", "99999999999999999999", "0x1"] {
            assert_eq!(of(wrong), if wrong == "17 " { Ok(Some(17)) } else { Err(()) }, "{wrong}");
        }
    }
}
