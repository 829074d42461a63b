use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use lastbyte_store::{AnswerId, StoreError};
use redis::{Cmd, Value};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::script::Step;

/// What came of a call.
pub(crate) type Reply = Result<Value, StoreError>;

/// One step to take, and who waits for it.
pub(crate) struct Call {
    step: &'static LazyLock<Step>,
    keys: Vec<Bytes>,
    args: Vec<Bytes>,
    /// Whether it may be sent again where nobody knows whether it arrived.
    again: bool,
    /// What is read by it: two that read the same are one.
    pub(crate) reads: Option<(AnswerId, u64, usize)>,
    /// Who waits for it. Nobody from the beginning: it is done nevertheless.
    pub(crate) replies: Vec<oneshot::Sender<Reply>>,
    /// It is given up then.
    pub(crate) until: Instant,
    /// Redis does not know its script.
    pub(crate) unknown: bool,
    /// Its share of what may be under way.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// What to do with a call that an error came back for.
pub(crate) enum Fate {
    /// Send it again.
    Again(Call),
    /// It has failed, and everybody knows.
    Over,
}

impl Call {
    pub(crate) fn new(
        step: &'static LazyLock<Step>,
        keys: Vec<Bytes>,
        args: Vec<Bytes>,
        within: Duration,
    ) -> Self {
        Self {
            step,
            keys,
            args,
            again: true,
            reads: None,
            replies: Vec::new(),
            until: Instant::now() + within,
            unknown: false,
            room: None,
        }
    }

    /// It is sent once: nobody could tell what a second one would do.
    pub(crate) fn once(mut self) -> Self {
        self.again = false;
        self
    }

    /// It reads this, and does nothing.
    pub(crate) fn reading(mut self, id: AnswerId, after: u64, max_bytes: usize) -> Self {
        self.reads = Some((id, after, max_bytes));
        self
    }

    /// Somebody waits for it.
    pub(crate) fn expected(&mut self) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        self.replies.push(sender);
        receiver
    }

    /// Whether there were some who waited, and all of them have left.
    pub(crate) fn is_forsaken(&self) -> bool {
        !self.replies.is_empty() && self.replies.iter().all(oneshot::Sender::is_closed)
    }

    /// How many bytes it has, roughly.
    pub(crate) fn bytes(&self) -> usize {
        200 + self.args.iter().chain(&self.keys).map(|part| part.len() + 8).sum::<usize>()
    }

    /// The first of its keys: in a cluster it says where it goes.
    pub(crate) fn key(&self) -> &[u8] {
        self.keys.first().map_or(&[], |key| key)
    }

    pub(crate) fn command(&self) -> Cmd {
        let mut command = match self.unknown {
            true => redis::cmd("EVAL").arg(self.step.source).to_owned(),
            false => redis::cmd("EVALSHA").arg(self.step.hash()).to_owned(),
        };
        command.arg(self.keys.len());
        for part in self.keys.iter().chain(&self.args) {
            command.arg(&part[..]);
        }
        command
    }

    pub(crate) fn done(self, reply: Reply) {
        let mut replies = self.replies;
        let last = replies.pop();
        for other in replies {
            // Who has left does not want it.
            let _ = other.send(reply.clone());
        }
        if let Some(last) = last {
            let _ = last.send(reply);
        }
    }

    /// It was perhaps sent, and there is no reply.
    pub(crate) fn lost(self, error: &StoreError) -> Fate {
        if self.again { self.not_done(error) } else { self.failed(error) }
    }

    /// It was surely not done.
    pub(crate) fn not_done(self, error: &StoreError) -> Fate {
        if Instant::now() < self.until { Fate::Again(self) } else { self.failed(error) }
    }

    pub(crate) fn failed(self, error: &StoreError) -> Fate {
        self.done(Err(error.clone()));
        Fate::Over
    }
}

/// What a server's error says of the call that it came for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It does not know the script.
    Unknown,
    /// It is not the one to ask, or not yet.
    NotNow,
    /// It has no room left.
    Full,
    /// It will not do it.
    No,
}

pub(crate) fn meaning(code: Option<&str>) -> Meaning {
    match code {
        Some("NOSCRIPT") => Meaning::Unknown,
        Some(
            "READONLY" | "MASTERDOWN" | "LOADING" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "BUSY"
            | "NOREPLICAS",
        ) => Meaning::NotNow,
        Some("OOM") => Meaning::Full,
        _ => Meaning::No,
    }
}

/// Fewer replicas have it than have to.
#[derive(Debug)]
pub(crate) struct TooFewReplicas {
    pub(crate) have: i64,
    pub(crate) want: u32,
}

impl fmt::Display for TooFewReplicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} replicas have it in time", self.have, self.want)
    }
}

impl std::error::Error for TooFewReplicas {}

/// A reply, given what `WAIT` has said: what was written counts only where enough have it.
pub(crate) fn weighed(reply: Value, waited: Option<&Value>, want: u32) -> Reply {
    let have = match waited {
        None => return Ok(reply),
        Some(Value::Int(have)) => *have,
        Some(_) => 0,
    };
    let has_written = match &reply {
        Value::Array(parts) => {
            matches!(parts.first(), Some(Value::BulkString(word)) if word == b"new" || word == b"ok")
        }
        _ => false,
    };
    if has_written && have < i64::from(want) {
        return Err(StoreError::unavailable(TooFewReplicas { have, want }));
    }
    Ok(reply)
}
