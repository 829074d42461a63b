use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response, response};
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{
    Ask, Attempts, BodyError, BoxError, Cause, Dialect, Ending, EndingHandle, FailureKind, Refusal, Scope,
    TransportFault, Watch, error_event,
};
use lastbyte_store::{Batch, End, State};
use tokio::time::Instant;
use tower_service::Service;

use crate::RequestBody;
use crate::core::Core;
use crate::kept::{AnswerHead, Ended, state_of};
use crate::pen::{Lost, Pen};
use crate::running::{Came, Over, Running, Whole};
use crate::settings::{OnError, OnUnknown, count};
use crate::stream::{Closed, Streaming};

/// Writes one answer, whoever reads it.
pub(crate) struct Driver<S> {
    pub(crate) core: Arc<Core>,
    pub(crate) running: Arc<Running>,
    pub(crate) pen: Pen,
    pub(crate) service: S,
    /// The number of the last event that is written already: more than 0 where it was taken over.
    pub(crate) events: u64,
    pub(crate) claimed: bool,
    pub(crate) attempts_before: u32,
}

/// Why the service is not waited for any longer.
pub(crate) enum Stop {
    Lost(Lost),
    /// Somebody has ended the answer.
    Cancelled,
    /// Nobody reads it.
    Unread,
    /// This process goes.
    Interrupted,
}

/// Takes the answer out of those that run here, also when its driver is dropped or panics.
struct Leave(Arc<Core>, Arc<Running>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.1.over(Over::Broken(Ending::Interrupted));
        self.0.leave(&self.1);
    }
}

impl<S> Driver<S> {
    /// Asks, and writes the answer down to its end.
    pub(crate) async fn run<A, B>(self, request: Request<RequestBody<A>>)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>>,
        S::Error: 'static,
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let _leave = Leave(self.core.clone(), self.running.clone());
        let (mut pen, running, dialect) =
            (self.pen.clone(), self.running.clone(), Ask::from_path(request.uri().path()).dialect);
        if AssertUnwindSafe(self.drive(request)).catch_unwind().await.is_err() {
            tracing::error!(id = %running.id, "a panic ended an answer");
            let ending = Ending::Interrupted;
            let end = End { state: State::Truncated, detail: Ended::of(&ending).write() };
            // Behind whatever is there: what the panic has left of our own count is not to be trusted.
            let last = Batch {
                events: vec![error_event(dialect.unwrap_or(Dialect::OpenAiChat), &ending)],
                ..Batch::default()
            };
            let _ = pen.seize(last, end).await;
            running.over(Over::Lost);
        }
    }

    async fn drive<A, B>(mut self, mut request: Request<RequestBody<A>>)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>>,
        S::Error: 'static,
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let attempts = request.extensions().get::<Attempts>().cloned().unwrap_or_default();
        request.extensions_mut().insert(attempts.clone());
        if self.claimed
            && let Err(lost) = self.pen.sent().await
        {
            return self.lost(lost);
        }
        let mut service = self.service;
        let call = async move {
            std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        };
        let mut work = Work {
            core: self.core,
            running: self.running,
            pen: self.pen,
            events: self.events,
            attempts,
            attempts_before: self.attempts_before,
            ask,
        };
        let answered = match work.keep(call).await {
            Ok(answered) => answered,
            Err(stop) => return work.stop(stop).await,
        };
        let response = match answered {
            Ok(response) => response,
            Err(error) => {
                let kind = TransportFault::of_any(&error).kind;
                let ending = Ending::Failed { kind };
                let refusal = Refusal::failed(ending).should_retry(false).dialect(ask.dialect);
                let (head, body) =
                    refusal.attempts(work.attempts.count()).into_response::<Bytes>().into_parts();
                return work.whole(head, body).await;
            }
        };
        let is_stream = response.status().is_success() && is_event_stream(&response);
        if is_stream {
            // Its end has to be judged, and an end mark that comes too early is none.
            let (head, body) = Watch::default()
                .max_event(work.core.settings.max_event)
                .strict()
                .response(&ask, response)
                .into_parts();
            return work.stream(head, body).await;
        }
        if work.events > 0 {
            // Nothing that goes on where the answer broke.
            let ending =
                response.extensions().get::<EndingHandle>().and_then(|handle| handle.ending().cloned());
            let ending = ending.filter(Ending::is_broken).unwrap_or(Ending::Interrupted);
            return work.broken(ending, Vec::new()).await;
        }
        let max = work.core.settings.max_answer;
        let response = Watch::default().max_json(max).response(&ask, response);
        let (head, body) = response.into_parts();
        let collected = match work.keep(collect(body, max)).await {
            Ok(collected) => collected,
            Err(stop) => return work.stop(stop).await,
        };
        match collected {
            Ok(body) => work.whole(head, body).await,
            Err(ending) => {
                let refusal = Refusal::failed(ending).should_retry(false).dialect(ask.dialect);
                let (head, body) =
                    refusal.attempts(work.attempts.count()).into_response::<Bytes>().into_parts();
                work.whole(head, body).await;
            }
        }
    }

    fn lost(self, lost: Lost) {
        self.running.over(match lost {
            Lost::Fenced => Over::Lost,
            Lost::TooLarge | Lost::Away => Over::Broken(Ending::Interrupted),
        });
    }
}

/// A whole body, or how it broke.
async fn collect<B>(body: B, max: usize) -> Result<Bytes, Ending>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    let mut body = std::pin::pin!(body);
    let mut got = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.ending().clone())?;
        let Ok(data) = frame.into_data() else { continue };
        if got.len() + data.len() > max {
            return Err(Ending::Truncated { cause: Cause::TooLarge, by_caller: false });
        }
        got.extend_from_slice(&data);
    }
    Ok(got.freeze())
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    let headers = response.headers();
    headers.get(http::header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
        && headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| {
            let essence = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
        })
}

/// A driver whose call is under way.
pub(crate) struct Work {
    pub(crate) core: Arc<Core>,
    pub(crate) running: Arc<Running>,
    pub(crate) pen: Pen,
    pub(crate) events: u64,
    attempts: Attempts,
    attempts_before: u32,
    ask: Ask,
}

impl Work {
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts_before + self.attempts.count()
    }

    /// Waits for `work`, and keeps the lease meanwhile.
    async fn keep<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                stop = asked_to_stop(&self.core, &self.running) => return Err(stop),
                () = tokio::time::sleep_until(self.pen.renew_at()) => {
                    // The work goes on meanwhile only in so far as it has tasks of its own: it is no longer
                    // than a write.
                    let attended = self.pen.renew().await.map_err(Stop::Lost)?;
                    if is_unread(&self.core, &self.running, attended) {
                        return Err(Stop::Unread);
                    }
                }
            }
        }
    }

    /// An answer in one piece.
    async fn whole(mut self, head: response::Parts, body: Bytes) {
        let ending = head.extensions.get::<EndingHandle>().and_then(|handle| handle.ending().cloned());
        let ending = ending.unwrap_or(Ending::Opaque { ok: true });
        let mut whole = Whole {
            status: head.status,
            headers: head.headers,
            body,
            ending: EndingHandle::ended(Scope::Answer, ending.clone()),
            kept: false,
        };
        let is_answer = whole.status.is_success();
        let too_large = matches!(ending, Ending::Truncated { cause: Cause::TooLarge, .. });
        let stores = is_answer
            || too_large
            || (self.core.settings.store_server_errors
                && whole.status.is_server_error()
                && is_of_upstream(&whole.headers));
        let unknown = self.core.settings.on_unknown == OnUnknown::Refuse && is_ambiguous(&ending);
        let written = if stores {
            let kept = AnswerHead::of(whole.status, &whole.headers, false);
            let last = Batch {
                first: 1,
                events: vec![whole.body.clone()],
                head: Some(kept.write()),
                attempts: self.attempts(),
            };
            let state = if is_answer && !ending.is_broken() { State::Complete } else { state_of(&ending) };
            let end = End { state, detail: Ended::of(&ending).write() };
            self.pen.end(last, end).await
        } else if unknown {
            let last = Batch { first: 1, attempts: self.attempts(), ..Batch::default() };
            self.pen.end(last, End { state: State::Failed, detail: Ended::unknown().write() }).await
        } else {
            count(&self.core.counts.released);
            self.pen.release().await
        };
        match written {
            Ok(()) => whole.kept = stores,
            // What somebody else is writing is the answer.
            Err(Lost::Fenced) if stores => {
                count(&self.core.counts.fenced);
                return self.running.over(Over::Lost);
            }
            // It is paid for, and here: whoever waits for it gets it, though the next one may not.
            Err(_) => {
                if stores {
                    whole.headers.insert("x-lastbyte-degraded", http::HeaderValue::from_static("store"));
                }
            }
        }
        self.running.came(Came::Whole(Arc::new(whole)));
    }

    /// A stream.
    async fn stream<B>(mut self, head: response::Parts, body: B)
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        let kept = AnswerHead::of(head.status, &head.headers, true).in_dialect(self.ask.dialect);
        let kept = Arc::new(kept);
        let handle = head.extensions.get::<EndingHandle>().cloned();
        let write_head = (self.events == 0).then(|| kept.write());
        let mut streaming = Streaming::new(&self, handle, write_head);
        self.running.came(Came::Stream(kept));
        let mut body = std::pin::pin!(body);
        let closed = streaming.run(&mut self, body.as_mut()).await;
        let keep = streaming.is_worth_keeping(&self);
        let rest = streaming.into_rest();
        match closed {
            Closed::Broken(ending) if !keep => self.broken(ending, Vec::new()).await,
            Closed::Complete(ending) => self.end(&ending, rest).await,
            Closed::Broken(ending) => self.broken(ending, rest).await,
            Closed::Stopped(stop) => self.stop(stop).await,
        }
    }

    /// The last events and the end.
    async fn end(mut self, ending: &Ending, last: Vec<Bytes>) {
        let batch =
            Batch { first: self.events + 1, events: last.clone(), head: None, attempts: self.attempts() };
        let end = End { state: state_of(ending), detail: Ended::of(ending).write() };
        match self.pen.end(batch, end).await {
            Ok(()) => {
                self.running.publish(last);
                self.running.over(Over::Ended(ending.clone()));
            }
            Err(Lost::Fenced) => {
                count(&self.core.counts.fenced);
                self.running.over(Over::Lost);
            }
            Err(Lost::TooLarge | Lost::Away) => {
                if self.core.settings.on_error == OnError::Pass {
                    self.running.publish(last);
                    return self.running.over(Over::Ended(ending.clone()));
                }
                self.running.over(Over::Broken(Ending::Interrupted));
            }
        }
    }

    /// It broke: with an event that says so, where it has any; else nothing was answered.
    async fn broken(mut self, ending: Ending, mut last: Vec<Bytes>) {
        if self.events == 0 && last.is_empty() {
            let unknown = self.core.settings.on_unknown == OnUnknown::Refuse && is_ambiguous(&ending);
            let written = if unknown {
                let batch = Batch { first: 1, attempts: self.attempts(), ..Batch::default() };
                self.pen.end(batch, End { state: State::Failed, detail: Ended::unknown().write() }).await
            } else {
                count(&self.core.counts.released);
                self.pen.release().await
            };
            if let Err(lost) = written {
                tracing::debug!(?lost, "a key could not be set free, its lease will run out");
            }
            return self.running.over(Over::Broken(ending));
        }
        last.push(error_event(self.ask.dialect.unwrap_or(Dialect::OpenAiChat), &ending));
        self.end(&ending, last).await;
    }

    /// The service is let go of before its answer was over.
    async fn stop(mut self, stop: Stop) {
        match stop {
            Stop::Lost(Lost::Fenced) | Stop::Cancelled => {
                count(&self.core.counts.fenced);
                self.running.over(Over::Lost);
            }
            Stop::Lost(Lost::TooLarge) => {
                let ending = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
                self.broken(ending, Vec::new()).await;
            }
            Stop::Lost(Lost::Away) => self.running.over(Over::Broken(Ending::Interrupted)),
            Stop::Unread if self.events > 0 => self.broken(Ending::Cancelled, Vec::new()).await,
            Stop::Unread => {
                // There is nothing to keep but the fact.
                let last = Batch {
                    first: 1,
                    events: vec![error_event(
                        self.ask.dialect.unwrap_or(Dialect::OpenAiChat),
                        &Ending::Cancelled,
                    )],
                    head: None,
                    attempts: self.attempts(),
                };
                let end = End { state: State::Cancelled, detail: Ended::of(&Ending::Cancelled).write() };
                let _ = self.pen.end(last, end).await;
                self.running.over(Over::Lost);
            }
            Stop::Interrupted => {
                self.pen.relinquish().await;
                self.running.over(Over::Broken(Ending::Interrupted));
            }
        }
    }
}

/// Resolves when the answer is not to be written here any longer.
pub(crate) async fn asked_to_stop(core: &Core, running: &Running) -> Stop {
    let mut interrupt = core.interrupt.subscribe();
    tokio::select! {
        () = running.stopped() => Stop::Cancelled,
        Ok(_) = interrupt.wait_for(|interrupt| *interrupt) => Stop::Interrupted,
    }
}

/// Whether nobody has read the answer for as long as it is worth to go on, neither here nor elsewhere.
pub(crate) fn is_unread(core: &Core, running: &Running, attended: Option<Duration>) -> bool {
    let Some(patience) = core.settings.when_unread else { return false };
    running.unread_since().is_some_and(|since| Instant::now().duration_since(since) >= patience)
        && attended.is_none_or(|ago| ago >= patience)
}

/// Whether a failure leaves open whether there was an answer.
fn is_ambiguous(ending: &Ending) -> bool {
    matches!(
        ending,
        Ending::Truncated { .. }
            | Ending::Failed {
                kind: FailureKind::Reset | FailureKind::Timeout { .. } | FailureKind::Garbage
            }
    )
}

/// Whether an error is the chat API's own, and none of a layer of ours.
fn is_of_upstream(headers: &HeaderMap) -> bool {
    !headers.contains_key(lastbyte_core::REFUSED_BY)
}
