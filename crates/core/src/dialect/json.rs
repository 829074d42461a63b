use serde_json::value::RawValue;

use super::cursor::Cursor;
use crate::ErrorKind;

/// Whether a value holds anything, as it stands.
pub(crate) fn is_filled(raw: &str) -> bool {
    !matches!(raw, "\"\"" | "null" | "[]" | "{}")
}

/// The word a value holds: a string without its quotes, a number as it stands, nothing for `null`.
pub(crate) fn word(raw: &str) -> &str {
    if raw == "null" { "" } else { raw.trim_matches('"') }
}

/// Whether `text` is JSON at all.
pub(crate) fn is_json(text: &[u8]) -> bool {
    Cursor::read(text, Cursor::skip).is_ok()
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

impl<'a> ErrorBody<'a> {
    pub(crate) fn read(&self) -> UpstreamError {
        let word = |raw: Option<&'a RawValue>| raw.map_or("", |raw| word(raw.get()));
        let inner = self.details.and_then(|raw| serde_json::from_str::<Details<'_>>(raw.get()).ok());
        let code = word(inner.and_then(|details| details.error_code).or(self.code));
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

/// What an `error` member says; `None` where it holds no error (`null`, `false`, empty).
pub(crate) fn error_of(raw: Option<&str>) -> Option<UpstreamError> {
    let raw = raw.filter(|raw| !matches!(*raw, "null" | "false" | "\"\"" | "{}" | "0"))?;
    Some(serde_json::from_str::<ErrorBody<'_>>(raw).unwrap_or_default().read())
}
