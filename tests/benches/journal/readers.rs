//! Readers, each with a connection of its own: when their events come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Uri, header};
use http_body_util::Full;
use memchr::memmem;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Size;
use super::upstream::{DIGITS, EVENTS};
use crate::support::Done;
use crate::support::answer::request;
use crate::support::ask::{client, send};

/// Before a stamp.
const CONTENT: &[u8] = b"\"content\":\"";

/// The last event of a whole answer.
const DONE: &[u8] = b"data: [DONE]\n\n";

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
        seen.failed += u64::from(!told || stamps.found != EVENTS as usize || !stamps.is_whole());
    }
}

/// Finds the stamps in an answer, wherever its pieces are cut.
#[derive(Debug, Default)]
struct Stamps {
    bytes: Vec<u8>,
    found: usize,
}

impl Stamps {
    /// How late the events are that are whole with `data`, in seconds.
    fn push(&mut self, data: &[u8], now: Duration) -> Vec<f64> {
        self.bytes.extend_from_slice(data);
        let (mut late, mut done) = (Vec::new(), 0);
        while let Some(at) = memmem::find(&self.bytes[done..], CONTENT) {
            let begin = done + at + CONTENT.len();
            let Some(digits) = self.bytes.get(begin..begin + DIGITS) else { break };
            done = begin;
            // The chunk with the finish reason has no text.
            let Some(sent) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            late.push(now.saturating_sub(Duration::from_micros(sent)).as_secs_f64());
        }
        self.bytes.drain(..done);
        self.found += late.len();
        late
    }

    fn is_whole(&self) -> bool {
        self.bytes.ends_with(DONE)
    }
}
