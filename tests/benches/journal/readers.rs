//! Readers, each with a connection of its own: when their events come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Uri, header};
use http_body_util::Full;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Size;
use super::upstream::PACE;
use crate::support::Done;
use crate::support::answer::request;
use crate::support::ask::{client, send};
use crate::support::stamped::Stamps;

/// What they saw; times in seconds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Whether what comes counts.
    pub(crate) counts: bool,
    /// From where the chat API sent an event to where its reader had it.
    pub(crate) late: Vec<f64>,
    /// From asking to the first event.
    pub(crate) first: Vec<f64>,
    /// Answers, and how many of them were not what the chat API gave. These count from the beginning.
    pub(crate) answers: u64,
    pub(crate) failed: u64,
}

/// All readers; dropped, they leave.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) seen: Rc<RefCell<Seen>>,
    _tasks: JoinSet<()>,
}

impl Readers {
    /// Lets them come. Has to be called within a [`LocalSet`](tokio::task::LocalSet).
    pub(crate) fn come(url: &str, epoch: Instant, size: Size, keyed: bool) -> Done<Self> {
        let url: Uri = url.parse()?;
        let seen = Rc::new(RefCell::new(Seen::default()));
        let mut tasks = JoinSet::new();
        for number in 0..size.streams {
            let after = size.over.mul_f64(number as f64 / size.streams as f64);
            let key = keyed.then(|| format!("reader-{number}"));
            tasks.spawn_local(read(url.clone(), after, epoch, key, seen.clone()));
        }
        Ok(Self { seen, _tasks: tasks })
    }
}

/// Reads one answer after the other, for ever.
async fn read(url: Uri, after: Duration, epoch: Instant, key: Option<String>, seen: Rc<RefCell<Seen>>) {
    let client = client(1);
    sleep(after).await;
    for number in 0_u64.. {
        let mut question = Request::post(url.clone()).header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &key {
            question = question.header("idempotency-key", format!("\"{key}-{number}\""));
        }
        let asked = Instant::now();
        let mut stamps = Stamps::default();
        let told = match question.body(Full::new(request("paced"))) {
            Ok(question) => send(&client, question, |data| {
                let now = Instant::now();
                let first = stamps.found == 0;
                let late = stamps.push(data, now.duration_since(epoch));
                let mut seen = seen.borrow_mut();
                if seen.counts {
                    if first && !late.is_empty() {
                        seen.first.push(now.duration_since(asked).as_secs_f64());
                    }
                    seen.late.extend(late);
                }
            })
            .await
            .is_ok(),
            Err(_) => false,
        };
        let mut seen = seen.borrow_mut();
        seen.answers += 1;
        seen.failed += u64::from(!told || stamps.found != PACE.events as usize || !stamps.is_whole());
    }
}
