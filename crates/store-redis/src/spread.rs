//! The calls to a cluster. The client knows which node has what, and writes those that go to the same node
//! together by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lastbyte_store::StoreError;
use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr};
use redis::{Pipeline, RedisError, RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout_at};

use crate::call::{Call, Fate, Meaning, meaning, weighed};
use crate::stats::Counters;

/// How many may be under way: a node that does not answer holds its own calls, and none of the others'.
const MOST_CALLS: usize = 1024;

/// How long a call waits before it is tried again, beside what the client waits.
const AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Spread {
    calls: mpsc::Receiver<Call>,
    cluster: ClusterConnection,
    replicas: Option<(u32, Duration)>,
    counters: Arc<Counters>,
}

impl Spread {
    pub(crate) fn new(
        calls: mpsc::Receiver<Call>,
        cluster: ClusterConnection,
        replicas: Option<(u32, Duration)>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { calls, cluster, replicas, counters }
    }

    /// Does what it is told, until nobody is left who could tell it something.
    pub(crate) async fn run(mut self) {
        let mut flying = FuturesUnordered::new();
        loop {
            tokio::select! {
                call = self.calls.recv(), if flying.len() < MOST_CALLS => match call {
                    Some(call) => flying.push(self.one(call)),
                    None => break,
                },
                Some(()) = flying.next(), if !flying.is_empty() => {}
            }
        }
        while flying.next().await.is_some() {}
    }

    fn one(&self, mut call: Call) -> impl Future<Output = ()> + use<> {
        let (cluster, replicas, counters) = (self.cluster.clone(), self.replicas, self.counters.clone());
        async move {
            while !call.is_forsaken() {
                counters.round_trips.fetch_add(1, Ordering::Relaxed);
                counters.calls.fetch_add(1, Ordering::Relaxed);
                let fate = match timeout_at(call.until, sent(cluster.clone(), &call, replicas)).await {
                    Ok(Ok((reply, waited))) => {
                        return call.done(weighed(
                            reply,
                            waited.as_ref(),
                            replicas.map_or(0, |(want, _)| want),
                        ));
                    }
                    Ok(Err(error)) => fate(call, error),
                    Err(late) => call.failed(&StoreError::unavailable(late)),
                };
                match fate {
                    Fate::Again(again) => call = again,
                    Fate::Over => return,
                }
                if !call.unknown {
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

fn fate(mut call: Call, error: RedisError) -> Fate {
    let (meaning, told) = (meaning(error.code()), error.code().is_some());
    let error = StoreError::unavailable(error);
    match meaning {
        Meaning::Unknown => {
            call.unknown = true;
            call.not_done(&error)
        }
        Meaning::NotNow => call.not_done(&error),
        Meaning::Full => call.failed(&StoreError::Full),
        Meaning::No if told => call.failed(&error),
        // No node has said it: a connection broke, or there is none.
        Meaning::No => call.lost(&error),
    }
}

/// The reply, and that of `WAIT` where it is asked for: by the same connection, which it goes by.
async fn sent(
    mut cluster: ClusterConnection,
    call: &Call,
    replicas: Option<(u32, Duration)>,
) -> RedisResult<(Value, Option<Value>)> {
    let command = call.command();
    let Some((want, wait)) = replicas else {
        let reply = cluster.req_packed_command(&command).await?;
        return no_error(reply).map(|reply| (reply, None));
    };
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.add_command(command.clone());
    pipeline.cmd("WAIT").arg(want).arg(wait.as_millis() as u64);
    let route = SingleNodeRoutingInfo::SpecificNode(Route::with_key(call.key(), SlotAddr::Master));
    let mut replies = cluster.route_pipeline(pipeline, 0, 2, route).await?.into_iter();
    let reply = no_error(replies.next().unwrap_or(Value::Nil));
    if reply.as_ref().is_err_and(|error| matches!(error.code(), Some("MOVED" | "ASK"))) {
        // The client follows, and learns, where a command comes alone. What it then does is done once more
        // with `WAIT`, which changes nothing.
        no_error(cluster.req_packed_command(&command).await?)?;
    }
    Ok((reply?, replies.next()))
}

fn no_error(value: Value) -> RedisResult<Value> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}
