//! Quotas in Redis: what two gateways grant together is what one would, by the same arithmetic as in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use lastbyte_quota::{Allowance, Cost, Denied, Key, Limited, Local, Quotas, Standing, Taking};
use lastbyte_store_redis::{OnError, RedisQuotas};
use lastbyte_test_redis::{Cluster, Server};
use support::connect;
use tokio::time::{Instant, sleep, timeout};

fn cost(tokens: u64) -> Cost {
    Cost { requests: 1, tokens }
}

async fn take(quotas: &impl Quotas, key: &Key, cost: Cost) -> Result<Standing, Denied> {
    match quotas.take(key, cost) {
        Taking::Now(taken) => taken,
        Taking::Later(later) => later.await,
    }
}

/// Requests and tokens.
fn left(standing: &Standing) -> (u32, u32) {
    (standing.requests.unwrap().remaining, standing.tokens.unwrap().remaining)
}

/// Waits until so much is left, without taking anything. Settling is not waited for by who settles.
async fn until_left(quotas: &impl Quotas, key: &Key, wanted: (u32, u32)) {
    let since = Instant::now();
    loop {
        let standing = left(&take(quotas, key, Cost::default()).await.unwrap());
        if standing == wanted {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{standing:?} are left, and not {wanted:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Nearly nothing comes back while a test runs: one an hour.
fn slow() -> Allowance {
    Allowance::new()
        .with_requests_per_minute(1)
        .with_tokens_per_minute(1)
        .with_burst(Duration::from_secs(3_600))
}

#[tokio::test]
async fn two_gateways_grant_together_what_one_would() {
    let server = Server::standalone().await;
    let one = RedisQuotas::new(connect(&server.url()).await, slow());
    let other = RedisQuotas::new(connect(&server.url()).await, slow());
    let key = Key::named("shared");
    let mut granted = 0;
    let ask = |quotas: RedisQuotas| {
        let key = key.clone();
        async move {
            let mut granted = 0;
            for _ in 0..50 {
                granted += u32::from(take(&quotas, &key, cost(1)).await.is_ok());
            }
            granted
        }
    };
    let both = tokio::join!(ask(one.clone()), ask(other.clone()), ask(one.clone()), ask(other.clone()));
    for part in [both.0, both.1, both.2, both.3] {
        granted += part;
    }
    assert_eq!(granted, 60);
    let Err(Denied::Exhausted { by, wait, standing }) = take(&one, &key, cost(2)).await else { panic!() };
    assert_eq!((by, left(&standing)), (Limited::Tokens, (0, 0)));
    assert!(wait > Duration::from_secs(115) && wait <= Duration::from_secs(120), "{wait:?}");
    // What one gives back the other may use.
    one.settle(&key, cost(1), Cost::default());
    until_left(&other, &key, (1, 1)).await;
    assert!(take(&other, &key, cost(1)).await.is_ok());
    // Another's is its own.
    assert!(take(&other, &Key::named("alone"), cost(60)).await.is_ok());
}

#[tokio::test]
async fn redis_counts_as_memory_does() {
    let server = Server::standalone().await;
    let (local, remote) = (Local::new(slow()), RedisQuotas::new(connect(&server.url()).await, slow()));
    let mut random = fastrand::Rng::with_seed(7);
    for key in 0..20 {
        let key = Key::named(format!("key {key}"));
        for _ in 0..20 {
            let asked = Cost { requests: random.u32(0..3), tokens: random.u64(0..70) };
            let (here, there) = (take(&local, &key, asked).await, take(&remote, &key, asked).await);
            match (&here, &there) {
                (Ok(here), Ok(there)) => assert_eq!(left(here), left(there)),
                (Err(here), Err(there)) => match (here, there) {
                    (Denied::TooLarge { burst, .. }, Denied::TooLarge { burst: theirs, .. }) => {
                        assert_eq!(burst, theirs);
                    }
                    (Denied::Exhausted { by, wait, .. }, Denied::Exhausted { by: b, wait: w, .. }) => {
                        // The clocks run on between the two.
                        assert!(by == b && wait.abs_diff(*w) < Duration::from_secs(2), "{here:?} {there:?}");
                    }
                    _ => panic!("{here:?} {there:?}"),
                },
                _ => panic!("{asked:?}: {here:?} {there:?}"),
            }
            if here.is_ok() {
                let cost = Cost { requests: asked.requests.min(1), tokens: random.u64(0..90) };
                local.settle(&key, asked, cost);
                remote.settle(&key, asked, cost);
                until_left(&remote, &key, left(&local.standing(&key))).await;
            }
        }
    }
}

#[tokio::test]
async fn an_allowance_comes_back_and_its_key_goes() {
    let server = Server::standalone().await;
    let allowance = Allowance::new().with_tokens_per_minute(60_000).with_burst(Duration::from_millis(200));
    let quotas = RedisQuotas::new(connect(&server.url()).await, allowance);
    let key = Key::from(lastbyte_core::Tenant(7));
    assert!(take(&quotas, &key, cost(200)).await.is_ok());
    let Err(Denied::Exhausted { wait, .. }) = take(&quotas, &key, cost(150)).await else { panic!() };
    assert!(wait <= Duration::from_millis(150), "{wait:?}");
    sleep(wait + Duration::from_millis(1)).await;
    assert!(take(&quotas, &key, cost(150)).await.is_ok());
    assert!(server.ask("DBSIZE").await.contains(":1"));
    server.until("DBSIZE", ":0").await;
    assert!(take(&quotas, &key, cost(200)).await.is_ok());
    assert!(matches!(take(&quotas, &key, cost(201)).await, Err(Denied::TooLarge { burst: 200, .. })));
}

#[tokio::test]
async fn a_debt_is_bounded() {
    let server = Server::standalone().await;
    let allowance = Allowance::new().with_tokens_per_minute(600);
    let quotas = RedisQuotas::new(connect(&server.url()).await, allowance);
    let key = Key::named("debtor");
    quotas.settle(&key, Cost::default(), cost(u64::MAX));
    let since = Instant::now();
    let wait = loop {
        match take(&quotas, &key, cost(1)).await {
            Err(Denied::Exhausted { wait, .. }) => break wait,
            other => assert!(since.elapsed() < Duration::from_secs(5), "{other:?}"),
        }
    };
    // Ten minutes, less the burst of one, and the tokens that were granted before it was settled.
    assert!(wait > Duration::from_secs(535) && wait <= Duration::from_secs(541), "{wait:?}");
}

#[tokio::test]
async fn who_leaves_before_the_reply_has_taken_nothing() {
    let server = Server::standalone().await;
    let quotas = RedisQuotas::new(connect(&server.url()).await, slow());
    let key = Key::named("hasty");
    for _ in 0..20 {
        let Taking::Later(later) = quotas.take(&key, cost(1)) else { panic!("Redis has to be asked") };
        drop(later);
    }
    assert!(take(&quotas, &key, cost(1)).await.is_ok());
    until_left(&quotas, &key, (59, 59)).await;
}

#[tokio::test]
async fn where_redis_is_away_a_policy_decides() {
    let mut server = Server::standalone().await;
    let refuse = RedisQuotas::new(connect(&server.url()).await, slow());
    let pass = RedisQuotas::new(connect(&server.url()).await, slow()).with_on_error(OnError::Pass);
    let key = Key::named("key");
    assert!(take(&refuse, &key, cost(1)).await.is_ok());
    server.kill();
    let since = Instant::now();
    assert!(matches!(take(&refuse, &key, cost(1)).await, Err(Denied::Unavailable { .. })));
    assert_eq!(take(&pass, &key, cost(1)).await, Ok(Standing::default()));
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    pass.settle(&key, cost(1), cost(5));
    server.restart().await;
    let back = async {
        while !matches!(take(&refuse, &key, Cost::default()).await, Ok(standing) if standing.tokens.is_some())
        {
        }
    };
    timeout(Duration::from_secs(10), back).await.unwrap();
}

#[tokio::test]
async fn quotas_are_kept_in_a_cluster_too() {
    let cluster = Cluster::start().await;
    let quotas = RedisQuotas::new(connect(&cluster.url()).await, slow());
    for key in 0..30 {
        let key = Key::named(format!("key {key}"));
        assert!(take(&quotas, &key, cost(60)).await.is_ok());
        assert!(take(&quotas, &key, cost(1)).await.is_err());
        quotas.settle(&key, cost(60), cost(50));
        until_left(&quotas, &key, (59, 10)).await;
    }
}
