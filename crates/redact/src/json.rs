//! A finished line of JSON: its strings and numbers, each looked at as what it means.

use std::borrow::Cow;

use crate::Redactor;
use crate::escape::{Escape, escape};

/// Appends the line. Strings are redacted without their escapes and encoded again, numbers that are values become
/// strings, and all that has no value in it stays as it was. What is no JSON is redacted as text.
pub(crate) fn redact(redactor: &Redactor, line: &str, out: &mut String) {
    if !line.trim_start().starts_with(['{', '[', '"', '-']) && !line.trim_start().starts_with(is_digit) {
        return out.push_str(&redactor.redact(line));
    }
    let mut key = String::new();
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at..];
        if first == '"' {
            let Some(len) = string_len(rest) else { return out.push_str(&redactor.redact(rest)) };
            let text = unescape(&rest[1..len - 1]);
            if rest[len..].trim_start().starts_with(':') {
                let had_one = put(redactor, "", &text, &rest[..len], out);
                key = if had_one { String::new() } else { text.into_owned() };
            } else {
                put(redactor, &key, &text, &rest[..len], out);
            }
            at += len;
        } else if first == '-' || is_digit(first) {
            let len = rest.find(|ch| !(is_digit(ch) || "+-.eE".contains(ch))).unwrap_or(rest.len());
            put(redactor, &key, &rest[..len], &rest[..len], out);
            at += len;
        } else {
            if first == '}' {
                key.clear();
            }
            out.push(first);
            at += first.len_utf8();
        }
    }
}

fn is_digit(ch: char) -> bool {
    ch.is_ascii_digit()
}

/// Appends a string or a number: as it stands, or encoded again if it had a value in it (and says so). The key can be
/// what makes it one.
fn put(redactor: &Redactor, key: &str, text: &str, stands: &str, out: &mut String) -> bool {
    let prefix = if key.is_empty() { String::new() } else { format!("{key}=") };
    let whole = format!("{prefix}{text}");
    let redacted = redactor.redact(&whole);
    let value = redacted.strip_prefix(&prefix).unwrap_or(&redacted);
    if value == text {
        out.push_str(stands);
        return false;
    }
    out.push('"');
    escape(value, Escape::Json, out);
    out.push('"');
    true
}

/// The length of the string that begins a text, with its quotes; none if it does not end.
fn string_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What stands between the quotes of a string, without its escapes.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(ch) = chars.next() {
        let ch = match ch {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('u') => {
                    let hex = chars.as_str().get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                    if let Some(unit) = hex {
                        units.push(unit);
                        chars = chars.as_str()[4..].chars();
                        continue;
                    }
                    '\u{fffd}'
                }
                Some(other) => other,
                None => '\\',
            },
            other => other,
        };
        units.extend_from_slice(ch.encode_utf16(&mut [0; 2]));
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(line: &str) -> String {
        let mut out = String::new();
        redact(&Redactor::new(), line, &mut out);
        out
    }

    #[test]
    fn values_are_found_in_keys_strings_and_numbers() {
        for (line, expected) in [
            (r#"{"13812345678":1,"a": 13812345678}"#, r#"{"[PHONE]":1,"a": "[PHONE]"}"#),
            (r#"[13812345678,-1.5e3,"\u0031381234567\u0038"]"#, r#"["[PHONE]",-1.5e3,"[PHONE]"]"#),
            (r#"{"passport":"E12345678","x":["E12345678"]}"#, r#"{"passport":"[ID]","x":["E12345678"]}"#),
            (r#"{"a":"\u00e9\/\ud83d\ude00"}"#, r#"{"a":"\u00e9\/\ud83d\ude00"}"#),
            (r#"{"a":"\"13812345678\"\n"}"#, r#"{"a":"\"[PHONE]\"\n"}"#),
            ("called 138 1234 5678", "called [PHONE]"),
            (r#"{"a":"13812345678"#, r#"{"a":"[PHONE]"#),
        ] {
            assert_eq!(redacted(line), expected);
        }
    }

    proptest! {
        #[test]
        fn what_has_no_value_stays_byte_for_byte_and_all_stays_json(text in any::<String>(), phone in any::<bool>()) {
            let value = serde_json::json!({"a": [text, 5], "b": if phone { "13812345678" } else { "" }});
            let output: serde_json::Value = serde_json::from_str(&redacted(&value.to_string())).unwrap();
            prop_assert_eq!(&output["b"], if phone { "[PHONE]" } else { "" });
            let expected = Redactor::new().redact(&text).into_owned();
            prop_assert_eq!(output["a"][0].as_str(), Some(expected.as_str()));
        }
    }
}
