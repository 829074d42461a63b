//! Calls that come at a fixed rate, whatever becomes of those before them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::Uri;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::SEED;
use crate::support::answer::{Reading, expected, request};
use crate::support::ask::{Failed, Http, ask, client};

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is under way.
    Pending,
    Answered,
    /// The breaker refused it.
    Refused,
    /// Anything else that the caller saw.
    Failed(String),
}

/// One call; times are in seconds since the first one.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) came: f64,
    /// When its first content was there.
    pub(crate) first: Option<f64>,
    /// When the caller knew.
    pub(crate) ended: Option<f64>,
    pub(crate) outcome: Outcome,
}

/// What callers share.
#[derive(Debug)]
pub(crate) struct Arrivals {
    start: Instant,
    url: Uri,
    client: Http,
    patience: Duration,
    stopped: Cell<bool>,
    calls: RefCell<Vec<Call>>,
    wrong: RefCell<Vec<String>>,
}

impl Arrivals {
    pub(crate) fn new(url: Uri, patience: Duration) -> Rc<Self> {
        Rc::new(Self {
            start: Instant::now(),
            url,
            client: client(usize::MAX),
            patience,
            stopped: Cell::default(),
            calls: RefCell::default(),
            wrong: RefCell::default(),
        })
    }

    /// So many at once, and then `rate` a second until they are stopped; over when the last one has ended.
    pub(crate) async fn run(self: Rc<Self>, at_once: usize, rate: f64) {
        let mut calls = JoinSet::new();
        for _ in 0..at_once {
            calls.spawn_local(self.clone().call());
        }
        for number in 0_u32.. {
            let due = self.start + Duration::from_secs_f64(f64::from(number) / rate);
            sleep_until(due).await;
            if self.stopped.get() {
                break;
            }
            calls.spawn_local(self.clone().call());
            // What has ended need not be kept.
            while calls.try_join_next().is_some() {}
        }
        calls.join_all().await;
    }

    /// No more calls come.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    /// When a time is, for [`Call`].
    pub(crate) fn at(&self, seconds: Duration) -> Instant {
        self.start + seconds
    }

    pub(crate) fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// All calls so far, in the order they came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// Answers that have another text than the chat API gives: there must be none.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.borrow().clone()
    }

    async fn call(self: Rc<Self>) {
        let number = self.calls.borrow().len();
        let came = self.now();
        self.calls.borrow_mut().push(Call { came, first: None, ended: None, outcome: Outcome::Pending });
        let question = format!("question {number}");
        let mut reading = Reading::default();
        let asked = ask(&self.client, &self.url, request(&question), |data| reading.push(data));
        let told = timeout(self.patience, asked).await;
        let answer = reading.end();
        let outcome = match told {
            Err(_) => Outcome::Failed("no end in time".to_owned()),
            Ok(Err(Failed::Status { refused_by: Some(by), .. })) if by == "breaker" => Outcome::Refused,
            Ok(Err(why)) => Outcome::Failed(why.to_string()),
            Ok(Ok(())) if answer.whole => Outcome::Answered,
            Ok(Ok(())) => Outcome::Failed("a stream that is not whole".to_owned()),
        };
        let expected = expected(SEED, &question);
        let right = match outcome {
            Outcome::Answered => answer.text == expected,
            _ => expected.starts_with(&answer.text),
        };
        if !right {
            self.wrong.borrow_mut().push(format!("{question}: {}", answer.text));
        }
        let first = reading.first().map(|at| at.duration_since(self.start).as_secs_f64());
        if let Some(call) = self.calls.borrow_mut().get_mut(number) {
            *call = Call { came, first, ended: Some(self.now()), outcome };
        }
    }
}
