use http::{Extensions, HeaderMap, header, request, response};

use crate::Dialect;
use crate::fields::find;

/// What a request asks for, as far as its ending depends on it.
///
/// Taken from the path, or put into the request's extensions by a layer that knows more (one that has read
/// the body knows whether a stream was asked for).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The wire format of the answer; `None` where the request is not a chat call.
    pub dialect: Option<Dialect>,
    /// Whether the body asks for a stream; `None` where nobody has looked.
    pub stream: Option<bool>,
    /// Whether the answer can have a body at all: not for `HEAD`.
    pub body: bool,
}

impl Ask {
    /// What the path tells: the wire format follows it.
    pub fn from_path(path: &str) -> Self {
        Self { dialect: Dialect::from_path(path), stream: None, body: true }
    }

    /// The ask in the extensions of `request`, or else what its head tells.
    pub fn of(parts: &request::Parts) -> Self {
        Self::of_request(&parts.method, &parts.uri, &parts.extensions)
    }

    /// The same from the pieces of a head.
    pub fn of_request(method: &http::Method, uri: &http::Uri, extensions: &Extensions) -> Self {
        if let Some(ask) = extensions.get::<Self>() {
            return *ask;
        }
        let mut ask = Self::from_path(uri.path());
        if *method != http::Method::POST {
            ask.dialect = None;
        }
        ask.body = *method != http::Method::HEAD;
        ask
    }

    /// The same ask for a request whose body was read: `"stream": true` chooses streaming, nothing else. Where
    /// that is known already, the body is not looked at again.
    #[must_use]
    pub fn read(mut self, body: &[u8]) -> Self {
        if self.dialect.is_some() && self.stream.is_none() {
            self.stream =
                find(body, "stream").map(|wanted| wanted.is_some_and(|wanted| wanted.get() == "true"));
        }
        self
    }

    /// Whether the body behind `head` is an event stream of a known format that can be read: one whose
    /// ending may be changed.
    pub fn is_answered_by_stream(&self, head: &response::Parts) -> bool {
        self.dialect.is_some() && self.body && head.status.is_success() && is_event_stream(&head.headers)
    }
}

/// Whether the body behind these headers is compressed, or otherwise encoded: it cannot be read then.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// The media type of a body, without its parameters; empty where there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> &[u8] {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Whether the body behind these headers is an event stream that can be read: one that is not compressed.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    !is_encoded(headers) && media_type(headers).eq_ignore_ascii_case(b"text/event-stream")
}

/// Whether the body behind these headers is JSON that can be read: `application/json`, or a type that ends in `+json`
/// (RFC 6839).
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    let is_it =
        kind.eq_ignore_ascii_case(b"application/json") || kind.to_ascii_lowercase().ends_with(b"+json");
    is_it && !is_encoded(headers)
}
