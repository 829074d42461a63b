//! `GET` and `DELETE` of `…/answers/{id}`.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use lastbyte_core::{Dialect, Ending, EndingHandle, Scope, error_event};
use lastbyte_store::{AnswerId, Batch, End, Look, Record, State, StoreError};

use crate::answer::{Reader, name};
use crate::body::AnswerBody;
use crate::core::Core;
use crate::follow::Rescue;
use crate::kept::{AnswerHead, Ended};
use crate::key;
use crate::problem::Problem;
use crate::running::Asked;

/// What stands behind `…/answers/`, where that is what a request is about.
pub(crate) fn answer_id(parts: &request::Parts) -> Option<Option<AnswerId>> {
    if !matches!(parts.method, Method::GET | Method::DELETE) {
        return None;
    }
    let (before, id) = parts.uri.path().rsplit_once('/')?;
    if before != "/answers" && !before.ends_with("/v1/answers") {
        return None;
    }
    Some(id.parse().ok())
}

pub(crate) async fn answer<B, E>(
    core: Arc<Core>,
    id: Option<AnswerId>,
    parts: request::Parts,
    rescue: Rescue,
) -> Result<Response<AnswerBody<B>>, E> {
    let answered = match id {
        Some(id) => known(&core, id, &parts, rescue).await,
        None => Ok(Problem::NoAnswer.into_response()),
    };
    Ok(answered.unwrap_or_else(|error| crate::call::away(&error).into_response()))
}

async fn known<B>(
    core: &Arc<Core>,
    id: AnswerId,
    parts: &request::Parts,
    rescue: Rescue,
) -> Result<Response<AnswerBody<B>>, StoreError> {
    let tenant = (core.settings.tenant)(parts);
    let record = match core.journal.look(id).await? {
        Look::Known(record) if record.tenant == tenant => record,
        Look::Expired { tenant: whose } if whose == tenant => return Ok(Problem::Gone.into_response()),
        // Another's is as if it were not there.
        Look::Known(_) | Look::Expired { .. } | Look::Unknown => return Ok(Problem::NoAnswer.into_response()),
    };
    if parts.method == Method::DELETE {
        return cancel(core, &record).await;
    }
    let Ok(seen) = key::seen(&parts.headers) else {
        return Ok(Problem::EventIdInvalid.into_response());
    };
    let head = record.head.as_deref().and_then(AnswerHead::read);
    let is_whole = head.as_ref().is_some_and(|head| !head.stream);
    if !is_whole && (seen.is_some() || wants_stream(parts)) {
        let reader = Reader::new(core.clone(), parts, seen, rescue);
        if record.state.is_ended() {
            return Ok(reader.replay(&record).await.unwrap_or_else(|| Problem::Gone.into_response()));
        }
        if seen.is_some_and(|seen| seen > record.events) {
            return Ok(Problem::Gone.into_response());
        }
        let running = core.find(id);
        return Ok(match head {
            Some(head) => reader.follow(id, &head, running, true),
            None => reader.too_late(id, true, running),
        });
    }
    envelope(core, &record).await
}

fn wants_stream(parts: &request::Parts) -> bool {
    let accepts = parts.headers.get_all(header::ACCEPT).iter();
    accepts.filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("text/event-stream")
        })
    })
}

/// Ends an answer for whoever asked for it to stop. Once more is the same.
async fn cancel<B>(core: &Arc<Core>, record: &Record) -> Result<Response<AnswerBody<B>>, StoreError> {
    if !record.state.is_ended() {
        let running = core.find(record.id);
        let head = record.head.as_deref().and_then(AnswerHead::read);
        let known = head.as_ref().map(AnswerHead::dialect);
        let known = known.or_else(|| running.as_ref().and_then(|running| running.dialect()));
        let dialect = known.unwrap_or(Dialect::OpenAiChat);
        let last = Batch { events: vec![error_event(dialect, &Ending::Cancelled)], ..Batch::default() };
        let end = End { state: State::Cancelled, detail: Ended::of(&Ending::Cancelled).write() };
        core.journal.seize(record.id, last, end).await?;
        if let Some(running) = running {
            running.ask(Asked::Cancelled);
        }
    }
    let mut response = Response::new(AnswerBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    name(&mut response, record.id);
    response.extensions_mut().insert(EndingHandle::ended(Scope::Reading, Ending::Opaque { ok: true }));
    Ok(response)
}

/// The answer as a thing to look at.
async fn envelope<B>(core: &Arc<Core>, record: &Record) -> Result<Response<AnswerBody<B>>, StoreError> {
    let ended = Ended::read(record.end.as_ref());
    let head = record.head.as_deref().and_then(AnswerHead::read);
    let state = if record.state.is_ended() { record.state.as_str() } else { "running" };
    let created = record.created.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let is_whole = head.as_ref().is_some_and(|head| !head.stream);
    let mut told = serde_json::json!({
        "id": record.id.to_string(),
        "state": state,
        "events": if is_whole { 0 } else { record.events },
        "ending": ended.as_ref().map(|ended| ended.code.as_str()),
        "attempts": record.attempts,
        "created": created,
    });
    if let Some(ended) = ended.filter(|_| record.state != State::Complete) {
        told["error"] = serde_json::json!({
            "message": ended.message, "type": "server_error", "param": null, "code": ended.code,
        });
    }
    if is_whole && record.state.is_ended() {
        let page = core.journal.read(record.id, 0, usize::MAX).await?;
        let body = page.and_then(|page| page.events.into_iter().next()).unwrap_or_default();
        // What is no JSON is told as the text it is.
        told["response"] = serde_json::from_slice(&body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    }
    let mut response = Response::new(AnswerBody::from(Bytes::from(told.to_string())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    name(&mut response, record.id);
    response.extensions_mut().insert(EndingHandle::ended(Scope::Reading, Ending::Opaque { ok: true }));
    Ok(response)
}
