use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response, header};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Cause, Dialect, Ending, Resume, TransportEnd, Watch, error_event};
use lastbyte_store::{AnswerId, Claimed, End, State};
use tokio::time::sleep;
use tower_service::Service;

use crate::RequestBody;
use crate::blocks::is_done;
use crate::core::{Core, Shared};
use crate::driver::Driver;
use crate::kept::{AnswerHead, Ended, Kept, state_of};
use crate::pen::{Draft, Pen};
use crate::running::{Came, Over, Running};
use crate::settings::{AfterCrash, OnUnknown, count};

/// How many answers that nobody can take over without their readers are passed over at once.
const MAX_PASSED: usize = 1024;

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
pub(crate) async fn claim(core: &Arc<Core>, id: AnswerId, asks: Option<&HeaderMap>) -> Option<Taken> {
    if core.is_interrupted() {
        return None;
    }
    let claimed = core.journal.claim(id).await;
    let claimed =
        claimed.inspect_err(|error| tracing::warn!(%error, %id, "an answer cannot be claimed")).ok()??;
    take(core, claimed, asks).await
}

async fn take(core: &Arc<Core>, claimed: Claimed, asks: Option<&HeaderMap>) -> Option<Taken> {
    let Claimed { lease, record, request } = claimed;
    let settings = &core.settings;
    // Where it should not have been claimed, somebody else may have it at once.
    let mut pen = Pen::new(core.journal.clone(), lease, settings.lease);
    let running = Running::new(lease.id, record.events, settings.room);
    let kept = Kept::read(&request);
    if kept.as_ref().is_some_and(|kept| kept.credential) && asks.is_none() && record.events == 0 {
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
                    let done = dialect == Some(Dialect::OpenAiChat)
                        && !events.last().is_some_and(|last| is_done(last));
                    let last = done.then(|| Bytes::from_static(b"data: [DONE]\n\n"));
                    let ending = Ending::Complete { finish, usage };
                    ended(State::Complete, Ended::of(&ending), last.into_iter().collect())
                }
                ending @ (Ending::Failed { .. } | Ending::Cancelled) => {
                    ended(state_of(&ending), Ended::of(&ending), Vec::new())
                }
                _ if settings.after_crash == AfterCrash::Fail || (kept.credential && asks.is_none()) => {
                    if kept.credential && asks.is_none() && settings.after_crash == AfterCrash::Resume {
                        pen.relinquish().await;
                        return None;
                    }
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
    for event in events {
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
                let Self { running, pen, events, attempts, .. } = self;
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
    let mut passed: Vec<AnswerId> = Vec::new();
    loop {
        if *interrupt.borrow() {
            return;
        }
        let room = core.running() < core.settings.max_running;
        let found = if room { core.journal.claim_any(&passed).await } else { Ok(None) };
        match found {
            Ok(Some(claimed)) => {
                let id = claimed.lease.id;
                match take(&core, claimed, None).await {
                    Some(taken) => shared.spawn(taken.drive(core.clone(), service.clone())),
                    None => {
                        if passed.len() >= MAX_PASSED {
                            passed.clear();
                        }
                        passed.push(id);
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
            () = sleep(wait.mul_f64(0.75 + fastrand::f64() / 2.0)) => passed.clear(),
            _ = interrupt.changed() => {}
        }
    }
}
