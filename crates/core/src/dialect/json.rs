use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ErrorKind;

/// The question whether a value holds anything, without unescaping or copying it.
pub(crate) trait RawExt {
    fn is_filled(&self) -> bool;
}

impl RawExt for Option<&RawValue> {
    fn is_filled(&self) -> bool {
        self.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "null" | "[]" | "{}"))
    }
}

/// A sequence whose elements are handed to a closure one by one, so that none is collected.
pub(crate) struct Each<T, F>(pub(crate) F, pub(crate) PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

/// Hands each element of a raw array to `each`; `false` where it is no such array.
pub(crate) fn for_each<'a, T: Deserialize<'a>>(raw: &'a RawValue, each: impl FnMut(T)) -> bool {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    Each(each, PhantomData).deserialize(&mut json).is_ok()
}

/// The word a raw value holds: a string without its quotes, a number as it stands, nothing for `null`.
///
/// The words asked for are plain ASCII, so an escaped one is simply not among them.
pub(crate) fn word(raw: Option<&RawValue>) -> &str {
    raw.map_or("", |raw| if raw.get() == "null" { "" } else { raw.get().trim_matches('"') })
}

/// An error that the chat API reported inside an answer.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamError {
    pub(crate) kind: ErrorKind,
    pub(crate) code: Box<str>,
    pub(crate) message: Box<str>,
}

impl UpstreamError {
    /// What is kept of a message, in bytes: it goes into an event and into logs.
    const MAX_MESSAGE: usize = 512;

    pub(crate) fn named(code: &str) -> Self {
        Self { kind: ErrorKind::Server, code: code.into(), message: "".into() }
    }

    /// An error event whose data is no JSON: the data is the message.
    pub(crate) fn unread(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&data[..data.len().min(Self::MAX_MESSAGE)]);
        Self { message: text.into(), ..Self::named("unknown") }
    }
}

/// The members of an error that tell its kind, in the shapes of all providers.
#[derive(serde::Deserialize, Default)]
pub(crate) struct ErrorBody<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    error_code: Option<&'a RawValue>,
}

impl ErrorBody<'_> {
    pub(crate) fn read(&self) -> UpstreamError {
        let inner = self.details.and_then(|raw| serde_json::from_str::<Details<'_>>(raw.get()).ok());
        let code = inner.and_then(|details| details.error_code).or(self.code);
        let code = word(code);
        let kind = if word(self.status).is_empty() { word(self.kind) } else { word(self.status) };
        let shown = match (code, kind) {
            ("", "") => "unknown",
            ("", kind) => kind,
            (code, _) => code,
        };
        let message = self.message.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let message = message.unwrap_or_default();
        UpstreamError {
            kind: ErrorKind::of(code, kind),
            code: shown[..shown.floor_char_boundary(64)].into(),
            message: message[..message.floor_char_boundary(UpstreamError::MAX_MESSAGE)].into(),
        }
    }
}

/// What a raw `error` member says; `None` where it holds no error (`null`, `false`, empty).
pub(crate) fn error_of(raw: Option<&RawValue>) -> Option<UpstreamError> {
    let raw = raw.filter(|raw| !matches!(raw.get(), "null" | "false" | "\"\"" | "{}" | "0"))?;
    Some(serde_json::from_str::<ErrorBody<'_>>(raw.get()).unwrap_or_default().read())
}
