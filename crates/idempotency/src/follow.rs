use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lastbyte_core::{BodyError, Cause, Deadline, Ending, EndingHandle, EndingReporter, Phase, Scope};
use lastbyte_store::AnswerId;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::blocks::{ends_done, is_restart, number};
use crate::call::AGAIN;
use crate::core::Core;
use crate::kept::{AnswerHead, Ended};
use crate::running::{Got, Over, Running, Seat, no_stream};

/// How many bytes are read from the journal at once.
const PORTION: usize = 64 << 10;

/// Takes an answer over whose writer has died, where that can be done here.
pub(crate) type Rescue = Arc<dyn Fn(AnswerId) -> BoxFuture<'static, Option<Arc<Running>>> + Send + Sync>;

/// One reader of a stream that is in the journal: from its ring where it is written here, else from the store.
pub(crate) struct Follow {
    core: Arc<Core>,
    id: AnswerId,
    /// The number of the event that comes next.
    next: u64,
    seat: Option<Seat>,
    fetch: Option<BoxFuture<'static, Fetched>>,
    rescue: Rescue,
    /// Whether the reader understands that an answer begins again.
    restarts: bool,
    shown: bool,
    /// How many events its reader was shown here.
    events: u32,
    reporter: EndingReporter,
    over: Option<Ending>,
    /// When its reader was told of last, to a writer elsewhere.
    attended: Option<Instant>,
    /// Until when its reader wants to wait, where the writer does not know.
    deadline: Option<(Pin<Box<Sleep>>, bool)>,
}

/// What was found in the journal.
pub(crate) enum Fetched {
    /// Events, and the end where they reach it.
    Page(Vec<Bytes>, Option<Ending>),
    /// It is written here.
    Here(Arc<Running>),
    /// It cannot be read to its end.
    Broken(Ending),
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("id", &self.id).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Follow {
    pub(crate) fn new(core: Arc<Core>, id: AnswerId, after: u64, rescue: Rescue, restarts: bool) -> Self {
        let (reporter, _) = EndingHandle::new(Scope::Reading, Phase::FirstEvent);
        let next = after.saturating_add(1);
        let (seat, fetch, over, attended, deadline) = (None, None, None, None, None);
        let shown = after > 0;
        Self {
            core,
            id,
            next,
            seat,
            fetch,
            rescue,
            restarts,
            shown,
            events: 0,
            reporter,
            over,
            attended,
            deadline,
        }
    }

    /// Waits no longer than its reader does.
    pub(crate) fn until(mut self, deadline: Option<Deadline>) -> Self {
        self.deadline = deadline.map(|deadline| (Box::pin(sleep_until(deadline.at)), deadline.by_caller));
        self
    }

    /// Reads what is written here.
    pub(crate) fn at(mut self, running: Arc<Running>) -> Self {
        self.seat = Some(Seat::new(running));
        self
    }

    pub(crate) fn handle(&self) -> EndingHandle {
        self.reporter.handle().clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.as_ref().is_some_and(|ending| !ending.is_broken())
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let polled = self.poll_events(cx);
        if polled.is_pending()
            && let Some((deadline, by_caller)) = &mut self.deadline
        {
            ready!(deadline.as_mut().poll(cx));
            let by_caller = *by_caller;
            return self.broken(Ending::Truncated { cause: Cause::Total, by_caller });
        }
        polled
    }

    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some(ending) = &self.over {
                let ending = ending.clone();
                if self.reporter.ending().is_some() {
                    return Poll::Ready(None);
                }
                self.reporter.report(ending.clone());
                // The last event has told the reader, and only the transport is left to be ended.
                let error = || Err(BodyError::new(ending.clone()).told());
                return Poll::Ready(ending.is_broken().then(error));
            }
            if let Some(fetch) = &mut self.fetch {
                let fetched = ready!(fetch.as_mut().poll(cx));
                self.fetch = None;
                match fetched {
                    Fetched::Page(events, over) => {
                        if events.is_empty() && over.is_none() {
                            // It was shown without having been written, and is not here any more.
                            return self.broken(Ending::Interrupted);
                        }
                        self.over = over;
                        let first = self.next;
                        self.next += events.len() as u64;
                        match self.first_to_show(&events) {
                            Some(from) if from >= events.len() => {}
                            Some(from) => {
                                let shown = &events[from..];
                                return self
                                    .show(number(first + from as u64, shown.iter()), shown.len() as u64);
                            }
                            None => return self.broken(Ending::Interrupted),
                        }
                    }
                    Fetched::Here(running) => self.seat = Some(Seat::new(running)),
                    Fetched::Broken(ending) => return self.broken(ending),
                }
                continue;
            }
            let Some(seat) = &self.seat else {
                self.fetch();
                continue;
            };
            if !self.restarts && seat.running().has_restarted() {
                // Event by event: what stands before it is not for this reader.
                self.fetch();
                continue;
            }
            match ready!(seat.poll(self.next, cx)) {
                // It has come just now.
                Got::Events(..) if !self.restarts && seat.running().has_restarted() => self.fetch(),
                Got::Events(bytes, next) => {
                    let shown = next.saturating_sub(std::mem::replace(&mut self.next, next));
                    return self.show(bytes, shown);
                }
                Got::Behind => self.fetch(),
                Got::Over(Over::Ended(ending)) => self.over = Some(ending),
                Got::Over(Over::Broken(ending)) => return self.broken(ending),
                Got::Over(Over::Lost) => self.seat = None,
            }
        }
    }

    /// So many events.
    fn show(&mut self, bytes: Bytes, events: u64) -> Poll<Option<Result<Bytes, BodyError>>> {
        let events = events.saturating_sub(ends_done(&bytes).into());
        self.events = self.events.saturating_add(events.try_into().unwrap_or(u32::MAX));
        self.reporter.count(self.events);
        if !self.shown {
            self.shown = true;
            self.reporter.advance(Phase::Stream);
        }
        // Whoever is told that this was the last does not ask again.
        if let Some(ending) = self.over.as_ref().filter(|ending| !ending.is_broken()) {
            self.reporter.report(ending.clone());
        }
        Poll::Ready(Some(Ok(bytes)))
    }

    /// It ends here, and nothing in it says so.
    fn broken(&mut self, ending: Ending) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.reporter.report(ending.clone());
        self.over = Some(ending.clone());
        Poll::Ready(Some(Err(BodyError::new(ending))))
    }

    /// The first of these events that this reader may see. `None`: it has seen what is to be dropped, and does
    /// not understand that.
    fn first_to_show(&self, events: &[Bytes]) -> Option<usize> {
        if self.restarts {
            return Some(0);
        }
        match events.iter().rposition(|event| is_restart(event)) {
            None => Some(0),
            Some(_) if self.shown => None,
            Some(at) => Some(at + 1),
        }
    }

    fn fetch(&mut self) {
        let waits =
            self.seat.is_none() || self.seat.as_ref().is_some_and(|seat| seat.running().has_restarted());
        let every = self.core.settings.attend_every();
        let attends = every.is_some_and(|every| self.attended.is_none_or(|at| at.elapsed() >= every));
        if attends {
            self.attended = Some(Instant::now());
        }
        let (core, id, after) = (self.core.clone(), self.id, self.next - 1);
        self.fetch = Some(Box::pin(fetch(core, id, after, waits, attends, self.rescue.clone())));
    }
}

/// Reads what comes behind event `after`; where `waits`, until there is something.
async fn fetch(
    core: Arc<Core>,
    id: AnswerId,
    after: u64,
    waits: bool,
    mut attends: bool,
    rescue: Rescue,
) -> Fetched {
    let lease = core.settings.lease;
    let every = core.settings.attend_every();
    let mut reached = Instant::now();
    loop {
        if std::mem::replace(&mut attends, every.is_some())
            && let Err(error) = core.journal.attend(id).await
        {
            tracing::debug!(%error, %id, "a reader could not be told of");
        }
        let page = match core.journal.read(id, after, PORTION).await {
            Ok(Some(page)) => page,
            // Its writer has set the key free: there is no answer.
            Ok(None) => return Fetched::Broken(Ending::Interrupted),
            Err(error) => {
                if reached.elapsed() >= lease {
                    tracing::warn!(%error, %id, "an answer cannot be read");
                    return Fetched::Broken(Ending::Interrupted);
                }
                sleep(AGAIN).await;
                continue;
            }
        };
        reached = Instant::now();
        let record = page.record;
        if after > record.events {
            // It has seen what the store has lost since: what comes now does not fit to it.
            return Fetched::Broken(Ending::Interrupted);
        }
        let behind = after + page.events.len() as u64;
        if record.state.is_ended() && behind >= record.events {
            let ended = Ended::read(record.end.as_ref());
            let ending = ended.map_or(Ending::Interrupted, |ended| ended.ending(record.state));
            let head = record.head.as_deref().and_then(AnswerHead::read);
            return match head {
                Some(head) if !head.stream => Fetched::Broken(no_stream(Some(ending))),
                // Nothing in it tells its reader.
                _ if record.events == 0 && ending.is_broken() => Fetched::Broken(ending),
                _ => Fetched::Page(page.events, Some(ending)),
            };
        }
        if !page.events.is_empty() || !waits {
            return Fetched::Page(page.events, None);
        }
        match core.find(id) {
            Some(running) if !running.has_restarted() => return Fetched::Here(running),
            Some(_) => {}
            None if !record.leased => match rescue(id).await {
                Some(running) => return Fetched::Here(running),
                // Somebody else was faster, or it cannot be done here: not again at once.
                None => {
                    sleep(AGAIN).await;
                    continue;
                }
            },
            None => {}
        }
        if core.journal.changed(id, after, every.unwrap_or(lease / 3)).await.is_err() {
            sleep(AGAIN).await;
        }
    }
}
