//! One quota, whichever of two gateways a tenant comes to.
//!
//! `LASTBYTE_MINUTES` makes it as long as the promise is, `cargo xtask chaos` sets it to 3: within 2 % of one
//! gateway in the first minute, and of the limit in every later one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use lastbyte_test_redis::Server;
use serde_json::json;
use support::*;
use tokio::time::{Instant, sleep_until};

/// How a run is counted: the limit, how long a part of it is, and how many parts there are.
struct Run {
    per_minute: u64,
    part: Duration,
    parts: usize,
}

impl Run {
    fn new() -> Self {
        match std::env::var("LASTBYTE_MINUTES") {
            Ok(minutes) => {
                let parts = minutes.parse().unwrap();
                Self { per_minute: 600, part: Duration::from_secs(60), parts }
            }
            // So few that a busy machine asks for more.
            Err(_) => Self { per_minute: 1200, part: Duration::from_secs(5), parts: 2 },
        }
    }

    /// What a part allows behind the first.
    fn of_part(&self) -> u64 {
        self.per_minute * self.part.as_secs() / 60
    }
}

/// Asks without a pause at these gateways, and gives how many calls passed in each part.
async fn passed(gateways: &[Gateway], run: &Run, began: Instant) -> Vec<u64> {
    let counts: Arc<Vec<AtomicU64>> = Arc::new((0..run.parts).map(|_| AtomicU64::new(0)).collect());
    let end = began + run.part * u32::try_from(run.parts).unwrap();
    let part = run.part;
    let askers = gateways.iter().flat_map(|gateway| std::iter::repeat_n(gateway.url.clone(), 6)).map(|url| {
        let counts = counts.clone();
        tokio::spawn(async move {
            let client = client();
            sleep_until(began).await;
            while Instant::now() < end {
                let answer = send(&client, post(&format!("{url}{CHAT}"), question("a", false))).await;
                let part = began.elapsed().as_nanos() / part.as_nanos();
                match answer.status.as_u16() {
                    200 => {
                        if let Some(count) = counts.get(part as usize) {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    429 => tokio::time::sleep(Duration::from_millis(5)).await,
                    other => panic!("{other}: {:?}", answer.body),
                }
            }
        })
    });
    for asker in join_all(askers).await {
        asker.unwrap();
    }
    counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_redis_let_through_what_one_does() {
    let run = Run::new();
    let burst = if run.per_minute == 600 { "60s" } else { "1s" };
    let config = format!(
        "[quota]\nrequests_per_minute = {}\nburst = \"{burst}\"\n[breaker]\nenabled = false\n",
        run.per_minute
    );
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let mock = mock(json!({"words": 1})).await;
    let (one, both) = (Server::standalone().await, Server::standalone().await);
    let start = |store: &Server| {
        let config = file.path().to_str().unwrap();
        Gateway::start("serve", &["--config", config, "--upstream", &mock.url(), "--store", &store.url()])
    };
    let (alone, pair) = ([start(&one)], [start(&both), start(&both)]);
    let began = Instant::now() + Duration::from_millis(100);
    let (alone, pair) = tokio::join!(passed(&alone, &run, began), passed(&pair, &run, began));
    println!("one gateway {alone:?}, two gateways {pair:?}, limit {}", run.of_part());
    // Within 2 %; of a few, the ones that were under way when a part began or ended.
    let near = |a: u64, b: u64| a.abs_diff(b) <= (b / 50).max(3);
    assert!(near(pair[0], alone[0]), "first: {pair:?}, {alone:?}");
    let later = |all: &[u64]| all[1..].iter().sum::<u64>() / (run.parts as u64 - 1);
    assert!(near(later(&pair), run.of_part()), "later: {pair:?}, {}", run.of_part());
    assert!(pair[0] >= run.of_part(), "the limit was never reached: {pair:?}");
}
