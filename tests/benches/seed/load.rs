//! The readers: each has one connection, and asks for one answer after the other on it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::support::Done;
use crate::support::answer::{Reading, expected, request};

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
    /// No answer is begun later than this.
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url: Uri = self.url.parse()?;
        runtime.block_on(LocalSet::new().run_until(async {
            let start = Instant::now();
            let begun = Rc::new(Cell::new(0));
            let mut readers = JoinSet::new();
            for number in 0..self.connections {
                let after = self.over.mul_f64(number as f64 / self.connections as f64);
                let (load, url, begun) = (self.clone(), url.clone(), begun.clone());
                readers.spawn_local(async move { load.read(url, after, start, &begun).await });
            }
            let mut measured = Measured::default();
            let mut now_and_then = interval(Duration::from_secs(2));
            loop {
                tokio::select! {
                    ended = readers.join_next() => match ended {
                        Some(answers) => answers?.into_iter().for_each(|one| measured.take(one)),
                        None => break,
                    },
                    _ = now_and_then.tick() => told(begun.get()),
                }
            }
            measured.seconds = start.elapsed().as_secs_f64();
            measured.first.sort_by(f64::total_cmp);
            Ok(measured)
        }))
    }

    /// One reader.
    async fn read(&self, url: Uri, after: Duration, start: Instant, begun: &Cell<u64>) -> Vec<One> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // A request that is sent again in silence would hide a failure.
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.pool_max_idle_per_host(1).retry_canceled_requests(false).build(connector);
        sleep(after).await;
        let mut answers = Vec::new();
        loop {
            let number = begun.get();
            let more = match self.until {
                Until::Answers(count) => number < count,
                Until::Time(time) => start.elapsed() < time,
            };
            if !more {
                return answers;
            }
            begun.set(number + 1);
            answers.push(self.one(&client, &url, number).await);
        }
    }

    async fn one(&self, client: &Client<HttpConnector, Full<Bytes>>, url: &Uri, number: u64) -> One {
        let question = format!("question {number}");
        let asked = Instant::now();
        let mut reading = Reading::default();
        let failed = match timeout(PATIENCE, bytes(client, url, request(&question), &mut reading)).await {
            Err(_) => Some("no end in time".to_owned()),
            Ok(told) => told.err(),
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

/// Reads the bytes of one answer. An error is what the reader sees.
async fn bytes(
    client: &Client<HttpConnector, Full<Bytes>>,
    url: &Uri,
    body: Bytes,
    reading: &mut Reading,
) -> Result<(), String> {
    let request = Request::post(url.clone()).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|_| "no answer".to_owned())?;
    if !response.status().is_success() {
        let status = response.status().as_u16().to_string();
        // Read, so that the connection can be used again.
        let _ = response.into_body().collect().await;
        return Err(status);
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| "a connection that broke".to_owned())?;
        if let Some(data) = frame.data_ref() {
            reading.push(data);
        }
    }
    Ok(())
}
