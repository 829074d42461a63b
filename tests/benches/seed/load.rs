//! The readers: each has one connection, and asks for one answer after the other on it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::Uri;
use lastbyte::core::far;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use crate::support::answer::{Reading, expected, request};
use crate::support::ask::{Http, ask, client};
use crate::support::{Done, runtime};

/// How long a reader waits for the last byte; an answer takes a quarter of it.
const PATIENCE: Duration = Duration::from_secs(15);

/// What readers do.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where chat completions are asked for.
    pub(crate) url: String,
    /// What the texts are a function of.
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    /// Over this time the readers come, so that they do not go in step.
    pub(crate) over: Duration,
    pub(crate) until: Until,
}

/// When readers stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so many answers.
    Answers(u64),
    /// After so long; what is under way then counts neither way.
    Time(Duration),
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) answers: u64,
    /// Those that were not whole, by what the reader saw.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Answers with a doubled, lost or reordered piece, whole or not: there must be none.
    pub(crate) wrong: Vec<String>,
    /// Seconds to the first content, of all answers that had any, sorted.
    pub(crate) first: Vec<f64>,
    /// Events that were read.
    pub(crate) events: u64,
    pub(crate) seconds: f64,
}

impl Measured {
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn take(&mut self, one: One) {
        self.answers += 1;
        self.events += one.events;
        self.first.extend(one.first);
        if let Some(why) = one.failed {
            *self.failed.entry(why).or_default() += 1;
        }
        self.wrong.extend(one.wrong);
    }
}

/// One answer.
struct One {
    first: Option<f64>,
    events: u64,
    failed: Option<String>,
    wrong: Option<String>,
}

impl Load {
    /// Runs it on this thread, and tells from time to time how far it is.
    pub(crate) fn run(&self, told: impl Fn(u64)) -> Done<Measured> {
        let runtime = runtime()?;
        let url: Uri = self.url.parse()?;
        runtime.block_on(LocalSet::new().run_until(async {
            let start = Instant::now();
            let begun = Rc::new(Cell::new(0));
            let measured = Rc::new(RefCell::new(Measured::default()));
            let mut readers = JoinSet::new();
            for number in 0..self.connections {
                let after = self.over.mul_f64(number as f64 / self.connections as f64);
                let (load, url) = (self.clone(), url.clone());
                let (begun, measured) = (begun.clone(), measured.clone());
                readers.spawn_local(async move { load.read(url, after, &begun, &measured).await });
            }
            let over = match self.until {
                Until::Answers(_) => far(start, Duration::MAX),
                Until::Time(time) => start + time,
            };
            let mut now_and_then = interval(Duration::from_secs(2));
            loop {
                tokio::select! {
                    ended = readers.join_next() => match ended {
                        Some(ended) => ended?,
                        None => break,
                    },
                    // What is still being read counts neither way.
                    () = sleep_until(over) => break,
                    _ = now_and_then.tick() => told(begun.get()),
                }
            }
            drop(readers);
            let mut measured = measured.take();
            measured.seconds = start.elapsed().as_secs_f64();
            measured.first.sort_by(f64::total_cmp);
            Ok(measured)
        }))
    }

    /// One reader.
    async fn read(&self, url: Uri, after: Duration, begun: &Cell<u64>, measured: &RefCell<Measured>) {
        let client = client(1);
        sleep(after).await;
        loop {
            let number = begun.get();
            if matches!(self.until, Until::Answers(count) if number >= count) {
                return;
            }
            begun.set(number + 1);
            let one = self.one(&client, &url, number).await;
            measured.borrow_mut().take(one);
        }
    }

    async fn one(&self, client: &Http, url: &Uri, number: u64) -> One {
        let question = format!("question {number}");
        let asked = Instant::now();
        let mut reading = Reading::default();
        let asked_for = ask(client, url, request(&question), |data| reading.push(data));
        let failed = match timeout(PATIENCE, asked_for).await {
            Err(_) => Some("no end in time".to_owned()),
            Ok(told) => told.err().map(|why| why.to_string()),
        };
        let answer = reading.end();
        let expected = expected(self.seed, &question);
        // What was read of an answer that broke has to be its beginning.
        let right = match failed.is_none() && answer.whole {
            true => answer.text == expected,
            false => expected.starts_with(&answer.text),
        };
        One {
            first: reading.first().map(|at| at.duration_since(asked).as_secs_f64()),
            events: answer.events,
            failed: failed.or_else(|| (!answer.whole).then(|| "a stream that is not whole".to_owned())),
            wrong: (!right).then(|| format!("{question}: {}", answer.text)),
        }
    }
}
