use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::queue::{Caller, Full, Id, Queue, Stand};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many places, and a queue before them.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    held: usize,
    queue: Queue,
    pace: Pace,
}

impl State {
    fn take(&mut self) -> bool {
        let free = self.held < self.limit && self.queue.waiting() == 0;
        self.held += usize::from(free);
        free
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
}

impl Gate {
    pub(crate) fn new(limit: usize, max_queue: usize, patience: Duration) -> Self {
        let queue = Queue::new(max_queue, patience);
        Self(Mutex::new(State { limit: limit.max(1), held: 0, queue, pace: Pace::default() }))
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
        if state.take() {
            return Ok(Entered::At(Permit { gate: self.clone() }));
        }
        let left = deadline.saturating_duration_since(now);
        let wait = state.pace.time_of(state.queue.ahead(caller, now) + 1);
        if let Some(wait) = wait.filter(|wait| *wait > left) {
            return Err(Turned::TooLong(wait));
        }
        let (id, displaced) = state.queue.push(caller, now).map_err(|Full| Turned::Full)?;
        drop(state);
        if let Some(waker) = displaced {
            waker.wake();
        }
        Ok(Entered::Behind(Place { gate: self.clone(), id: Some(id) }))
    }

    /// Another limit, at least one. Those who have a place keep it.
    pub(crate) fn set_limit(&self, limit: usize, now: Instant) {
        let mut state = self.lock();
        if state.limit != limit.max(1) {
            state.limit = limit.max(1);
            Self::grant(state, now);
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.lock().limit
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
        Self::grant(state, now);
    }

    /// Lets in whom there is room for, and wakes them when the lock is off.
    fn grant(mut state: MutexGuard<'_, State>, now: Instant) {
        if state.queue.waiting() == 0 || state.held >= state.limit {
            return;
        }
        let mut wakers = Vec::new();
        while state.held < state.limit {
            let Some(waker) = state.queue.grant(now) else { break };
            state.held += 1;
            wakers.extend(waker);
        }
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
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

impl Future for Place {
    type Output = Result<Permit, Turned>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(id) = self.id else { return Poll::Pending };
        let mut state = self.gate.lock();
        match state.queue.stand(id) {
            Some(Stand::Waiting(waker)) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Some(Stand::Granted) => {
                state.queue.remove(id);
                drop(state);
                self.id = None;
                return Poll::Ready(Ok(Permit { gate: self.gate.clone() }));
            }
            Some(Stand::Displaced) | None => {}
        }
        state.queue.remove(id);
        drop(state);
        self.id = None;
        Poll::Ready(Err(Turned::Displaced))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let mut state = self.gate.lock();
        let stood = state.queue.remove(id);
        drop(state);
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
