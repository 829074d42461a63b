use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use lastbyte_core::{ATTEMPTS, Ending, EndingHandle, REFUSED_BY, RefusedBy, Scope};

use crate::KeyError;

/// What a request under a key is told where it is not answered (RFC 9457), in a form that OpenAI's SDKs read
/// too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 400.
    KeyInvalid(KeyError),
    /// 400.
    KeyMissing,
    /// 400.
    EventIdInvalid,
    /// 422.
    KeyReused,
    /// 409, to be tried again.
    InProgress,
    /// 409.
    OutcomeUnknown,
    /// 410: what the reader wants to go on with is gone.
    Gone,
    /// 404.
    NoAnswer,
}

impl Problem {
    /// When it is worth to come back to an answer that is running: soon, for it may end at any moment.
    const COME_BACK: Duration = Duration::from_secs(1);

    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::KeyInvalid(error) => (StatusCode::BAD_REQUEST, "key_invalid", error.to_string()),
            Self::KeyMissing => {
                let message = "this endpoint takes no request without an Idempotency-Key header";
                (StatusCode::BAD_REQUEST, "key_missing", message.into())
            }
            Self::EventIdInvalid => {
                let message = "Last-Event-ID is not the number of an event";
                (StatusCode::BAD_REQUEST, "event_id_invalid", message.into())
            }
            Self::KeyReused => {
                let message = "this idempotency key was used for another request; take a new key";
                (StatusCode::UNPROCESSABLE_ENTITY, "key_reused", message.into())
            }
            Self::InProgress => {
                let message = "a request with this idempotency key is still being answered; try again";
                (StatusCode::CONFLICT, "request_in_progress", message.into())
            }
            Self::OutcomeUnknown => {
                let message = "nobody knows whether the request with this idempotency key was answered and \
                               billed; take a new key to ask again";
                (StatusCode::CONFLICT, "outcome_unknown", message.into())
            }
            Self::Gone => {
                let message = "this answer has expired; ask again without Last-Event-ID";
                (StatusCode::GONE, "answer_gone", message.into())
            }
            Self::NoAnswer => {
                (StatusCode::NOT_FOUND, "answer_not_found", "there is no answer of this id".into())
            }
        }
    }

    pub(crate) fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let (status, code, detail) = self.parts();
        let title = status.canonical_reason().unwrap_or_default();
        let body = serde_json::json!({
            "type": format!("urn:lastbyte:problem:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "error": {
                "message": detail, "type": "invalid_request_error", "param": null, "code": code,
            },
        });
        let mut response = Response::new(B::from(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(ATTEMPTS, HeaderValue::from_static("0"));
        let by = RefusedBy::Idempotency;
        headers.insert(REFUSED_BY, HeaderValue::from_static(by.as_str()));
        match self {
            Self::InProgress => {
                headers.insert(header::RETRY_AFTER, Self::COME_BACK.as_secs().into());
                headers.insert("retry-after-ms", (Self::COME_BACK.as_millis() as u64).into());
            }
            // SDKs would repeat every 409.
            Self::OutcomeUnknown => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
            _ => {}
        }
        response.extensions_mut().insert(EndingHandle::ended(Scope::Answer, Ending::Refused { by }));
        response
    }
}
