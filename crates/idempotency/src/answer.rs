use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request};
use lastbyte_core::{ATTEMPTS, Ask, Deadline, Dialect, Ending, EndingHandle, Refusal, Scope};
use lastbyte_store::{AnswerId, Record};
use tokio::time::Instant;

use crate::body::AnswerBody;
use crate::core::Core;
use crate::follow::{Follow, Rescue};
use crate::kept::{AnswerHead, Ended};
use crate::problem::Problem;
use crate::running::{Came, Over, Running};

/// The name of the answer, for `GET` and `DELETE` of `…/answers/{id}`.
pub const ANSWER: HeaderName = HeaderName::from_static("x-lastbyte-answer");

/// Says that an answer was there already.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The header by which a reader says that it understands `event: restart`.
const ACCEPT: &str = "x-lastbyte-accept";

/// Who wants to have an answer, and what it has seen of it.
pub(crate) struct Reader {
    core: Arc<Core>,
    seen: Option<u64>,
    restarts: bool,
    dialect: Option<Dialect>,
    /// Until when it waits.
    pub(crate) deadline: Option<Deadline>,
    pub(crate) rescue: Rescue,
}

/// The answer where there is none, and nobody knows of an error.
pub(crate) fn interrupted<B>(dialect: Option<Dialect>) -> Response<AnswerBody<B>> {
    broken(Ending::Interrupted, dialect)
}

/// The answer in the place of one that broke before its head.
fn broken<B>(ending: Ending, dialect: Option<Dialect>) -> Response<AnswerBody<B>> {
    // What was interrupted goes on elsewhere, under the same key.
    let again = ending == Ending::Interrupted;
    let refusal = Refusal::failed(ending).dialect(dialect);
    if again { refusal.into_response() } else { refusal.should_retry(false).into_response() }
}

impl Reader {
    pub(crate) fn new(core: Arc<Core>, parts: &request::Parts, seen: Option<u64>, rescue: Rescue) -> Self {
        let restarts = parts.headers.get_all(ACCEPT).iter().any(|value| {
            value.to_str().is_ok_and(|value| value.split(',').any(|word| word.trim() == "restart"))
        });
        let dialect = Ask::of(parts).dialect;
        let deadline = parts.extensions.get().copied().or_else(|| {
            let own = Deadline::of(&parts.headers, Instant::now(), Duration::MAX);
            own.by_caller.then_some(own)
        });
        Self { core, seen, restarts, dialect, deadline, rescue }
    }

    /// What an answer that is written here begins with. `None`: it is not written here any more.
    pub(crate) fn answer_here<B>(
        &self,
        running: &Arc<Running>,
        came: Result<Came, Over>,
        replayed: bool,
    ) -> Option<Response<AnswerBody<B>>> {
        match came {
            Ok(Came::Stream(head)) => {
                let mut response = self.follow(running.id, &head, Some(running.clone()), replayed);
                if !replayed {
                    response.headers_mut().insert(ATTEMPTS, head.attempts.into());
                }
                Some(response)
            }
            Ok(Came::Whole(whole)) => {
                let mut response = Response::new(AnswerBody::from(whole.body.clone()));
                *response.status_mut() = whole.status;
                *response.headers_mut() = whole.headers.clone();
                response.extensions_mut().insert(whole.ending.clone());
                if whole.kept && replayed {
                    // What one connection was told is not for another.
                    *response.headers_mut() = AnswerHead::of(whole.status, &whole.headers, false).headers();
                    replay(&mut response);
                } else if replayed {
                    // Of an error that is not kept, when to come back is for all.
                    response.headers_mut().remove(header::SET_COOKIE);
                }
                if whole.kept {
                    name(&mut response, running.id);
                }
                Some(response)
            }
            Err(Over::Broken(ending)) if !replayed => Some(broken(ending, self.dialect)),
            Err(Over::Ended(_) | Over::Lost | Over::Broken(_)) => None,
        }
    }

    /// A stream, from the event behind the last one that this reader has seen.
    pub(crate) fn follow<B>(
        &self,
        id: AnswerId,
        head: &AnswerHead,
        running: Option<Arc<Running>>,
        joins: bool,
    ) -> Response<AnswerBody<B>> {
        let mut follow =
            Follow::new(self.core.clone(), id, self.seen.unwrap_or(0), self.rescue.clone(), self.restarts);
        if let Some(running) = running {
            follow = follow.at(running);
        }
        if joins || self.deadline.is_some_and(|deadline| deadline.by_caller) {
            // The call itself has a limit already.
            follow = follow.until(self.deadline);
        }
        let handle = follow.handle();
        let mut response = Response::new(AnswerBody::following(follow));
        *response.status_mut() = head.status();
        *response.headers_mut() = head.headers();
        name(&mut response, id);
        response.extensions_mut().insert(handle);
        response
    }

    /// An answer whose head has not come in time: a stream has one of ours, anything else a conflict.
    pub(crate) fn too_late<B>(
        &self,
        id: AnswerId,
        is_stream: bool,
        running: Option<Arc<Running>>,
    ) -> Response<AnswerBody<B>> {
        if !is_stream {
            return Problem::InProgress.into_response();
        }
        self.follow(id, &AnswerHead::of(StatusCode::OK, &HeaderMap::new(), true), running, true)
    }

    /// An answer that has ended. `None`: it is gone.
    pub(crate) async fn replay<B>(&self, record: &Record) -> Option<Response<AnswerBody<B>>> {
        let ended = Ended::read(record.end.as_ref());
        if ended.as_ref().is_some_and(|ended| ended.unknown) {
            return Some(Problem::OutcomeUnknown.into_response());
        }
        let ending = ended.map_or(Ending::Interrupted, |ended| ended.ending(record.state));
        let head = record.head.as_deref().and_then(AnswerHead::read);
        match head {
            Some(head) if head.stream => {
                if self.seen.is_some_and(|seen| seen >= record.events) {
                    return Some(nothing_left(record.id));
                }
                let mut response = self.follow(record.id, &head, None, true);
                replay(&mut response);
                Some(response)
            }
            Some(head) => {
                let page = match self.core.journal.read(record.id, 0, usize::MAX).await {
                    Ok(page) => page?,
                    Err(error) => return Some(crate::call::away(&error).into_response()),
                };
                let body = page.events.into_iter().next().unwrap_or_default();
                let mut response = Response::new(AnswerBody::from(body));
                *response.status_mut() = head.status();
                *response.headers_mut() = head.headers();
                name(&mut response, record.id);
                replay(&mut response);
                response.extensions_mut().insert(EndingHandle::ended(Scope::Reading, ending));
                Some(response)
            }
            // It ended before there was a head.
            None => {
                let mut response = broken(ending, self.dialect);
                name(&mut response, record.id);
                replay(&mut response);
                Some(response)
            }
        }
    }
}

/// 204: the reader has seen all of it.
fn nothing_left<B>(id: AnswerId) -> Response<AnswerBody<B>> {
    let mut response = Response::new(AnswerBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    name(&mut response, id);
    response.extensions_mut().insert(EndingHandle::ended(Scope::Reading, Ending::Opaque { ok: true }));
    response
}

pub(crate) fn name<B>(response: &mut Response<AnswerBody<B>>, id: AnswerId) {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(ANSWER, value);
    }
    response.headers_mut().entry(ATTEMPTS).or_insert(HeaderValue::from_static("0"));
}

fn replay<B>(response: &mut Response<AnswerBody<B>>) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    // A length or a digest that was kept is that of the body as it is.
    response.headers_mut().remove(header::TRANSFER_ENCODING);
}
