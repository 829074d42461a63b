//! Readers that read, each with a connection of its own: when their events come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::Uri;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep};

use super::crowd::Crowd;
use super::upstream::PACE;
use crate::support::answer::request;
use crate::support::ask::{ask, client};
use crate::support::process::Listening;
use crate::support::stamped::{Stamping, Stamps};
use crate::support::{Done, runtime};

/// What they saw; times in seconds.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// From asking to the first event, of each answer that was begun.
    pub(crate) first: Vec<f64>,
    /// From where the chat API sent an event to where its reader had it.
    pub(crate) late: Vec<f64>,
    pub(crate) answers: u64,
    pub(crate) failed: u64,
}

impl Beside {
    pub(crate) fn add(&mut self, other: Self) {
        self.first.extend(other.first);
        self.late.extend(other.late);
        self.answers += other.answers;
        self.failed += other.failed;
    }

    pub(crate) fn sort(&mut self) {
        self.first.sort_by(f64::total_cmp);
        self.late.sort_by(f64::total_cmp);
    }
}

/// Reads one answer after the other on each connection; what is under way at the end counts as far as it came.
pub(crate) fn measure(gateway: &Listening, upstream: &Stamping, crowd: Crowd) -> Done<Beside> {
    let url: Uri = gateway.chat().parse()?;
    let (seen, epoch) = (Rc::new(RefCell::new(Beside::default())), upstream.epoch);
    runtime()?.block_on(LocalSet::new().run_until(async {
        let mut readers = JoinSet::new();
        for number in 0..crowd.normal {
            let after = crowd.over.mul_f64(number as f64 / crowd.normal as f64);
            readers.spawn_local(read(url.clone(), after, epoch, seen.clone()));
        }
        sleep(crowd.over + crowd.time).await;
    }));
    Ok(seen.take())
}

async fn read(url: Uri, after: Duration, epoch: Instant, seen: Rc<RefCell<Beside>>) {
    let client = client(1);
    sleep(after).await;
    loop {
        let asked = Instant::now();
        let mut stamps = Stamps::default();
        let told = ask(&client, &url, request("paced"), |data| {
            let now = Instant::now();
            let first = stamps.found == 0;
            let late = stamps.push(data, now.duration_since(epoch));
            let mut seen = seen.borrow_mut();
            if first && !late.is_empty() {
                seen.first.push(now.duration_since(asked).as_secs_f64());
            }
            seen.late.extend(late);
        });
        let failed = told.await.is_err() || stamps.found != PACE.events as usize;
        let mut seen = seen.borrow_mut();
        seen.answers += 1;
        seen.failed += u64::from(failed);
    }
}
