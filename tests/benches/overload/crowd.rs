//! Readers that never read: what they take of the gateway's memory, and whether those beside them feel it.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::COMMON;
use super::beside::{self, Beside};
use super::target::Target;
use super::upstream::{ANSWERS, push};
use crate::support::answer::request;
use crate::support::process::Listening;
use crate::support::samples::quantile;
use crate::support::stamped::Stamping;
use crate::support::{Done, runtime};

/// What an answer is read ahead at most, by default.
const BUFFER: u64 = 256 << 10;

/// What an open call is charged beside that.
const CALL: u64 = 96 << 10;

/// How large an event is that is pushed at those who do not read.
const EVENT: usize = 250;

/// Longer than anything here takes.
const STALL_TIMEOUT: &str = "stall_timeout = \"5m\"\n";

/// How often the memory is looked at, and for how many looks it has to stay as it is.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: usize = 8;

/// So many looks at most.
const MOST_LOOKS: usize = 120;

/// Beside those who do not read a median may be so many times as high.
const MEDIAN: f64 = 1.2;

/// And 99 of 100 may be so much later, in seconds.
const LATER: f64 = 0.005;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    /// Readers that never read.
    pub(crate) idle: usize,
    /// Readers beside them.
    pub(crate) normal: usize,
    /// Over this time they come.
    pub(crate) over: Duration,
    /// And so long they are measured, in each round.
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
}

impl Crowd {
    pub(crate) const FULL: Self = Self {
        idle: 500,
        normal: 500,
        over: Duration::from_secs(3),
        time: Duration::from_secs(20),
        rounds: 3,
    };
    pub(crate) const QUICK: Self = Self {
        idle: 50,
        normal: 50,
        over: Duration::from_millis(500),
        time: Duration::from_secs(3),
        rounds: 1,
    };
}

/// What those take who do not read, under one configuration; nothing where this system does not tell.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    /// Bytes, before they came and at most.
    pub(crate) before: u64,
    pub(crate) most: u64,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) memory: Vec<Memory>,
    pub(crate) without: Beside,
    pub(crate) with: Beside,
}

impl Memory {
    /// Bytes for each of them.
    pub(crate) fn each(&self, crowd: Crowd) -> Option<f64> {
        let above = self.most.checked_sub(self.before).filter(|_| self.before > 0)?;
        Some(above as f64 / crowd.idle as f64)
    }
}

impl Slow {
    pub(crate) fn targets(&self, crowd: Crowd) -> Vec<Target> {
        let memory = self.memory.iter().map(|row| {
            let kib = |bytes: f64| format!("{:.0} KiB", bytes / 1024.0);
            let most = (BUFFER + CALL) as f64;
            let what = format!("{}: at most {} for each reader that never reads", row.name, kib(most));
            Target::at_most(what, row.each(crowd), most, kib)
        });
        let mut targets: Vec<_> = memory.collect();
        let figures = [
            ("first event", &self.without.first, &self.with.first),
            ("lateness", &self.without.late, &self.with.late),
        ];
        for (name, without, with) in figures {
            let at = |q| quantile(with, with.len(), q).zip(quantile(without, without.len(), q));
            let times = at(0.5).map(|(with, without)| with / without);
            let what = format!("beside them: median {name} at most {MEDIAN} × as without them");
            targets.push(Target::at_most(what, times, MEDIAN, |times| format!("{times:.2} ×")));
            let later = at(0.99).map(|(with, without)| with - without);
            let what = format!("beside them: p99 {name} at most {:.0} ms later", LATER * 1000.0);
            targets.push(Target::at_most(what, later, LATER, |later| {
                format!("{:+.2} ms", later * 1000.0).replace('-', "−")
            }));
        }
        targets
    }
}

/// Measures everything.
pub(crate) fn measure(gateway: &str, crowd: Crowd) -> Done<Slow> {
    let ahead = "read_ahead = true\n";
    let rows = [
        ("as it comes", "", EVENT),
        ("`read_ahead = true`", ahead, EVENT),
        ("`read_ahead = true`, events of 4 KiB", ahead, 4 << 10),
    ];
    let memory = rows.map(|(name, config, event)| memory(gateway, crowd, name, config, event));
    let memory = memory.into_iter().collect::<Done<Vec<_>>>()?;
    let (mut without, mut with) = (Beside::default(), Beside::default());
    for _ in 0..crowd.rounds {
        without.add(beside(gateway, crowd, 0)?);
        with.add(beside(gateway, crowd, crowd.idle)?);
    }
    without.sort();
    with.sort();
    Ok(Slow { memory, without, with })
}

fn start(gateway: &str, upstream: &Stamping, more: &str) -> Done<Listening> {
    let config = format!("{COMMON}[backpressure]\n{STALL_TIMEOUT}{more}");
    Listening::gateway(gateway, &upstream.url, &config)
}

fn memory(gateway: &str, crowd: Crowd, name: &'static str, config: &str, event: usize) -> Done<Memory> {
    let upstream = Stamping::start(ANSWERS)?;
    let gateway = start(gateway, &upstream, config)?;
    runtime()?.block_on(async {
        sleep(LOOK).await;
        let before = gateway.held().unwrap_or_default().resident;
        let readers = idle_readers(&gateway, crowd.idle, event).await?;
        let most = gateway.held().unwrap_or_default().most_resident;
        drop(readers);
        let memory = Memory { name, before, most };
        let each = memory.each(crowd).unwrap_or_default() / 1024.0;
        eprintln!("{name}: {each:.0} KiB for each reader that never reads");
        Ok(memory)
    })
}

fn beside(gateway: &str, crowd: Crowd, idle: usize) -> Done<Beside> {
    let upstream = Stamping::start(ANSWERS)?;
    let gateway = start(gateway, &upstream, "")?;
    let readers = runtime()?;
    let idle_readers = readers.block_on(idle_readers(&gateway, idle, EVENT))?;
    let beside = beside::measure(&gateway, &upstream, crowd)?;
    // They have to have been there all the time.
    let held = readers.block_on(gateway.metric("lastbyte_endings_total{ending=\"stalled\"}"))?;
    if held > 0 {
        return Err(format!("{held} readers were let go too early").into());
    }
    drop(idle_readers);
    eprintln!("beside {idle} readers that never read: {} answers, {} failed", beside.answers, beside.failed);
    Ok(beside)
}

/// So many readers that have asked and do not read, once all that can pile up for them has.
async fn idle_readers(gateway: &Listening, count: usize, event: usize) -> Done<Vec<TcpStream>> {
    let addr = gateway.url.strip_prefix("http://").ok_or("the gateway has another scheme")?;
    let body = request(&push(event));
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut reader = TcpStream::connect(addr).await?;
        reader.write_all(&[head.as_bytes(), &body].concat()).await?;
        readers.push(reader);
    }
    let (mut most, mut same) = (0, 0);
    for _ in 0..MOST_LOOKS {
        sleep(LOOK).await;
        let now = gateway.held().unwrap_or_default().resident;
        same = if now > most { 0 } else { same + 1 };
        most = most.max(now);
        let held = gateway.metric("lastbyte_places_held{side=\"readers\"}").await?;
        if same >= LOOKS && held == count as u64 {
            return Ok(readers);
        }
    }
    Err("what piles up for those who do not read does not come to an end".into())
}
