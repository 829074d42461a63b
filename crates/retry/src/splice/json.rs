//! Reading and changing JSON without unfolding it: a member that is not changed stays as it was written,
//! number for number and escape for escape, unknown ones included.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct EachMember<F>(F);

impl<'a, F: FnMut(Cow<'a, str>, &'a RawValue)> Visitor<'a> for EachMember<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Key(key), value)) = map.next_entry()? {
            (self.0)(key, value);
        }
        Ok(())
    }
}

impl<'a, F: FnMut(Cow<'a, str>, &'a RawValue)> DeserializeSeed<'a> for EachMember<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

struct EachElement<F>(F);

impl<'a, F: FnMut(&'a RawValue)> Visitor<'a> for EachElement<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

/// Hands the members of the object in `json` to `each`, in their order; `None` where it is no object.
pub(super) fn for_each_member<'a>(
    json: &'a [u8],
    each: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> Option<()> {
    let mut json = serde_json::Deserializer::from_slice(json);
    EachMember(each).deserialize(&mut json).and_then(|()| json.end()).ok()
}

/// Hands the elements of an array to `each`; `None` where it is no array.
pub(super) fn for_each_element<'a>(raw: &'a str, each: impl FnMut(&'a RawValue)) -> Option<()> {
    de::Deserializer::deserialize_seq(&mut serde_json::Deserializer::from_str(raw), EachElement(each)).ok()
}

/// Whether a value holds anything.
pub(super) fn is_filled(raw: &str) -> bool {
    !matches!(raw, "\"\"" | "null" | "[]" | "{}")
}

/// The string that a literal stands for, borrowed where nothing in it is escaped. `None` for anything else,
/// and for half of a surrogate pair: such a piece cannot be compared with text.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// The word that a value is: a string without its quotes, anything else as it stands, nothing for `null`.
pub(super) fn word(raw: &str) -> &str {
    if raw == "null" { "" } else { raw.trim_matches('"') }
}

/// A whole number, where it is one.
pub(super) fn number(raw: &str) -> Option<u64> {
    raw.parse().ok()
}

/// The literal of a string.
pub(super) fn quoted(text: &str) -> String {
    // Writing a string into memory cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// What becomes of a member.
#[derive(Debug)]
pub(super) enum Edit {
    Keep,
    Remove,
    Set(String),
}

/// The members of an object in their order, each value as it was written.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Members<'a> {
    pub(super) fn read(json: &'a [u8]) -> Option<Self> {
        let mut members = Vec::new();
        for_each_member(json, |key, value| members.push((key, Cow::Borrowed(value.get()))))?;
        Some(Self(members))
    }

    /// The value of a member. Of several with one name the last counts, as it does for most readers.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// The same where it is more than `null` or empty.
    pub(super) fn filled(&self, key: &str) -> Option<&str> {
        self.value(key).filter(|value| is_filled(value))
    }

    /// The member as an object.
    pub(super) fn object(&self, key: &str) -> Option<Members<'_>> {
        Members::read(self.value(key)?.as_bytes())
    }

    /// Gives a member a value, where it stood or else at the end. Whether that changed anything.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Cow<'a, str>>) -> bool {
        let value = value.into();
        match self.0.iter().rposition(|(name, _)| name == key) {
            Some(at) if self.0[at].1 == value => false,
            Some(at) => {
                self.0[at].1 = value;
                true
            }
            None => {
                self.0.push((Cow::Borrowed(key), value));
                true
            }
        }
    }

    /// Takes a member away. Whether there was one.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(name, _)| name != key);
        self.0.len() < before
    }

    /// Has each member kept, taken away or given another value. Whether that changed anything.
    pub(super) fn edit<E>(&mut self, mut each: impl FnMut(&str, &str) -> Result<Edit, E>) -> Result<bool, E> {
        let mut changed = false;
        let mut at = 0;
        while let Some((key, value)) = self.0.get_mut(at) {
            match each(key, value)? {
                Edit::Keep => at += 1,
                Edit::Remove => {
                    self.0.remove(at);
                    changed = true;
                }
                Edit::Set(new) => {
                    *value = Cow::Owned(new);
                    changed = true;
                    at += 1;
                }
            }
        }
        Ok(changed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The object, on one line: line ends between tokens, which a reader joined from several data lines,
    /// become spaces. Inside strings there are none.
    pub(super) fn write(&self) -> String {
        let room = self.0.iter().map(|(key, value)| key.len() + value.len() + 4).sum::<usize>() + 2;
        let mut json = String::with_capacity(room);
        json.push('{');
        for (at, (key, value)) in self.0.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            match key {
                // It was written without escapes.
                Cow::Borrowed(key) => json.extend(["\"", key, "\""]),
                Cow::Owned(key) => json.push_str(&quoted(key)),
            }
            json.push(':');
            if value.contains(['\n', '\r']) {
                json.push_str(&value.replace(['\n', '\r'], " "));
            } else {
                json.push_str(value);
            }
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_stays_as_it_was_written() {
        let json = r#"{"z":1.50e1,"a":{"b" : [1, 2]},"\u0061b":123456789012345678901234567890,"c":"\u00e9"}"#;
        let mut members = Members::read(json.as_bytes()).unwrap();
        let written = members.write();
        assert_eq!(written, json.replace("\\u0061b", "ab"));
        assert!(!members.set("c", "\"\\u00e9\""));
        assert!(members.set("z", "2") && members.set("new", "null") && members.remove("a"));
        assert_eq!(members.write(), r#"{"z":2,"ab":123456789012345678901234567890,"c":"\u00e9","new":null}"#);
    }

    #[test]
    fn an_object_over_several_lines_is_written_on_one() {
        let members = Members::read(b"{\n\"a\": {\r\n\"b\": \"\\n\"}\n}").unwrap();
        assert_eq!(members.write(), "{\"a\":{  \"b\": \"\\n\"}}");
    }

    #[test]
    fn text_is_what_a_string_stands_for_and_nothing_else_is_text() {
        assert_eq!(text("\"哈\""), Some("哈".into()));
        assert_eq!(text(r#""\ud83d\ude42\n""#), Some("🙂\n".into()));
        for other in [r#""\ud83d""#, "null", "7", "[\"a\"]", "\""] {
            assert_eq!(text(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_object_is_not_read() {
        for other in ["[]", "{} {}", "{", "\"a\"", ""] {
            assert!(Members::read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
