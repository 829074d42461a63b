use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value of which only some kinds matter. What is of another is the API's to refuse.
pub(super) enum Simple<'a> {
    Number(u64),
    Text(Cow<'a, str>),
    Other,
}

impl Simple<'_> {
    /// A whole number, rounded up, also where it is written as a text: many an API takes it.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse::<f64>().ok().and_then(whole),
            Self::Other => None,
        }
    }
}

fn whole(number: f64) -> Option<u64> {
    // A cast of what is too large gives the largest.
    (number >= 0.0).then(|| number.ceil() as u64)
}

impl<'de> Deserialize<'de> for Simple<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Simple<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Simple<'de>, E> {
                Ok(Simple::Number(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Simple<'de>, E> {
                Ok(Simple::Other)
            }

            fn visit_f64<E>(self, number: f64) -> Result<Simple<'de>, E> {
                Ok(whole(number).map_or(Simple::Other, Simple::Number))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Simple<'de>, E> {
                Ok(Simple::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Simple<'de>, E> {
                Ok(Simple::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Simple<'de>, E> {
                Ok(Simple::Other)
            }

            fn visit_unit<E>(self) -> Result<Simple<'de>, E> {
                Ok(Simple::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Simple<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Simple::Other)
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Simple<'de>, M::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Simple::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
