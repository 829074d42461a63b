use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{ATTEMPTS, Cause, Dialect, Ending, EndingHandle, REFUSED_BY, RefusedBy, Scope};

/// The answer of a layer that says no, or of one that has nothing else to give: an error in the chat API's
/// own shape, so that its SDKs read it.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    by: Option<RefusedBy>,
    ending: Ending,
    retry_after: Option<Duration>,
    should_retry: Option<bool>,
    dialect: Option<Dialect>,
    attempts: u32,
}

impl Refusal {
    /// A refusal by one of our layers. `code` is a short constant, `message` a sentence for a person.
    pub fn new(status: StatusCode, by: RefusedBy, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            by: Some(by),
            ending: Ending::Refused { by },
            retry_after: None,
            should_retry: None,
            dialect: None,
            attempts: 0,
        }
    }

    /// The answer where the upstream gave none: 504 for a timeout, 413 for an event that is too large, 502
    /// for everything else.
    pub fn failed(ending: Ending) -> Self {
        let code = ending.code();
        let status = match code {
            "answer_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            code if code.ends_with("timeout") => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self {
            status,
            code,
            message: ending.to_string(),
            by: None,
            ending,
            retry_after: None,
            should_retry: None,
            dialect: None,
            attempts: 0,
        }
    }

    /// The limit that ended it before a head, which its code names.
    #[must_use]
    pub fn cause(mut self, cause: Cause) -> Self {
        let ending = Ending::Truncated { cause, by_caller: false };
        (self.code, self.message) = (ending.code(), ending.to_string());
        self
    }

    /// When it is worth coming back.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Tells SDKs whether to try again themselves (`x-should-retry`).
    #[must_use]
    pub fn should_retry(mut self, should: bool) -> Self {
        self.should_retry = Some(should);
        self
    }

    /// The wire format of the caller.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// How many attempts were begun.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The response: `application/json`, with its ending in the extensions.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let kind = if self.by.is_some()
            && self.status.is_client_error()
            && self.status != StatusCode::TOO_MANY_REQUESTS
        {
            "invalid_request_error"
        } else {
            "server_error"
        };
        let body = error_json(self.dialect, kind, self.code, &self.message);
        let mut response = Response::new(B::from(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ATTEMPTS, self.attempts.into());
        if let Some(by) = self.by {
            headers.insert(REFUSED_BY, HeaderValue::from_static(by.as_str()));
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: who comes back then must not be early.
            let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
            headers.insert("retry-after-ms", millis.into());
            headers.insert(header::RETRY_AFTER, millis.div_ceil(1000).into());
        }
        if let Some(should) = self.should_retry {
            headers.insert("x-should-retry", HeaderValue::from_static(if should { "true" } else { "false" }));
        }
        response.extensions_mut().insert(EndingHandle::ended(Scope::Attempt, self.ending));
        response
    }
}

/// The event that tells a reader of a broken answer, in the wire format of `dialect`.
pub fn error_event(dialect: Dialect, ending: &Ending) -> Bytes {
    let json = error_json(Some(dialect), "server_error", ending.code(), &ending.to_string());
    let name = match dialect {
        Dialect::OpenAiChat => "",
        Dialect::OpenAiResponses | Dialect::Anthropic => "event: error\n",
    };
    format!("{name}data: {json}\n\n").into()
}

fn error_json(dialect: Option<Dialect>, kind: &str, code: &str, message: &str) -> String {
    let error = serde_json::json!({ "message": message, "type": kind, "param": null, "code": code });
    match dialect {
        Some(Dialect::Anthropic) => serde_json::json!({ "type": "error", "error": error }).to_string(),
        _ => serde_json::json!({ "error": error }).to_string(),
    }
}
