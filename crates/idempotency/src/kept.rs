//! What is written down beside the events, in a form that the next version can still read: JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header, request};
use lastbyte_core::{Cause, Dialect, Ending, ErrorKind, FailureKind, Finish, Usage};
use lastbyte_store::State;
use serde::{Deserialize, Serialize};

use crate::IDEMPOTENCY_KEY;

/// A request as it is kept to be sent again by somebody else: its head, a line feed, its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    /// Whether it had a credential, which is not kept.
    credential: bool,
}

/// A request that was kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// It cannot be sent again without the credential of who asks for its answer.
    pub(crate) credential: bool,
}

/// The headers of a request that are written down, but for those marked as sensitive: what says what is asked
/// for, and nothing that may say by whom.
const WRITTEN: [&str; 13] = [
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-encoding",
    "content-type",
    "http-referer",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-lastbyte-accept",
    "x-title",
];

/// Words in the names of headers and of parameters of a query that hold secrets.
const SECRET: [&str; 8] = ["auth", "key", "token", "secret", "cookie", "credential", "password", "session"];

/// Whether a header holds a secret: marked as sensitive, or named like one.
pub(crate) fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || SECRET.iter().any(|word| name.as_str().contains(word))
}

/// Whether a header belongs to the one connection it came by (RFC 9110 section 7.6.1), or to the key.
fn is_left(name: &HeaderName) -> bool {
    const LEFT: [&str; 12] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "last-event-id",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    LEFT.contains(&name.as_str())
}

/// The URI without what is named like a secret in its query, and whether there was any.
fn without_secrets(uri: &Uri) -> (Uri, bool) {
    let is_secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        SECRET.iter().any(|word| name.contains(word)) || ["sig", "code"].contains(&name.as_str())
    };
    let Some(query) = uri.query().filter(|query| query.split('&').any(|pair| is_secret(&pair))) else {
        return (uri.clone(), false);
    };
    let rest: Vec<_> = query.split('&').filter(|pair| !is_secret(pair)).collect();
    let target = format!("{}?{}", uri.path(), rest.join("&"));
    (target.trim_end_matches('?').parse().unwrap_or_else(|_| Uri::from_static("/")), true)
}

impl Kept {
    /// The form in which a request is written down.
    pub(crate) fn write(parts: &request::Parts, body: &Bytes) -> Bytes {
        let kept = parts.headers.iter().filter(|(name, value)| {
            !value.is_sensitive()
                && (WRITTEN.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-"))
        });
        let headers = kept.map(|(name, value)| (name.as_str().to_owned(), STANDARD.encode(value.as_bytes())));
        let secret = parts.headers.iter().any(|(name, value)| {
            // A cookie is about the reader, and not what an answer is paid with.
            is_secret(name, value) && !is_left(name) && !name.as_str().contains("cookie")
        });
        let (uri, with_secret) = without_secrets(&parts.uri);
        let head = Head {
            method: parts.method.to_string(),
            uri: uri.to_string(),
            headers: headers.collect(),
            credential: with_secret || secret,
        };
        // No value in it can fail to be written.
        let mut written = BytesMut::from(serde_json::to_vec(&head).unwrap_or_default().as_slice());
        written.put_u8(b'\n');
        written.extend_from_slice(body);
        written.freeze()
    }

    /// The request that was written down so; `None` where it was not.
    pub(crate) fn read(written: &Bytes) -> Option<Self> {
        let end = written.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&written[..end]).ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &head.headers {
            let value = STANDARD.decode(value).ok()?;
            headers
                .append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&value).ok()?);
        }
        Some(Self {
            method: head.method.parse().ok()?,
            uri: head.uri.parse().ok()?,
            headers,
            body: written.slice(end + 1..),
            credential: head.credential,
        })
    }

    /// The request, with the secrets of who asks for its answer now.
    pub(crate) fn request<B: From<Bytes>>(&self, asks: Option<&HeaderMap>) -> Request<B> {
        let mut request = Request::new(B::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        for (name, value) in
            asks.into_iter().flatten().filter(|(name, _)| !is_left(name) && !self.headers.contains_key(*name))
        {
            request.headers_mut().append(name, value.clone());
        }
        // Layers further in that would ask twice at once see that this one is paid for once.
        request.headers_mut().insert(IDEMPOTENCY_KEY, HeaderValue::from_static("taken-over"));
        request
    }
}

/// The head of an answer as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AnswerHead {
    status: u16,
    headers: Vec<(String, String)>,
    /// Whether its events are those of a stream, or one that is the whole body.
    pub(crate) stream: bool,
    /// The path that stands for its wire format.
    #[serde(default)]
    path: String,
    /// How many attempts were begun when it came: for who has asked for it.
    #[serde(skip)]
    pub(crate) attempts: u32,
}

/// What is kept of an answer's head: what says what the body is and where it came from, and nothing that
/// belongs to the one connection or the one reader.
fn is_kept(name: &str) -> bool {
    matches!(
        name,
        "content-type"
            | "content-encoding"
            | "content-language"
            | "content-disposition"
            | "x-request-id"
            | "request-id"
            | "x-upstream-request-id"
    ) || name.starts_with("openai-")
        || name.starts_with("anthropic-organization")
}

impl AnswerHead {
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, stream: bool) -> Self {
        let kept = headers.iter().filter(|(name, value)| is_kept(name.as_str()) && !value.is_sensitive());
        let headers = kept.map(|(name, value)| (name.as_str().to_owned(), STANDARD.encode(value.as_bytes())));
        Self { status: status.as_u16(), headers: headers.collect(), stream, path: String::new(), attempts: 0 }
    }

    /// The same, of an answer in this wire format.
    pub(crate) fn in_dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.path = match dialect {
            Some(Dialect::OpenAiChat) => "/chat/completions",
            Some(Dialect::OpenAiResponses) => "/responses",
            Some(Dialect::Anthropic) => "/messages",
            None => "",
        }
        .to_owned();
        self
    }

    /// The same, which came in the last of so many attempts.
    pub(crate) fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The wire format in which its reader is told of errors.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect::from_path(&self.path).unwrap_or(Dialect::OpenAiChat)
    }

    pub(crate) fn write(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn read(written: &[u8]) -> Option<Self> {
        serde_json::from_slice(written).ok()
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let pairs = self.headers.iter().filter_map(|(name, value)| {
            let value = STANDARD.decode(value).ok()?;
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&value).ok()?))
        });
        let mut headers: HeaderMap = pairs.collect();
        if self.stream {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/event-stream"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        headers
    }
}

/// The end of an answer as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The finish reason of a complete one; else the code of its error event.
    pub(crate) code: String,
    /// A sentence for a person.
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<(u64, u64)>,
    /// Nobody knows whether there was an answer: whoever asks again is told so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unknown: bool,
    /// Not a chat answer, but one that ended as it was framed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) opaque: bool,
}

impl Ended {
    pub(crate) fn of(ending: &Ending) -> Self {
        let (code, usage) = match ending {
            Ending::Complete { finish, usage } => (finish.as_str(), *usage),
            _ => (ending.code(), None),
        };
        Self {
            code: code.to_owned(),
            message: ending.to_string(),
            usage: usage.map(|usage| (usage.input, usage.output)),
            unknown: false,
            opaque: matches!(ending, Ending::Opaque { ok: true }),
        }
    }

    /// An answer of which nobody knows whether there was one.
    pub(crate) fn unknown() -> Self {
        Self {
            code: "outcome_unknown".to_owned(),
            message: "nobody knows whether the request was answered and billed".to_owned(),
            usage: None,
            unknown: true,
            opaque: false,
        }
    }

    pub(crate) fn write(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn read(written: Option<&Bytes>) -> Option<Self> {
        serde_json::from_slice(written?).ok()
    }

    /// The ending that a reader of the record is told.
    pub(crate) fn ending(&self, state: State) -> Ending {
        match state {
            State::Complete if self.opaque => Ending::Opaque { ok: true },
            State::Complete => Ending::Complete {
                finish: Finish::new(&self.code),
                usage: self.usage.map(|(input, output)| Usage { input, output }),
            },
            State::Cancelled => Ending::Cancelled,
            State::Truncated => {
                let cause = match self.code.as_str() {
                    "first_event_timeout" => Cause::FirstEvent,
                    "idle_timeout" => Cause::Idle,
                    "total_timeout" => Cause::Total,
                    "answer_too_large" => Cause::TooLarge,
                    "interrupted" => return Ending::Interrupted,
                    _ => Cause::Eof,
                };
                Ending::Truncated { cause, by_caller: false }
            }
            _ if self.code == "interrupted" => Ending::Interrupted,
            _ => Ending::Failed {
                kind: FailureKind::Event {
                    kind: ErrorKind::Server,
                    code: self.code.as_str().into(),
                    message: Box::default(),
                },
            },
        }
    }
}

/// The state in which an answer with this ending is kept.
pub(crate) fn state_of(ending: &Ending) -> State {
    match ending {
        Ending::Complete { .. } | Ending::Opaque { ok: true } => State::Complete,
        Ending::Truncated { .. } | Ending::Opaque { ok: false } | Ending::Interrupted => State::Truncated,
        Ending::Cancelled | Ending::Abandoned | Ending::Stalled => State::Cancelled,
        Ending::Failed { .. } | Ending::Refused { .. } | _ => State::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_kept_without_its_secrets_and_takes_those_of_who_asks() {
        let request = Request::post("/v1/chat/completions?a=1")
            .header("authorization", "Bearer sk-1")
            .header("x-goog-api-key", "g")
            .header("cookie", "s=1")
            .header("idempotency-key", "k")
            .header("content-length", "2")
            .header("openai-project", "p")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let written = Kept::write(&parts, &Bytes::from_static(b"a\nb"));
        let text = String::from_utf8_lossy(&written);
        let secrets = [STANDARD.encode("Bearer sk-1"), STANDARD.encode("g"), "cookie".into()];
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
        let kept = Kept::read(&written).unwrap();
        assert!(kept.credential);
        let again: Request<Bytes> = kept.request(Some(&parts.headers));
        assert_eq!(again.body(), "a\nb");
        assert_eq!(
            (again.method(), again.uri().to_string()),
            (&Method::POST, "/v1/chat/completions?a=1".into())
        );
        assert_eq!(again.headers().len(), 5, "{:?}", again.headers());
        assert_eq!(again.headers()["authorization"], "Bearer sk-1");
    }

    #[test]
    fn what_was_not_written_by_this_is_not_read() {
        for wrong in [
            "",
            "{}",
            "{}\n",
            "x\ny",
            "{\"method\":\"a b\",\"uri\":\"/\",\"headers\":[],\"credential\":false}\n",
        ] {
            assert!(Kept::read(&Bytes::from(wrong)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_ending_is_told_as_it_was() {
        let usage = Some(Usage { input: 1, output: 2 });
        for ending in [
            Ending::Complete { finish: Finish::new("stop"), usage },
            Ending::Truncated { cause: Cause::Idle, by_caller: false },
            Ending::Cancelled,
            Ending::Interrupted,
            Ending::Opaque { ok: true },
        ] {
            let ended = Ended::read(Some(&Ended::of(&ending).write())).unwrap();
            assert_eq!(ended.ending(state_of(&ending)), ending);
        }
    }
}
