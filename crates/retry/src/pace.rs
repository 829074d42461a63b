use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, SystemTime};

use http::response;
use lastbyte_core::Tenant;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::hint;
use crate::pacer::{Arrival, Limits, Pacer, Ticket, Told, WaiterId};

/// One [`Pacer`], shared by all callers of an upstream.
///
/// There is no task behind it. One of those who wait holds the timer for all; when it goes, another one
/// takes it over. The others look once a second, in case that nobody polls the one that holds it.
#[derive(Debug)]
pub(crate) struct Pace {
    shared: Mutex<Shared>,
    /// Whether it matters now what is taken. Only a hint: most upstreams refuse nobody, and then a call takes
    /// the lock twice, and not three times.
    is_limited: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    pacer: Pacer,
    waiting: HashMap<WaiterId, Place>,
    /// Who holds the timer, and what it is set to.
    timer: Option<(WaiterId, Instant)>,
    /// Whom to wake when the lock is given back: what a waker does is not ours to know.
    woken: Vec<Waker>,
}

#[derive(Debug)]
enum Place {
    Waiting(Option<Waker>),
    Released(Ticket),
    TooLate(Duration),
}

/// How often those look who do not hold the timer.
const LOOK: Duration = Duration::from_secs(1);

/// What one that arrives gets.
#[derive(Debug)]
pub(crate) enum Arrived {
    Go(Pass),
    Wait(Turn),
    TooLate(Duration),
}

/// An attempt's permission to be sent. It tells the pacer what comes of it; dropped, that it is over.
#[derive(Debug)]
pub(crate) struct Pass {
    pace: Arc<Pace>,
    ticket: Option<Ticket>,
}

/// A place in the queue, which is closed up when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    pace: Arc<Pace>,
    id: WaiterId,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        let shared =
            Shared { pacer: Pacer::new(now, seed), waiting: HashMap::new(), timer: None, woken: Vec::new() };
        Self { shared: Mutex::new(shared), is_limited: AtomicBool::new(false) }
    }

    /// A caller comes, for whom a turn behind `deadline` is of no use.
    pub(crate) fn arrive(self: &Arc<Self>, now: Instant, tenant: Tenant, deadline: Instant) -> Arrived {
        self.with(|shared| {
            let arrival = shared.pacer.arrive(now, tenant.0, deadline);
            self.arrived(shared, arrival)
        })
    }

    /// Still under the lock: one that waits may be let go by anybody as soon as it is given back.
    fn arrived(self: &Arc<Self>, shared: &mut Shared, arrival: Arrival) -> Arrived {
        match arrival {
            Arrival::Go(ticket) => Arrived::Go(Pass { pace: self.clone(), ticket: Some(ticket) }),
            Arrival::TooLate { come_back } => Arrived::TooLate(come_back),
            Arrival::Wait(id) => {
                shared.waiting.insert(id, Place::Waiting(None));
                Arrived::Wait(Turn { pace: self.clone(), id, timer: None })
            }
        }
    }

    fn tell(&self, now: Instant, ticket: &mut Ticket, told: Told) {
        self.with(|shared| {
            shared.pacer.told(now, ticket, told);
            self.is_limited.store(shared.pacer.rate().is_some(), Ordering::Relaxed);
            if !shared.waiting.is_empty() {
                shared.move_on(now);
            }
        });
    }

    /// Under the lock.
    fn with<R>(&self, act: impl FnOnce(&mut Shared) -> R) -> R {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut shared);
        let woken = std::mem::take(&mut shared.woken);
        drop(shared);
        woken.into_iter().for_each(Waker::wake);
        result
    }
}

impl Shared {
    /// Lets those go whose turn it is, and has the timer set to the next turn, which it gives.
    fn move_on(&mut self, now: Instant) -> Option<Instant> {
        let polled = self.pacer.poll(now);
        for (id, ticket) in polled.released {
            self.settle(id, Place::Released(ticket));
        }
        for (id, come_back) in polled.too_late {
            self.settle(id, Place::TooLate(come_back));
        }
        let next = polled.wake?;
        match self.timer {
            Some((holder, at)) if self.is_waiting(holder) => {
                if next < at {
                    self.wake(holder);
                }
            }
            _ => self.pass_timer_on(),
        }
        Some(next)
    }

    fn settle(&mut self, id: WaiterId, place: Place) {
        if let Some(Place::Waiting(Some(waker))) = self.waiting.insert(id, place) {
            self.woken.push(waker);
        }
        if self.timer.is_some_and(|(holder, _)| holder == id) {
            self.timer = None;
        }
    }

    fn is_waiting(&self, id: WaiterId) -> bool {
        matches!(self.waiting.get(&id), Some(Place::Waiting(_)))
    }

    fn wake(&mut self, id: WaiterId) {
        if let Some(Place::Waiting(Some(waker))) = self.waiting.get(&id) {
            self.woken.push(waker.clone());
        }
    }

    /// Somebody has to hold the timer: whoever is woken and finds that nobody does.
    fn pass_timer_on(&mut self) {
        self.timer = None;
        let waits = |place: &&Place| matches!(place, Place::Waiting(Some(_)));
        if let Some(Place::Waiting(Some(waker))) = self.waiting.values().find(waits) {
            self.woken.push(waker.clone());
        }
    }
}

impl Pass {
    /// A head came: it says whether the request was taken, and perhaps how many more will be.
    pub(crate) fn answered(&mut self, head: &response::Parts) {
        if hint::tells_limits(&head.headers)
            && let Some(limits) = Limits::of(&head.headers, SystemTime::now())
        {
            self.tell(Instant::now(), Told::Limits(limits));
        }
        if head.status.is_success() && self.pace.is_limited.load(Ordering::Relaxed) {
            self.tell(Instant::now(), Told::Accepted);
        }
    }

    /// How it went on.
    pub(crate) fn tell(&mut self, now: Instant, told: Told) {
        if let Some(ticket) = &mut self.ticket {
            self.pace.tell(now, ticket, told);
        }
    }

    /// Waits for another turn, before those who have not had one yet. `None`: its refusal was a stray, and
    /// it waits for itself alone.
    pub(crate) fn again(mut self, now: Instant, deadline: Instant) -> Option<Arrived> {
        let ticket = self.ticket.take_if(|ticket| !ticket.is_stray())?;
        let pace = self.pace.clone();
        Some(pace.with(|shared| {
            let arrival = shared.pacer.again(now, ticket, deadline);
            pace.arrived(shared, arrival)
        }))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(mut ticket) = self.ticket.take() {
            // Where there is no limit nobody asks when it ended, and a look at the clock is saved.
            let limited = self.pace.is_limited.load(Ordering::Relaxed);
            let now = if limited { Instant::now() } else { ticket.launched_at() };
            self.pace.tell(now, &mut ticket, Told::Ended);
        }
    }
}

impl Turn {
    /// Ready with the permission, or with the time to come back where the turn would come too late.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pass, Duration>> {
        loop {
            let looked = self.pace.with(|shared| self.look(shared, cx.waker()));
            let Poll::Pending = looked.turn else { return looked.turn };
            let Some(next) = looked.next else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// Whether it is this one's turn; if not, when to look again.
    fn look(&self, shared: &mut Shared, waker: &Waker) -> Looked {
        let next = shared.move_on(Instant::now());
        match shared.waiting.get_mut(&self.id) {
            Some(Place::Waiting(kept)) => {
                if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                    *kept = Some(waker.clone());
                }
            }
            _ => return Looked { turn: Poll::Ready(self.settled(shared)), next: None },
        }
        let next = next.map(|next| match shared.timer {
            Some((holder, at)) if holder != self.id && shared.is_waiting(holder) => at.max(next) + LOOK,
            _ => {
                shared.timer = Some((self.id, next));
                next
            }
        });
        Looked { turn: Poll::Pending, next }
    }

    fn settled(&self, shared: &mut Shared) -> Result<Pass, Duration> {
        match shared.waiting.remove(&self.id) {
            Some(Place::Released(ticket)) => Ok(Pass { pace: self.pace.clone(), ticket: Some(ticket) }),
            Some(Place::TooLate(come_back)) => Err(come_back),
            // Polled again behind its end.
            _ => Err(Duration::ZERO),
        }
    }
}

/// What one that waits has seen.
struct Looked {
    turn: Poll<Result<Pass, Duration>>,
    next: Option<Instant>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = Instant::now();
        self.pace.with(|shared| match shared.waiting.remove(&self.id) {
            Some(Place::Waiting(_)) => {
                shared.pacer.leave(self.id);
                // It may have been woken to take it, and leave before it did.
                if shared.timer.is_none_or(|(holder, _)| holder == self.id) {
                    shared.pass_timer_on();
                }
            }
            // Its turn had come, and nobody was there any more: it is the next one's.
            Some(Place::Released(mut ticket)) => {
                shared.pacer.told(now, &mut ticket, Told::Failed);
                shared.move_on(now);
            }
            _ => {}
        });
    }
}
