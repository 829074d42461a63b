//! How a store connects, and how much it asks of Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use lastbyte_store::{Journal, Opened};
use lastbyte_store_redis::{ConnectError, Redis};
use lastbyte_test_redis::Server;
use support::{answer, complete, connect, event, open};
use tokio::time::{interval, timeout};

#[tokio::test]
async fn it_speaks_tls_to_whom_it_trusts() {
    let (server, certificate) = Server::tls().await;
    let url = format!("rediss://localhost:{}", server.tls_port().unwrap());
    let redis = connect(&format!("{url}?ca_file={}", certificate.path().display())).await;
    let lease = open(&redis, &answer()).await;
    redis.append(lease, event(1)).await.unwrap();
    let waited = redis.changed(lease.id, 0, Duration::from_secs(5));
    timeout(Duration::from_secs(4), waited).await.unwrap().unwrap();
    // Nobody has signed it whom the system trusts.
    assert!(matches!(Redis::connect(&url).await, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_user_needs_no_more_rights_than_the_documents_say() {
    let server = Server::standalone().await;
    let rights =
        "~lb:* &lb:* +@read +@write +@scripting +@pubsub +@connection +time +wait -@dangerous -@admin";
    server.ask(&format!("ACL SETUSER gateway on >secret {rights}")).await;
    let url = server.url().replace("redis://", "redis://gateway:secret@");
    let redis = connect(&format!("{url}/2")).await;
    let lease = open(&redis, &answer()).await;
    redis.sent(lease).await.unwrap();
    redis.append(lease, event(1)).await.unwrap();
    redis.changed(lease.id, 0, Duration::from_secs(5)).await.unwrap();
    redis.relinquish(lease).await.unwrap();
    let claimed = redis.claim_any(&[]).await.unwrap().unwrap();
    redis.end(claimed.lease, event(2), complete()).await.unwrap();

    let wrong = server.url().replace("redis://", "redis://gateway:wrong@");
    let refused = Redis::connect(&wrong).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Unreachable(_)), "{refused:?}");
    let elsewhere = Redis::connect(&format!("{url}?prefix=other")).await;
    assert!(matches!(elsewhere, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_password_alone_is_enough_for_the_default_user() {
    let server = Server::with_password("p4ss").await;
    let redis = connect(&server.url().replace("redis://", "redis://:p4ss@")).await;
    open(&redis, &answer()).await;
    assert!(matches!(Redis::connect(&server.url()).await, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_prefix_keeps_two_apart() {
    let server = Server::standalone().await;
    let (ours, theirs) =
        (connect(&server.url()).await, connect(&format!("{}?prefix=theirs", server.url())).await);
    let answer = answer();
    let lease = open(&ours, &answer).await;
    ours.relinquish(lease).await.unwrap();
    assert!(theirs.claim_any(&[]).await.unwrap().is_none());
    assert!(matches!(theirs.open(answer).await.unwrap(), Opened::New(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_followers_share_three_connections() {
    let server = Server::standalone().await;
    let redis = connect(&server.url()).await;
    let answers: Vec<_> = (0..500).map(|_| answer()).collect();
    let leases = join_all(answers.iter().map(|answer| open(&redis, answer))).await;
    let followers = join_all((0..2000).map(|at| {
        let (redis, lease) = (&redis, leases[at % leases.len()]);
        async move {
            let mut seen = 0;
            loop {
                let page = redis.read(lease.id, seen, 1 << 16).await.unwrap().unwrap();
                seen += page.events.len() as u64;
                if page.record.state.is_ended() && seen == page.record.events {
                    return seen;
                }
                redis.changed(lease.id, seen, Duration::from_secs(30)).await.unwrap();
            }
        }
    }));
    let writers = async {
        for number in 1..=3 {
            let appended = join_all(leases.iter().map(|lease| redis.append(*lease, event(number)))).await;
            appended.into_iter().for_each(Result::unwrap);
        }
        let clients = server.ask("CLIENT LIST").await;
        let of_the_store = clients.lines().filter(|client| !client.contains("cmd=client|list")).count();
        assert!(of_the_store <= 3, "{clients}");
        let ended = join_all(leases.iter().map(|lease| redis.end(*lease, event(4), complete()))).await;
        ended.into_iter().for_each(Result::unwrap);
    };
    let (seen, ()) = tokio::join!(followers, writers);
    assert!(seen.iter().all(|seen| *seen == 4));
    // Who has left is not listened for, after a while.
    assert!(server.ask("PUBSUB CHANNELS lb:w:*").await.starts_with("*500"));
    server.until("PUBSUB CHANNELS lb:w:*", "*0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_streams_share_round_trips() {
    let server = Server::standalone().await;
    let redis = connect(&server.url()).await;
    let answers: Vec<_> = (0..500).map(|_| answer()).collect();
    let leases = join_all(answers.iter().map(|answer| open(&redis, answer))).await;
    let before = redis.stats();
    join_all(leases.iter().enumerate().map(|(at, lease)| {
        let redis = &redis;
        async move {
            // Twenty events a second each, at any times.
            tokio::time::sleep(Duration::from_micros(at as u64 * 97)).await;
            let mut beat = interval(Duration::from_millis(50));
            for number in 1..=40 {
                beat.tick().await;
                redis.append(*lease, event(number)).await.unwrap();
            }
        }
    }))
    .await;
    let after = redis.stats();
    let (events, trips) = (after.events - before.events, after.round_trips - before.round_trips);
    let each = trips as f64 / events as f64;
    println!("{events} events in {trips} round trips: {each:.3} each");
    assert_eq!(events, 20_000);
    assert!(each < 0.2, "{each} round trips for an event");
}
