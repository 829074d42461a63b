use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lastbyte_core::{BodyError, Ending, EndingHandle, EndingReporter, Phase, Scope};
use lastbyte_store::AnswerId;
use tokio::time::{Instant, sleep};

use crate::blocks::{is_restart, number};
use crate::core::Core;
use crate::kept::Ended;
use crate::running::{Got, Over, Running, Seat};

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
    reporter: EndingReporter,
    over: Option<Ending>,
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
        let (seat, fetch, over) = (None, None, None);
        Self { core, id, next, seat, fetch, rescue, restarts, shown: after > 0, reporter, over }
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
                        self.over = over;
                        let first = self.next;
                        self.next += events.len() as u64;
                        match self.first_to_show(&events) {
                            Some(from) if from >= events.len() => {}
                            Some(from) => {
                                return self.show(number(first + from as u64, events[from..].iter()));
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
                Got::Events(bytes, next) => {
                    self.next = next;
                    return self.show(bytes);
                }
                Got::Behind => self.fetch(),
                Got::Over(Over::Ended(ending)) => self.over = Some(ending),
                Got::Over(Over::Broken(ending)) => return self.broken(ending),
                Got::Over(Over::Lost) => self.seat = None,
            }
        }
    }

    fn show(&mut self, bytes: Bytes) -> Poll<Option<Result<Bytes, BodyError>>> {
        if !self.shown {
            self.shown = true;
            self.reporter.advance(Phase::Stream);
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
        let (core, id, after) = (self.core.clone(), self.id, self.next - 1);
        self.fetch = Some(Box::pin(fetch(core, id, after, waits, self.rescue.clone())));
    }
}

/// Reads what comes behind event `after`; where `waits`, until there is something.
async fn fetch(core: Arc<Core>, id: AnswerId, after: u64, waits: bool, rescue: Rescue) -> Fetched {
    let lease = core.settings.lease;
    let mut reached = Instant::now();
    let mut attended: Option<Instant> = None;
    loop {
        let page = match core.journal.read(id, after, PORTION).await {
            Ok(Some(page)) => page,
            // Its writer has set the key free: there is no answer.
            Ok(None) => return Fetched::Broken(Ending::Interrupted),
            Err(error) => {
                if reached.elapsed() >= lease {
                    tracing::warn!(%error, %id, "an answer cannot be read");
                    return Fetched::Broken(Ending::Interrupted);
                }
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        reached = Instant::now();
        let record = page.record;
        let behind = after + page.events.len() as u64;
        let over = (record.state.is_ended() && behind >= record.events).then(|| {
            let ended = Ended::read(record.end.as_ref());
            ended.map_or(Ending::Interrupted, |ended| ended.ending(record.state))
        });
        if !page.events.is_empty() || over.is_some() || !waits {
            return Fetched::Page(page.events, over);
        }
        if let Some(running) = core.find(id) {
            if !running.has_restarted() {
                return Fetched::Here(running);
            }
        } else if !record.leased
            && let Some(running) = rescue(id).await
        {
            return Fetched::Here(running);
        }
        if core.settings.when_unread.is_some() && attended.is_none_or(|at| at.elapsed() >= lease / 3) {
            attended = Some(Instant::now());
            if let Err(error) = core.journal.attend(id).await {
                tracing::debug!(%error, %id, "a reader could not be told of");
            }
        }
        if core.journal.changed(id, after, lease / 3).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}
