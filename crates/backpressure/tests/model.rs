//! The gate, under threads that race in every order that matters.
//!
//! The sources are those of the crate; only the mutex beneath them is one that the model checker schedules.

#![allow(dead_code, reason = "the model uses a part of each source")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../src/gate.rs"]
mod gate;
#[path = "../src/queue.rs"]
mod queue;

/// A limit that is what it is told to be, and may rise by itself.
mod limit {
    use std::time::Duration;

    use tokio::time::Instant;

    #[derive(Debug)]
    pub(crate) struct Limit {
        pub(crate) places: usize,
        pub(crate) rises_at: Option<Instant>,
        /// Up to so many.
        pub(crate) up_to: usize,
    }

    impl Limit {
        pub(crate) fn of(places: usize) -> Self {
            Self { places, rises_at: None, up_to: places }
        }

        pub(crate) fn places(&mut self, now: Instant) -> usize {
            if let Some(at) = self.rises_at.take_if(|at| now >= *at) {
                self.places += 1;
                self.rises_at = (self.places < self.up_to).then_some(at + Duration::from_secs(1000));
            }
            self.places
        }

        pub(crate) fn rises_at(&self) -> Option<Instant> {
            self.rises_at
        }
    }
}

mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
}

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gate::{Entered, Gate, Permit, Place, Turned};
use lastbyte_core::{Class, Tenant};
use limit::Limit;
use queue::Caller;
use shuttle::{future, thread};
use sync::Arc;
use tokio::time::Instant;

const LONG: Duration = Duration::from_secs(1_000_000);

fn caller(tenant: u64) -> Caller {
    Caller { tenant: Tenant(tenant), class: Class::Live }
}

fn enter(gate: &Arc<Gate>, tenant: u64) -> Result<Entered, Turned> {
    let now = Instant::now();
    gate.enter(caller(tenant), now, now + LONG)
}

/// Holds a place for a moment, and looks that there are never more than there may be.
fn hold(held: &std::sync::atomic::AtomicUsize, limit: usize) {
    assert!(held.fetch_add(1, Ordering::SeqCst) < limit, "there are more than there may be");
    thread::yield_now();
    held.fetch_sub(1, Ordering::SeqCst);
}

#[test]
fn every_permit_comes_back_and_everybody_has_a_turn() {
    let run = || {
        let gate = Arc::new(Gate::new(Limit::of(2), 10, LONG));
        let held = std::sync::Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|tenant| {
                let (gate, held) = (gate.clone(), held.clone());
                thread::spawn(move || match enter(&gate, tenant).unwrap() {
                    Entered::At(permit) => {
                        hold(&held, 2);
                        drop(permit);
                    }
                    Entered::Behind(place) => {
                        let permit = future::block_on(place).unwrap();
                        hold(&held, 2);
                        drop(permit);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((gate.held(), gate.waiting()), (0, 0));
    };
    shuttle::check_random(run, 5_000);
}

#[test]
fn a_caller_that_leaves_at_any_moment_takes_nothing_with_it() {
    let run = || {
        let gate = Arc::new(Gate::new(Limit::of(1), 10, LONG));
        let Ok(Entered::At(first)) = enter(&gate, 0) else { panic!("there is a place") };
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || {
                if let Ok(Entered::Behind(place)) = enter(&gate, 1) {
                    let mut place = pin!(place);
                    let polled = place.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    thread::yield_now();
                    if let Poll::Ready(permit) = polled {
                        drop(permit);
                    }
                }
            })
        };
        let stayer = {
            let gate = gate.clone();
            thread::spawn(move || {
                if let Ok(Entered::Behind(place)) = enter(&gate, 2) {
                    drop(future::block_on(place).unwrap());
                }
            })
        };
        let releaser = thread::spawn(move || drop(first));
        [leaver, stayer, releaser].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((gate.held(), gate.waiting()), (0, 0));
    };
    shuttle::check_random(run, 5_000);
}

#[test]
fn a_limit_that_changes_meanwhile_loses_nobody() {
    let run = || {
        let gate = Arc::new(Gate::new(Limit::of(1), 2, LONG));
        let threads: Vec<_> = (0..4)
            .map(|tenant| {
                let gate = gate.clone();
                // The queue may be full, or make room for another tenant: each is an answer.
                thread::spawn(move || match enter(&gate, tenant) {
                    Ok(Entered::Behind(place)) => drop(future::block_on(place)),
                    Ok(Entered::At(permit)) => drop(permit),
                    Err(turned) => assert_eq!(turned, Turned::Full),
                })
            })
            .collect();
        let changer = {
            let gate = gate.clone();
            thread::spawn(move || [3, 1, 2].map(|limit| gate.change(Instant::now(), |it| it.places = limit)))
        };
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        changer.join().unwrap();
        assert_eq!((gate.held(), gate.waiting()), (0, 0));
    };
    shuttle::check_random(run, 5_000);
}

/// Waits for a place, and looks at the limit again whenever it is told that it rises.
async fn mind_the_time(gate: &Gate, place: Place) -> Permit {
    let mut place = pin!(place);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(permit) = place.as_mut().poll(cx) {
                return Poll::Ready(permit.unwrap());
            }
            let Some(rises_at) = place.rises_at() else { return Poll::Pending };
            gate.limit(rises_at);
        }
    })
    .await
}

#[test]
fn while_anybody_waits_somebody_minds_when_the_limit_rises() {
    let run = || {
        let gate = Arc::new(Gate::new(Limit::of(1), 10, LONG));
        let Ok(Entered::At(first)) = enter(&gate, 0) else { panic!("there is a place") };
        // Each comes to its place because the limit rises, and keeps it; one leaves.
        let stayers: Vec<_> = (1..4)
            .map(|tenant| {
                let gate = gate.clone();
                thread::spawn(move || match enter(&gate, tenant).unwrap() {
                    Entered::At(permit) => permit,
                    Entered::Behind(place) => future::block_on(mind_the_time(&gate, place)),
                })
            })
            .collect();
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || {
                if let Ok(Entered::Behind(place)) = enter(&gate, 4) {
                    let mut place = pin!(place);
                    let _ = place.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    thread::yield_now();
                }
            })
        };
        let changer = {
            let gate = gate.clone();
            let rises_at = Some(Instant::now() + LONG);
            thread::spawn(move || {
                gate.change(Instant::now(), |it| (it.rises_at, it.up_to) = (rises_at, 4));
            })
        };
        let permits: Vec<_> = stayers.into_iter().map(|thread| thread.join().unwrap()).collect();
        [leaver, changer].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((gate.held(), gate.waiting()), (4, 0));
        drop((first, permits));
        assert_eq!(gate.held(), 0);
    };
    shuttle::check_random(run, 5_000);
}
