use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::limit::Limit;
use crate::queue::{Caller, Full, Id, Queue, Stand};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many places, and a queue before them.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    limit: Limit,
    /// What it was when it was last looked at: it may have risen since, and has not fallen.
    places: usize,
    /// When it rises by itself.
    rises_at: Option<Instant>,
    /// Who of those who wait minds that time for all of them.
    timekeeper: Option<Id>,
    held: usize,
    queue: Queue,
    pace: Pace,
}

impl State {
    fn take(&mut self) -> bool {
        let free = self.held < self.places && self.queue.waiting() == 0;
        self.held += usize::from(free);
        free
    }

    /// Looks at the limit and lets in whom there is room for. Who is to be woken when the lock is off.
    fn settle(&mut self, now: Instant) -> Vec<Waker> {
        self.places = self.limit.places(now);
        let mut wakers = Vec::new();
        while self.held < self.places {
            let Some(waker) = self.queue.grant(now) else { break };
            self.held += 1;
            wakers.extend(waker);
        }
        wakers.extend(self.appoint());
        wakers
    }

    /// Sees to it that one of those who wait minds when the limit rises, and says whom to wake for that.
    fn appoint(&mut self) -> Option<Waker> {
        let rises_at = self.limit.rises_at();
        let is_new = std::mem::replace(&mut self.rises_at, rises_at) != rises_at;
        rises_at?;
        let queue = &mut self.queue;
        let keeper = self.timekeeper.filter(|id| matches!(queue.stand(*id), Some(Stand::Waiting(_))));
        if keeper.is_some() && !is_new {
            return None;
        }
        self.timekeeper = keeper.or_else(|| queue.anybody());
        match queue.stand(self.timekeeper?) {
            Some(Stand::Waiting(waker)) => waker.clone(),
            _ => None,
        }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The queue is full.
    Full,
    /// It would take so long, and the caller has less.
    TooLong(Duration),
    /// Others needed the room in the queue more.
    Displaced,
}

/// A place. It goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Gate>,
}

/// A place, or where to wait for one.
#[derive(Debug)]
pub(crate) enum Entered {
    At(Permit),
    Behind(Place),
}

/// A place in the queue. Dropped, it is given up, and with it the permit that it may have come to.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    /// `None` once it was told what became of it.
    id: Option<Id>,
    rises_at: Option<Instant>,
}

impl Gate {
    pub(crate) fn new(mut limit: Limit, max_queue: usize, patience: Duration) -> Self {
        Self(Mutex::new(State {
            places: limit.places(Instant::now()),
            rises_at: limit.rises_at(),
            limit,
            timekeeper: None,
            held: 0,
            queue: Queue::new(max_queue, patience),
            pace: Pace::default(),
        }))
    }

    /// A permit, where there is one at once.
    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        self.lock().take().then(|| Permit { gate: self.clone() })
    }

    /// A permit at once, or a place in the queue where that can be in time: before `deadline`.
    pub(crate) fn enter(
        self: &Arc<Self>,
        caller: Caller,
        now: Instant,
        deadline: Instant,
    ) -> Result<Entered, Turned> {
        let mut state = self.lock();
        // It may have risen meanwhile, and then it is the turn of others.
        let mut wakers = state.settle(now);
        let entered = if state.take() {
            Ok(Entered::At(Permit { gate: self.clone() }))
        } else {
            self.stand_behind(&mut state, &mut wakers, caller, now, deadline)
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        entered
    }

    fn stand_behind(
        self: &Arc<Self>,
        state: &mut State,
        wakers: &mut Vec<Waker>,
        caller: Caller,
        now: Instant,
        deadline: Instant,
    ) -> Result<Entered, Turned> {
        let left = deadline.saturating_duration_since(now);
        let wait = state.pace.time_of(state.queue.ahead(caller, now) + 1);
        if let Some(wait) = wait.filter(|wait| *wait > left) {
            return Err(Turned::TooLong(wait));
        }
        let (id, displaced) = state.queue.push(caller, now).map_err(|Full| Turned::Full)?;
        wakers.extend(displaced);
        wakers.extend(state.appoint());
        Ok(Entered::Behind(Place { gate: self.clone(), id: Some(id), rises_at: None }))
    }

    /// Changes what the limit is made from, and lets in whom there is room for then. Those who have a place
    /// keep it.
    pub(crate) fn change<T>(&self, now: Instant, change: impl FnOnce(&mut Limit) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.limit);
        let wakers = state.settle(now);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        changed
    }

    /// How many places there are now, for those who wait and for newcomers.
    pub(crate) fn limit(&self, now: Instant) -> usize {
        self.change(now, |limit| limit.places(now))
    }

    /// How many have a place.
    pub(crate) fn held(&self) -> usize {
        self.lock().held
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.waiting()
    }

    /// How long a newcomer would wait, as far as can be told.
    pub(crate) fn expected(&self, caller: Caller, now: Instant) -> Option<Duration> {
        let state = self.lock();
        state.pace.time_of(state.queue.ahead(caller, now) + 1)
    }

    fn release(&self) {
        let mut state = self.lock();
        state.held -= 1;
        if state.queue.waiting() == 0 {
            // The times between calls that nobody waited for say nothing of how long waiting takes.
            state.pace = Pace::default();
            return;
        }
        let now = Instant::now();
        state.pace.count(now);
        let wakers = state.settle(now);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.release();
    }
}

impl Place {
    /// When its caller has to look at the [limit](Gate::limit) again, for itself and all others that wait: as
    /// of the last time that it was polled. Where that changes it is woken.
    pub(crate) fn rises_at(&self) -> Option<Instant> {
        self.rises_at
    }
}

impl Future for Place {
    type Output = Result<Permit, Turned>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(id) = this.id else { return Poll::Pending };
        let mut lock = this.gate.lock();
        let state = &mut *lock;
        let outcome = match state.queue.stand(id) {
            Some(Stand::Waiting(waker)) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                this.rises_at = state.rises_at.filter(|_| state.timekeeper == Some(id));
                return Poll::Pending;
            }
            Some(Stand::Granted) => Ok(Permit { gate: this.gate.clone() }),
            Some(Stand::Displaced) | None => Err(Turned::Displaced),
        };
        state.queue.remove(id);
        drop(lock);
        this.id = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let mut state = self.gate.lock();
        let stood = state.queue.remove(id);
        let waker = state.appoint();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(Stand::Granted) = stood {
            self.gate.release();
        }
    }
}

/// How fast places become free: the mean of the last times between two that did, the newer ones counting
/// more.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    mean: f64,
    known: u32,
}

/// How many times have to be known before anything is said: a guess from fewer would refuse for nothing.
const KNOWN: u32 = 8;

/// The weight of the newest time: places become free in bursts, and one burst is not the pace.
const WEIGHT: f64 = 0.1;

impl Pace {
    fn count(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.saturating_duration_since(last).as_secs_f64();
            self.mean += (gap - self.mean) * if self.known == 0 { 1.0 } else { WEIGHT };
            self.known = self.known.saturating_add(1);
        }
    }

    /// How long until so many have become free.
    fn time_of(&self, places: usize) -> Option<Duration> {
        let seconds = self.mean * places as f64;
        (self.known >= KNOWN).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}
