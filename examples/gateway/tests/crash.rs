//! Gateways that are killed, readers that come back to another one: each answer is read once, from its first
//! event to its last.
//!
//! `LASTBYTE_KILLS` sets how often a gateway is killed, `cargo xtask chaos` sets it to 50.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use lastbyte_mock::{Mock, expected_text};
use lastbyte_test_redis::Server;
use serde_json::json;
use support::*;

/// An upstream that can go on, and faults that are all cured.
const CONFIG: &str = "[upstream]\ncontinuation = \"vllm\"\n\
    [retry]\ninitial = \"20ms\"\ncap = \"200ms\"\nbudget = 100\npacing = false\n[breaker]\nenabled = false\n\
    [backpressure]\nadaptive = false\n";

fn kills() -> usize {
    std::env::var("LASTBYTE_KILLS").map_or(6, |kills| kills.parse().unwrap())
}

/// Gateways on one store, any of which may be killed and started anew.
struct Fleet {
    folder: tempfile::TempDir,
    store: String,
    upstream: String,
    gateways: Vec<Mutex<Option<Gateway>>>,
    /// Where each is, or was.
    urls: Vec<Mutex<String>>,
}

impl Fleet {
    fn new(
        count: usize,
        mock: &Mock,
        lease: &str,
        store: impl FnOnce(&std::path::Path) -> String,
    ) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("{CONFIG}[idempotency]\nlease = \"{lease}\"\n");
        std::fs::write(folder.path().join("gateway.toml"), config).unwrap();
        let store = store(folder.path());
        let gateways = (0..count).map(|_| Mutex::default()).collect();
        let urls = (0..count).map(|_| Mutex::default()).collect();
        let fleet = Self { folder, store, upstream: mock.url(), gateways, urls };
        (0..count).for_each(|which| fleet.start(which));
        Arc::new(fleet)
    }

    fn start(&self, which: usize) {
        let config = self.folder.path().join("gateway.toml");
        let config = config.to_str().unwrap();
        let args = ["--config", config, "--upstream", &self.upstream, "--store", &self.store];
        let gateway = Gateway::start("serve", &args);
        *self.urls[which].lock().unwrap() = gateway.url.clone();
        *self.gateways[which].lock().unwrap() = Some(gateway);
    }

    /// Without a goodbye, and it is back at once, on another port.
    async fn kill(self: &Arc<Self>, which: usize) {
        let fleet = self.clone();
        let killed = tokio::task::spawn_blocking(move || {
            drop(fleet.gateways[which].lock().unwrap().take());
            fleet.start(which);
        });
        killed.await.unwrap();
    }

    fn url(&self, random: &mut fastrand::Rng) -> String {
        self.urls[random.usize(..self.urls.len())].lock().unwrap().clone()
    }
}

/// Reads one answer to its end, whatever happens on the way; `leaves` times the reader leaves by itself.
async fn read_whole(
    fleet: &Fleet,
    client: &Http,
    key: String,
    mut leaves: usize,
    random: &mut fastrand::Rng,
) {
    let mut reader = Reader::new(key);
    let began = tokio::time::Instant::now();
    let mut met = Vec::new();
    loop {
        let most = if leaves > 0 { random.usize(1..30) } else { usize::MAX };
        let got = reader.read(client, &fleet.url(random), most).await;
        match got {
            Got::Whole => break,
            Got::Left => leaves = leaves.saturating_sub(1),
            Got::Broken | Got::Refused(409 | 502 | 503 | 504) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Got::Failed(_) | Got::Refused(_) => panic!("{got:?} behind {met:?} at {}", reader.key),
        }
        met.push(got);
        assert!(began.elapsed() < PATIENCE, "{met:?} at {}", reader.key);
    }
    assert_eq!(reader.text, expected_text(1, &messages(&reader.words)), "{} behind {met:?}", reader.key);
}

/// Readers ask without a pause, while gateways are killed at random moments.
async fn killed_under_load(count: usize, store: impl FnOnce(&std::path::Path) -> String) {
    let mock = mock(json!({"interval_ms": 8, "first_event_ms": 20, "continuations": ["vllm"]})).await;
    // Short, so that a test is not long; on a busy machine one may be lost, and nobody may see that either.
    let fleet = Fleet::new(count, &mock, "1s", store);
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers = (0..24).map(|number| {
        let (fleet, over, asked) = (fleet.clone(), over.clone(), asked.clone());
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(number);
            let client = client();
            let mut keys = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let key = format!("k{}", asked.fetch_add(1, Ordering::Relaxed));
                read_whole(&fleet, &client, key.clone(), 0, &mut random).await;
                keys.push(key);
            }
            // What was read once can be read again.
            for key in keys {
                read_whole(&fleet, &client, key, 0, &mut random).await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..kills() {
        let more = asked.load(Ordering::Relaxed) + random.usize(1..60);
        let failed = || readers.iter().any(|reader| reader.is_finished());
        until("more questions", || asked.load(Ordering::Relaxed) >= more || failed()).await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..300))).await;
        fleet.kill(random.usize(..count)).await;
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    // However often they were killed, each answer was given whole at least once, and few were asked for twice:
    // those that were under way.
    let (asked, stats) = (asked.load(Ordering::Relaxed) as u64, mock.stats());
    assert!(stats.requests >= asked && stats.requests <= asked + 24 * kills() as u64, "{asked}: {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_under_load_loses_and_doubles_nothing_on_sqlite() {
    killed_under_load(1, |folder| format!("sqlite:{}", folder.join("a.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_are_killed_under_load_lose_and_double_nothing_on_redis() {
    let redis = Server::standalone().await;
    killed_under_load(2, |_| redis.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_come_back_to_either_gateway_read_each_answer_once() {
    const READERS: usize = 500;
    let redis = Server::standalone().await;
    let faults = json!({
        "status": [{"code": 429, "retry_after": "0", "rate": 0.03}, {"code": 503, "rate": 0.03}],
        "reset_before_head": 0.02,
        "cut": {"after": 9, "rate": 0.03},
        "interval_ms": 15,
        "continuations": ["vllm"]
    });
    let mock = mock(faults).await;
    let fleet = Fleet::new(2, &mock, "15s", |_| redis.url());
    let client = client();
    let all = (0..READERS).map(|number| {
        let (fleet, client) = (fleet.clone(), client.clone());
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(number as u64);
            read_whole(&fleet, &client, format!("k{number}"), 3, &mut random).await;
        })
    });
    for reader in join_all(all).await {
        reader.unwrap();
    }
    let stats = mock.stats();
    assert_eq!(stats.answers, READERS as u64, "{stats:?}");
    assert!(stats.faults.len() > 4, "{stats:?}");
}
