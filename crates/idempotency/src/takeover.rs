use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response, header};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Cause, Dialect, Ending, Resume, TransportEnd, Watch, error_event};
use lastbyte_store::{AnswerId, Claimed, End, State};
use tokio::time::sleep;
use tower_service::Service;

use crate::RequestBody;
use crate::blocks::{block, is_done, is_restart};
use crate::core::{Core, Shared};
use crate::driver::Driver;
use crate::kept::{AnswerHead, Ended, Kept, state_of};
use crate::pen::{Draft, Pen};
use crate::running::{Came, Over, Running};
use crate::settings::{AfterCrash, OnUnknown, count};

/// How many answers that nobody can take over without their readers are passed over at once.
const MAX_PASSED: usize = 1024;

/// How often an answer is asked for in all before nobody takes it over any more: more than three processes
/// with five attempts each, so that a request that ends its process does not end one after the other for ever.
const MAX_ATTEMPTS: u32 = 16;

/// An answer that was taken over.
pub(crate) struct Taken {
    pub(crate) running: Arc<Running>,
    pen: Pen,
    events: u64,
    attempts: u32,
    todo: Todo,
}

enum Todo {
    /// To be asked for, or for the rest of it.
    Ask { kept: Box<Kept>, asks: Option<HeaderMap>, resume: Option<Resume>, claimed: bool },
    /// All of it is there but its end, or nothing can be done about it.
    End { last: Vec<Bytes>, end: End },
}

/// Takes over an answer whose lease is out.
pub(crate) async fn claim(core: &Arc<Core>, id: AnswerId, asks: &HeaderMap) -> Option<Taken> {
    if core.is_interrupted() {
        return None;
    }
    let claimed = core.journal.claim(id).await;
    let claimed =
        claimed.inspect_err(|error| tracing::warn!(%error, %id, "an answer cannot be claimed")).ok()??;
    take(core, claimed, Some(asks)).await
}

async fn take(core: &Arc<Core>, claimed: Claimed, asks: Option<&HeaderMap>) -> Option<Taken> {
    let Claimed { lease, record, request } = claimed;
    let settings = &core.settings;
    // Where it should not have been claimed, somebody else may have it at once.
    let mut pen = Pen::new(core.journal.clone(), lease, settings.lease);
    let running = Running::new(lease.id, record.events, settings.room);
    let kept = Kept::read(&request);
    let needs_reader =
        asks.is_none() && !settings.own_credential && kept.as_ref().is_some_and(|kept| kept.credential);
    if needs_reader && (record.events == 0 || settings.after_crash == AfterCrash::Resume) {
        // Only its reader can ask again.
        pen.relinquish().await;
        return None;
    }
    let head = record.head.as_deref().and_then(AnswerHead::read);
    let dialect = kept.as_ref().and_then(|kept| Dialect::from_path(kept.uri.path()));
    let ended = |state, ended: Ended, last| Todo::End { last, end: End { state, detail: ended.write() } };
    let error = |ending: &Ending| vec![error_event(dialect.unwrap_or(Dialect::OpenAiChat), ending)];
    let todo = match kept {
        None => ended(State::Truncated, Ended::of(&Ending::Interrupted), error(&Ending::Interrupted)),
        Some(kept) if record.events == 0 => {
            let claimed = record.state == State::Claimed;
            if !claimed && settings.on_unknown == OnUnknown::Refuse {
                ended(State::Failed, Ended::unknown(), Vec::new())
            } else if record.attempts >= MAX_ATTEMPTS {
                // Whoever asks for it dies of it.
                ended(State::Dead, Ended::of(&Ending::Interrupted), error(&Ending::Interrupted))
            } else {
                let asks = asks.cloned();
                Todo::Ask { kept: Box::new(kept), asks, resume: None, claimed }
            }
        }
        Some(kept) => {
            let events = match read_all(core, lease.id, record.events).await {
                Some(events) => events,
                None => {
                    pen.relinquish().await;
                    return None;
                }
            };
            match judge(&kept, &events) {
                Ending::Complete { finish, usage } => {
                    // Its writer died between the last event and the end.
                    let last = events.last().and_then(|last| end_mark(dialect?, last));
                    let ending = Ending::Complete { finish, usage };
                    ended(State::Complete, Ended::of(&ending), last.into_iter().collect())
                }
                ending @ (Ending::Failed { .. } | Ending::Cancelled) => {
                    ended(state_of(&ending), Ended::of(&ending), Vec::new())
                }
                _ if settings.after_crash == AfterCrash::Fail || record.attempts >= MAX_ATTEMPTS => {
                    ended(State::Truncated, Ended::of(&Ending::Interrupted), error(&Ending::Interrupted))
                }
                _ => {
                    let resume = Some(Resume { text: String::new(), events });
                    Todo::Ask { kept: Box::new(kept), asks: asks.cloned(), resume, claimed: false }
                }
            }
        }
    };
    if !core.enter(&running) {
        pen.relinquish().await;
        return None;
    }
    // Where only the end is missing, its readers find it in the journal in a moment.
    if let (Some(head), Todo::Ask { .. }) = (head.filter(|head| head.stream), &todo) {
        running.came(Came::Stream(Arc::new(head)));
    }
    count(&core.counts.taken_over);
    tracing::info!(id = %lease.id, state = record.state.as_str(), events = record.events, "an answer is taken over");
    Some(Taken { running, pen, events: record.events, attempts: record.attempts, todo })
}

/// What has to come behind `last`, the last event of an answer that is whole but for its end mark.
fn end_mark(dialect: Dialect, last: &[u8]) -> Option<Bytes> {
    match dialect {
        Dialect::OpenAiChat => (!is_done(last)).then(|| Bytes::from_static(b"data: [DONE]\n\n")),
        Dialect::Anthropic => (!last.starts_with(b"event: message_stop\n"))
            .then(|| block(b"message_stop", br#"{"type":"message_stop"}"#)),
        Dialect::OpenAiResponses => None,
    }
}

/// All events of an answer that is ours to write.
async fn read_all(core: &Core, id: AnswerId, events: u64) -> Option<Vec<Bytes>> {
    let mut all = Vec::new();
    while (all.len() as u64) < events {
        let page = core.journal.read(id, all.len() as u64, 1 << 20).await.ok()??;
        if page.events.is_empty() {
            return None;
        }
        all.extend(page.events);
    }
    Some(all)
}

/// How the events would have ended if nothing came behind them.
fn judge(kept: &Kept, events: &[Bytes]) -> Ending {
    let ask = Ask::of_request(&kept.method, &kept.uri, &Extensions::new());
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(());
    let Ok(response) = response else { return Ending::Interrupted };
    let (head, ()) = response.into_parts();
    let mut judge = Watch::default().max_event(usize::MAX).judge(&ask, &head);
    // What stands before it was dropped.
    let begun = events.iter().rposition(|event| is_restart(event)).map_or(0, |at| at + 1);
    for event in &events[begun..] {
        judge.chunk(event);
    }
    match judge.end(TransportEnd::Clean) {
        // A stream of no known format has no sign of its end.
        Ending::Opaque { .. } => Ending::Truncated { cause: Cause::Eof, by_caller: false },
        ending => ending,
    }
}

impl Taken {
    /// Goes on with it, to its end.
    pub(crate) async fn drive<S, A, B>(mut self, core: Arc<Core>, service: S)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>>,
        S::Error: 'static,
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        match self.todo {
            Todo::Ask { kept, asks, resume, claimed } => {
                let mut request = kept.request(asks.as_ref());
                if let Some(resume) = resume {
                    request.extensions_mut().insert(resume);
                }
                let ask = Ask::of_request(&kept.method, &kept.uri, &Extensions::new()).read(&kept.body);
                let Self { running, mut pen, events, attempts, .. } = self;
                // Known before it is asked, for the next one to count.
                let draft = Draft { first: events + 1, events: &[], head: None, attempts: attempts + 1 };
                if !claimed && pen.append(draft).await.is_err() {
                    running.over(Over::Lost);
                    return core.leave(&running);
                }
                let driver =
                    Driver { core, running, pen, service, ask, events, claimed, attempts_before: attempts };
                driver.run(request).await;
            }
            Todo::End { last, end } => {
                let (first, attempts) = (self.events + 1, self.attempts);
                let draft = Draft { first, events: &last, head: None, attempts };
                if self.pen.end(draft, end).await.is_err() {
                    tracing::warn!(id = %self.running.id, "the end of an answer could not be written");
                }
                self.running.over(Over::Lost);
                core.leave(&self.running);
            }
        }
    }
}

/// See [`Idempotency::take_care`](crate::Idempotency::take_care).
pub(crate) async fn take_care<S, A, B>(shared: &Arc<Shared>, service: S)
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let core = shared.core.clone();
    let mut interrupt = core.interrupt.subscribe();
    // Those that wait for their readers. Each is claimed once, and not again and again: a claim renews it.
    let mut passed: VecDeque<AnswerId> = VecDeque::new();
    let mut found_now = 0;
    loop {
        if *interrupt.borrow() {
            return;
        }
        let room = core.running() < core.settings.max_running;
        let room = room && found_now < MAX_PASSED;
        let found = if room { core.journal.claim_any(passed.make_contiguous()).await } else { Ok(None) };
        match found {
            Ok(Some(claimed)) => {
                let id = claimed.lease.id;
                found_now += 1;
                match take(&core, claimed, None).await {
                    Some(taken) => shared.spawn(taken.drive(core.clone(), service.clone())),
                    None => {
                        if passed.len() >= MAX_PASSED {
                            passed.pop_front();
                        }
                        passed.push_back(id);
                    }
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the store cannot be asked for answers that were left behind")
            }
        }
        // Not all gateways at the same moment.
        let wait = core.settings.lease / 3;
        tokio::select! {
            () = sleep(wait.mul_f64(0.75 + fastrand::f64() / 2.0)) => found_now = 0,
            _ = interrupt.changed() => {}
        }
    }
}
