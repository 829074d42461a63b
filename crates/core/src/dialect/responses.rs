use serde::Deserialize;
use serde_json::value::RawValue;

use super::Seen;
use super::json::{ErrorBody, RawExt, UpstreamError, error_of, word};
use crate::{Finish, Usage};

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
        if name == b"error" {
            seen.error = Some(UpstreamError::unread(data));
        } else {
            seen.garbage = true;
        }
        return;
    };
    // Both carry the type; the data is the one that SDKs read.
    let kind = event.kind.map_or(name, |kind| word(Some(kind)).as_bytes());
    if kind == b"error" || name == b"error" {
        seen.error = error_of(event.error).or_else(|| {
            // The flat form: code and message at the top level, where `type` is the event's.
            let body: ErrorBody<'_> = serde_json::from_slice(data).unwrap_or_default();
            Some(body.read())
        });
        return;
    }
    match kind {
        b"response.completed" | b"response.incomplete" | b"response.failed" => {
            if let Some(response) = &event.response {
                read(seen, response);
            }
            if seen.error.is_none() && seen.finish.is_none() {
                match kind {
                    b"response.failed" => seen.error = Some(UpstreamError::named("unknown")),
                    b"response.completed" => seen.finish = Some(Finish::new("completed")),
                    _ => seen.finish = Some(Finish::new("incomplete")),
                }
            }
            seen.content |= seen.finish.is_some();
        }
        _ if kind.ends_with(b".delta") => seen.content |= event.delta.is_filled(),
        _ => {}
    }
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(response) = serde_json::from_slice::<Response<'_>>(body) else { return false };
    if word(response.object) != "response" && error_of(response.error).is_none() {
        return false;
    }
    // A background response is accepted, not answered: nothing here can judge how it ends.
    if matches!(word(response.status), "queued" | "in_progress") {
        return false;
    }
    seen.content |= response.output.is_filled();
    read(seen, &response);
    true
}

fn read(seen: &mut Seen, response: &Response<'_>) {
    if let Some(tokens) = &response.usage {
        seen.usage = Some(Usage {
            input: tokens.input_tokens.unwrap_or_default(),
            output: tokens.output_tokens.unwrap_or_default(),
        });
    }
    match word(response.status) {
        "completed" => seen.finish = Some(Finish::new("completed")),
        "incomplete" => seen.finish = Some(Finish::new("incomplete")),
        "cancelled" => seen.aborted = true,
        "failed" => {
            seen.error = error_of(response.error).or_else(|| Some(UpstreamError::named("unknown")));
        }
        _ => seen.error = error_of(response.error),
    }
}
