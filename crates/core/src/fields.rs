use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One field of the JSON object that a request's body is: the last of that name, as most APIs read it where there
/// are several. `None` where there is none, it is of another kind, or the body is no object.
pub fn last_field<'a, T: Deserialize<'a>>(body: &'a [u8], name: &str) -> Option<T> {
    serde_json::from_str(find(body, name)??.get()).ok()
}

/// The text of that field. `None`: it is no object; `Some(None)`: it has no such field.
pub(crate) fn find<'a>(body: &'a [u8], name: &str) -> Option<Option<&'a RawValue>> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = json.deserialize_map(Field(name)).ok()?;
    json.end().ok()?;
    Some(found)
}

struct Field<'n>(&'n str);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts() {
        let twice = br#"{"model": "a", "other": [1, {"model": "c"}], "mod\u0065l": "b"}"#;
        assert_eq!(last_field::<String>(twice, "model").as_deref(), Some("b"));
        assert_eq!(last_field::<bool>(twice, "model"), None, "of another kind");
        assert_eq!(last_field::<String>(twice, "none"), None);
        for body in ["", "[]", "{", "{} {}", "{\"model\":}"] {
            assert!(find(body.as_bytes(), "model").is_none(), "{body}");
        }
        assert!(find(b"{}", "model").is_some());
    }
}
