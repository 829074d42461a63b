use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, request};
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{Ask, BoxError, Cause, Deadline, Ending, REQUEST_TIMEOUT, Refusal, RefusedBy, Watch};
use lastbyte_store::{AnswerId, Look, NewAnswer, Record, Slot, State, StoreError};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout_at};
use tower_service::Service;

use crate::answer::{self, Reader};
use crate::begin::{Asking, Begun, begin};
use crate::body::{AnswerBody, RequestBody};
use crate::core::{Core, Shared};
use crate::follow::Rescue;
use crate::kept::{AnswerHead, Kept};
use crate::key;
use crate::problem::Problem;
use crate::running::{Over, Seat};
use crate::settings::{OnConcurrent, OnError, count};

/// How often a key is opened anew that others have set free in the meantime. Each of these has got an answer
/// of its own to whoever asked.
const TRIES: usize = 64;

/// How soon a store is asked again that has failed, or an answer tried for that could not be taken over.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// A request under a key.
pub(crate) struct Call<S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) service: S,
    pub(crate) rescue: Rescue,
    pub(crate) key: String,
    pub(crate) ask: Ask,
}

impl<S> Call<S> {
    pub(crate) async fn run<A, B>(
        self,
        parts: request::Parts,
        body: A,
    ) -> Result<Response<AnswerBody<B>>, S::Error>
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>> + Send + 'static,
        S::Future: Send,
        S::Error: Send + 'static,
        A: Body<Data = Bytes> + Send + 'static,
        A::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let core = self.shared.core.clone();
        let settings = &core.settings;
        let dialect = self.ask.dialect;
        let Ok(seen) = key::seen(&parts.headers) else {
            return Ok(Problem::EventIdInvalid.into_response());
        };
        let body = match read(body, settings.max_body).await {
            Ok(body) => body,
            Err(refusal) => return Ok(refusal.dialect(dialect).into_response()),
        };
        let ask = self.ask.read(&body);
        let tenant = (settings.tenant)(&parts);
        let fingerprint = fingerprint(&parts, &body);
        let slot = Slot::of(&tenant, &self.key);
        let kept = Kept::write(&parts, &body);
        let reader = Reader::new(core.clone(), &parts, seen, self.rescue);
        let begun = Instant::now();
        let resumes = seen.is_some_and(|seen| seen > 0);
        // How long this reader waits is not how long the answer may take that all readers get.
        let mut parts = parts;
        parts.headers.remove(REQUEST_TIMEOUT);
        if parts.extensions.get::<Deadline>().is_some_and(|deadline| deadline.by_caller) {
            parts.extensions.remove::<Deadline>();
        }
        let request_body = RequestBody::from(body.clone());
        let mut asking =
            Asking { service: self.service, request: Request::from_parts(parts, request_body), ask, resumes };
        for _ in 0..TRIES {
            let answer = NewAnswer {
                id: AnswerId { slot, generation: fastrand::u64(..) },
                tenant: tenant.clone(),
                fingerprint,
                request: kept.clone(),
                // The call follows on the heels: one write is enough for both.
                state: if resumes { State::Claimed } else { State::Sent },
                lease: settings.lease,
                ttl: settings.ttl,
                max_bytes: settings.max_answer as u64,
            };
            let record = match begin(&self.shared, answer, asking).await {
                Some(Begun::Here(running, seat)) => {
                    let came = match reader.deadline.filter(|deadline| deadline.by_caller) {
                        None => running.wait().await,
                        Some(deadline) => match timeout_at(deadline.at, running.wait()).await {
                            Ok(came) => came,
                            Err(_) => {
                                let ending = Ending::Truncated { cause: Cause::Total, by_caller: true };
                                return Ok(Refusal::failed(ending).dialect(dialect).into_response());
                            }
                        },
                    };
                    drop(seat);
                    match reader.answer_here(&running, came, false) {
                        Some(response) => return Ok(response),
                        // Somebody else has gone on with it.
                        None => return Ok(join(&core, &reader, running.id, ask, begun).await),
                    }
                }
                Some(Begun::Exists(record, given_back)) => {
                    asking = given_back;
                    record
                }
                // There is nothing to go on with, and another answer would not fit to it.
                Some(Begun::Gone) => return Ok(Problem::Gone.into_response()),
                Some(Begun::NoRoom) => return Ok(no_room(&core).dialect(dialect).into_response()),
                Some(Begun::Away(error, _)) if resumes || settings.on_error == OnError::Refuse => {
                    count(&core.counts.refused);
                    return Ok(away(&error).dialect(dialect).into_response());
                }
                Some(Begun::Away(error, Asking { mut service, request, .. })) => {
                    count(&core.counts.degraded);
                    tracing::warn!(%error, "a request passes without the guarantee of its key");
                    let response = service.call(request).await?;
                    let response =
                        Watch::default().max_event(settings.max_event).strict().response(&ask, response);
                    let mut response = response.map(AnswerBody::passing);
                    response.headers_mut().insert("x-lastbyte-degraded", HeaderValue::from_static("store"));
                    return Ok(response);
                }
                None => return Ok(answer::interrupted(dialect)),
            };
            if record.fingerprint != fingerprint || record.tenant != tenant {
                return Ok(Problem::KeyReused.into_response());
            }
            if !record.state.is_ended() && seen.is_some_and(|seen| seen > record.events) {
                // The store has lost what it has seen: what comes now does not fit to it.
                return Ok(Problem::Gone.into_response());
            }
            let conflicts = settings.on_concurrent == OnConcurrent::Conflict && seen.is_none();
            if !record.state.is_ended() && conflicts && record.leased {
                return Ok(Problem::InProgress.into_response());
            }
            if let Some(response) = try_join(&core, &reader, record, ask, begun, true).await {
                return Ok(response);
            }
            // It was set free: whoever comes first asks.
        }
        Ok(Problem::InProgress.into_response())
    }
}

/// The answer of a record that is there, to a reader that did not begin it. `None`: it is gone.
async fn try_join<B>(
    core: &Arc<Core>,
    reader: &Reader,
    mut record: Record,
    ask: Ask,
    begun: Instant,
    counts: bool,
) -> Option<Response<AnswerBody<B>>> {
    let settings = &core.settings;
    let is_stream = ask.stream == Some(true);
    // Who wants no stream gets no head early either.
    let until = begun + if is_stream { settings.hold_head } else { settings.join_wait };
    let until = reader.deadline.map_or(until, |deadline| until.min(deadline.at));
    let pause = settings.attend_every().unwrap_or(settings.lease / 3);
    let id = record.id;
    loop {
        if record.state.is_ended() {
            if counts {
                count(&core.counts.replayed);
            }
            return reader.replay(&record).await;
        }
        let running = match core.find(id) {
            Some(running) => Some(running),
            None if !record.leased => {
                let rescued = (reader.rescue)(id).await;
                if rescued.is_none() {
                    // Somebody else was faster, or it cannot be done here: not again at once.
                    sleep(AGAIN).await;
                }
                rescued
            }
            None => None,
        };
        if let Some(running) = running {
            let seat = Seat::new(running.clone());
            let came = timeout_at(until, running.wait()).await;
            drop(seat);
            match came {
                Ok(came) => {
                    if counts {
                        count(&core.counts.joined);
                    }
                    if let Some(response) = reader.answer_here(&running, came.clone(), true) {
                        return Some(response);
                    }
                    if matches!(came, Err(Over::Broken(_))) {
                        return None;
                    }
                }
                Err(_) => return Some(reader.too_late(id, is_stream, Some(running))),
            }
        } else if let Some(head) = record.head.as_deref().and_then(AnswerHead::read)
            && head.stream
        {
            if counts {
                count(&core.counts.joined);
            }
            return Some(reader.follow(id, &head, None, true));
        } else {
            if Instant::now() >= until {
                return Some(reader.too_late(id, is_stream, None));
            }
            if settings.when_unread.is_some()
                && let Err(error) = core.journal.attend(id).await
            {
                tracing::debug!(%error, %id, "a reader could not be told of");
            }
            let wait = until.saturating_duration_since(Instant::now()).min(pause);
            if record.leased && core.journal.changed(id, 0, wait.max(Duration::from_millis(1))).await.is_err()
            {
                sleep(AGAIN).await;
            }
        }
        record = match core.journal.look(id).await {
            Ok(Look::Known(record)) => record,
            Ok(_) => return None,
            Err(error) => return Some(away(&error).into_response()),
        };
    }
}

/// The same for one that this reader has begun, and that somebody else has gone on with.
async fn join<B>(
    core: &Arc<Core>,
    reader: &Reader,
    id: AnswerId,
    ask: Ask,
    begun: Instant,
) -> Response<AnswerBody<B>> {
    let joined = match core.journal.look(id).await {
        Ok(Look::Known(record)) => try_join(core, reader, record, ask, begun, false).await,
        _ => None,
    };
    joined.unwrap_or_else(|| answer::interrupted(ask.dialect))
}

/// The whole body of a request.
async fn read<A>(body: A, max: usize) -> Result<Bytes, Refusal>
where
    A: Body<Data = Bytes>,
    A::Error: Into<BoxError>,
{
    let refuse = |status, code, message: String| Refusal::new(status, RefusedBy::Limits, code, message);
    let too_large = || {
        let message = format!("the request's body is larger than {max} bytes");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    };
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut whole: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let error: BoxError = error.into();
            refuse(
                StatusCode::BAD_REQUEST,
                "invalid_body",
                format!("the request's body could not be read: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else { continue };
        match &whole {
            // Nearly all come in one piece, which is not copied.
            None => whole = Some(data),
            Some(first) => {
                if more.is_empty() {
                    more.extend_from_slice(first);
                }
                more.extend_from_slice(&data);
            }
        }
        if more.len().max(whole.as_ref().map_or(0, Bytes::len)) > max {
            return Err(too_large());
        }
    }
    Ok(if more.is_empty() { whole.unwrap_or_default() } else { more.freeze() })
}

/// What makes a request the same: method, path, query and body.
fn fingerprint(parts: &request::Parts, body: &[u8]) -> [u8; 32] {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut hash = Sha256::new();
    for part in [parts.method.as_str(), target] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(body);
    hash.finalize().into()
}

pub(crate) fn away(error: &StoreError) -> Refusal {
    tracing::warn!(%error, source = ?std::error::Error::source(error), "a request under a key is refused");
    let message = format!("{error}, so that the guarantee of an idempotency key cannot be given; try again");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Store, "store_unavailable", message)
        .retry_after(Some(Duration::from_secs(1)))
}

fn no_room(core: &Core) -> Refusal {
    let (code, message) = if core.is_interrupted() {
        ("shutting_down", "no answer is begun here any more; try again")
    } else {
        ("too_many_answers", "too many answers are being written here; try again in a moment")
    };
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Idempotency, code, message)
        .retry_after(Some(Duration::from_secs(1)))
}
