use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, request};
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{Ask, BoxError, Refusal, RefusedBy, Watch};
use lastbyte_store::{AnswerId, Look, NewAnswer, Opened, Record, Slot, State, StoreError};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep_until, timeout_at};
use tower_service::Service;

use crate::answer::{self, Reader};
use crate::body::{AnswerBody, RequestBody};
use crate::core::{Core, Shared};
use crate::follow::Rescue;
use crate::kept::{AnswerHead, Kept};
use crate::key;
use crate::pen::Pen;
use crate::problem::Problem;
use crate::running::{Over, Running, Seat};
use crate::service::Idempotency;
use crate::settings::{OnConcurrent, OnError, count};

/// How often a key is opened anew that others have set free in the meantime. Each of these has got an answer
/// of its own to whoever asked.
const TRIES: usize = 64;

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
        let ask = if self.ask.stream.is_some() { self.ask } else { self.ask.read(&body) };
        let tenant = (settings.tenant)(&parts);
        let fingerprint = fingerprint(&parts, &body);
        let slot = Slot::of(&tenant, &self.key);
        let request = Kept::write(&parts, &body);
        let reader = Reader::new(core.clone(), &parts, seen, self.rescue);
        let begun = Instant::now();
        let mut once = Some((parts, self.service));
        for _ in 0..TRIES {
            let answer = NewAnswer {
                id: AnswerId { slot, generation: fastrand::u64(..) },
                tenant: tenant.clone(),
                fingerprint,
                request: request.clone(),
                // The call follows on the heels: one write is enough for both.
                state: State::Sent,
                lease: settings.lease,
                ttl: settings.ttl,
                max_bytes: settings.max_answer as u64,
            };
            if core.running() >= settings.max_running {
                return Ok(too_many().dialect(dialect).into_response());
            }
            let record = match core.journal.open(answer).await {
                Ok(Opened::New(lease)) => {
                    let mut pen = Pen::new(core.journal.clone(), lease, settings.lease);
                    if seen.is_some_and(|seen| seen > 0) {
                        // There is nothing to go on with, and another answer would not fit to it.
                        let _ = pen.release().await;
                        return Ok(Problem::Gone.into_response());
                    }
                    let Some((parts, service)) = once.take() else { break };
                    let running = Running::new(lease.id, 0, settings.room);
                    let request = Request::from_parts(parts, RequestBody::from(body.clone()));
                    // Here and not in the driver: a reader that leaves now has begun an answer already.
                    let seat = Seat::new(running.clone());
                    Idempotency::<S>::drive(&self.shared, service, running.clone(), pen, request);
                    let came = running.wait().await;
                    drop(seat);
                    match reader.answer_here(&running, came, false) {
                        Some(response) => return Ok(response),
                        // Somebody else has gone on with it.
                        None => return Ok(join(&core, &reader, lease.id, ask, begun, false).await),
                    }
                }
                Ok(Opened::Exists(record)) => record,
                Err(error) => {
                    if settings.on_error == OnError::Refuse {
                        count(&core.counts.refused);
                        return Ok(away(&error).dialect(dialect).into_response());
                    }
                    let Some((parts, mut service)) = once.take() else { break };
                    count(&core.counts.degraded);
                    tracing::warn!(%error, "a request passes without the guarantee of its key");
                    let request = Request::from_parts(parts, RequestBody::from(body));
                    let response = service.call(request).await?;
                    let response = Watch::default().lenient().response(&ask, response);
                    let mut response = response.map(AnswerBody::passing);
                    response.headers_mut().insert("x-lastbyte-degraded", HeaderValue::from_static("store"));
                    return Ok(response);
                }
            };
            if record.fingerprint != fingerprint || record.tenant != tenant {
                return Ok(Problem::KeyReused.into_response());
            }
            if !record.state.is_ended() && settings.on_concurrent == OnConcurrent::Conflict && record.leased {
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
            None if !record.leased => (reader.rescue)(id).await,
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
            return Some(reader.follow(id, &head, None));
        } else {
            if Instant::now() >= until {
                return Some(reader.too_late(id, is_stream, None));
            }
            let wait = until.saturating_duration_since(Instant::now()).min(settings.lease / 3);
            if core.journal.changed(id, 0, wait.max(Duration::from_millis(1))).await.is_err() {
                sleep_until(Instant::now() + Duration::from_millis(100)).await;
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
    counts: bool,
) -> Response<AnswerBody<B>> {
    let joined = match core.journal.look(id).await {
        Ok(Look::Known(record)) => try_join(core, reader, record, ask, begun, counts).await,
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

fn too_many() -> Refusal {
    let message = "too many answers are being written here; try again in a moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Idempotency, "too_many_answers", message)
        .retry_after(Some(Duration::from_secs(1)))
}
