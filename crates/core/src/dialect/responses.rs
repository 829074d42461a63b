use super::Seen;
use super::cursor::{Cursor, Malformed};
use super::json::{ErrorBody, UpstreamError, error_of, is_filled, word};
use crate::{Finish, Usage};

/// One event of a stream: what of it counts.
#[derive(Default)]
struct Event<'a> {
    kind: Option<&'a str>,
    delta: bool,
    response: Option<Response<'a>>,
    error: Option<&'a str>,
}

/// The answer as far as it is, in an event or on its own.
#[derive(Default)]
struct Response<'a> {
    object: &'a str,
    status: &'a str,
    output: bool,
    error: Option<&'a str>,
    usage: Option<Usage>,
}

impl<'a> Event<'a> {
    fn read(json: &'a [u8]) -> Result<Self, Malformed> {
        Cursor::read(json, |cursor| {
            let mut event = Self::default();
            cursor.object(|cursor, key| {
                match key {
                    "type" => event.kind = cursor.some()?.map(word),
                    "delta" => event.delta = is_filled(cursor.value()?),
                    "response" => event.response = Some(Response::read(cursor)?),
                    "error" => event.error = cursor.some()?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?;
            Ok(event)
        })
    }
}

impl<'a> Response<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let mut response = Self::default();
        cursor.object(|cursor, key| {
            match key {
                "object" => response.object = word(cursor.value()?),
                "status" => response.status = word(cursor.value()?),
                "output" => response.output = is_filled(cursor.value()?),
                "error" => response.error = cursor.some()?,
                "usage" => cursor.object(|cursor, key| {
                    let tokens = cursor.value()?.parse().ok();
                    // An object without a count tells nothing.
                    if let ("input_tokens" | "output_tokens", Some(tokens)) = (key, tokens) {
                        let usage = response.usage.get_or_insert_default();
                        *(if key == "input_tokens" { &mut usage.input } else { &mut usage.output }) = tokens;
                    }
                    Ok(())
                })?,
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(response)
    }
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(event) = Event::read(data) else {
        if name == b"error" {
            seen.error = Some(UpstreamError::unread(data));
        } else {
            seen.garbage = true;
        }
        return;
    };
    // Both carry the type; the data is the one that SDKs read.
    let kind = event.kind.map_or(name, str::as_bytes);
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
        _ if kind.ends_with(b".delta") => seen.content |= event.delta,
        _ => {}
    }
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(response) = Cursor::read(body, Response::read) else { return false };
    if response.object != "response" && error_of(response.error).is_none() {
        return false;
    }
    // A background response is accepted, not answered: nothing here can judge how it ends.
    if matches!(response.status, "queued" | "in_progress") {
        return false;
    }
    seen.content |= response.output;
    read(seen, &response);
    true
}

fn read(seen: &mut Seen, response: &Response<'_>) {
    if response.usage.is_some() {
        seen.usage = response.usage;
    }
    match response.status {
        "completed" => seen.finish = Some(Finish::new("completed")),
        "incomplete" => seen.finish = Some(Finish::new("incomplete")),
        "cancelled" => seen.aborted = true,
        "failed" => {
            seen.error = error_of(response.error).or_else(|| Some(UpstreamError::named("unknown")));
        }
        _ => seen.error = error_of(response.error),
    }
}
