//! What becomes of answers when Redis, or a part of it, is gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use lastbyte_store::{Journal, Look, NewAnswer, State, StoreError, WriteError};
use lastbyte_test_redis::Server;
use support::{answer, complete, connect, event, open, until_available};
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_told_is_lost_where_redis_is_killed() {
    let mut server = Server::standalone().await;
    let redis = connect(&server.url()).await;
    let (opened, sent, running, ended) = (answer(), answer(), answer(), answer());
    let leases = [
        open(&redis, &opened).await,
        open(&redis, &sent).await,
        open(&redis, &running).await,
        open(&redis, &ended).await,
    ];
    redis.sent(leases[1]).await.unwrap();
    for number in 1..=100 {
        redis.append(leases[2], event(number)).await.unwrap();
    }
    redis.end(leases[3], event(1), complete()).await.unwrap();

    server.kill();
    // While it is away, and then comes back, a call waits for it and is done.
    let (appended, ()) = tokio::join!(redis.append(leases[2], event(101)), server.restart());
    appended.unwrap();

    for (lease, state, events) in [
        (leases[0], State::Claimed, 0),
        (leases[1], State::Sent, 0),
        (leases[2], State::Streaming, 101),
        (leases[3], State::Complete, 1),
    ] {
        let page = redis.read(lease.id, 0, 1 << 20).await.unwrap().unwrap();
        assert_eq!((page.record.state, page.record.events), (state, events));
        assert_eq!(page.events.len() as u64, events);
    }
    // Who waits is woken as before.
    let (woken, appended) = tokio::join!(redis.changed(leases[2].id, 101, Duration::from_secs(20)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        redis.append(leases[2], event(102)).await
    });
    woken.unwrap();
    appended.unwrap();
}

#[tokio::test]
async fn every_call_ends_in_time_where_redis_is_away() {
    let mut server = Server::standalone().await;
    let redis = connect(&server.url()).await;
    let lease = open(&redis, &answer()).await;
    server.kill();
    let begin = Instant::now();
    let is_away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let is_write_away = |error: &WriteError| matches!(error, WriteError::Store(StoreError::Unavailable(_)));
    let appends = join_all((0..3000).map(|_| redis.append(lease, event(1))));
    let (opened, sent, appended, ended, claimed, found, looked, read) = tokio::join!(
        redis.open(answer()),
        redis.sent(lease),
        appends,
        redis.end(lease, event(1), complete()),
        redis.claim(lease.id),
        redis.claim_any(&[]),
        redis.look(lease.id),
        redis.read(lease.id, 0, 1000),
    );
    assert!(is_away(&opened.unwrap_err()) && is_away(&claimed.unwrap_err()) && is_away(&found.unwrap_err()));
    assert!(is_away(&looked.unwrap_err()) && is_away(&read.unwrap_err()));
    assert!(is_write_away(&sent.unwrap_err()) && is_write_away(&ended.unwrap_err()));
    assert!(appended.iter().all(|append| append.as_ref().is_err_and(is_write_away)));
    assert!(begin.elapsed() < Duration::from_secs(7), "{:?}", begin.elapsed());

    // By now it is known to be away: who comes waits for one try, and not for all of them.
    let begin = Instant::now();
    assert!(is_away(&redis.look(lease.id).await.unwrap_err()));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let waited = redis.changed(lease.id, 0, Duration::from_millis(100));
    timeout(Duration::from_secs(2), waited).await.unwrap().unwrap();

    server.restart().await;
    until_available(|| redis.append(lease, event(1))).await;
}

#[tokio::test]
async fn scripts_that_redis_has_forgotten_are_told_again() {
    let server = Server::standalone().await;
    let redis = connect(&server.url()).await;
    let leases = [open(&redis, &answer()).await, open(&redis, &answer()).await];
    for number in 1..=3 {
        server.ask("SCRIPT FLUSH").await;
        let [one, other] = leases.map(|lease| redis.append(lease, event(number)));
        let (one, other) = tokio::join!(one, other);
        one.unwrap();
        other.unwrap();
    }
    server.ask("SCRIPT FLUSH").await;
    assert_eq!(redis.read(leases[0].id, 0, 1000).await.unwrap().unwrap().events.len(), 3);
}

/// A master and its replica, which is in step.
async fn two() -> (Server, Server) {
    let master = Server::standalone().await;
    let replica = Server::replica_of(master.port()).await;
    replica.until("INFO replication", "master_link_status:up").await;
    (master, replica)
}

#[tokio::test]
async fn without_replicas_to_wait_for_a_failover_may_forget_what_was_sent() {
    let (master, replica) = two().await;
    let redis = connect(&master.url()).await;
    let answer = answer();
    let lease = open(&redis, &answer).await;
    while !matches!(connect(&replica.url()).await.look(answer.id).await.unwrap(), Look::Known(_)) {}
    // The replica becomes the master before it has heard of the next write.
    replica.ask("REPLICAOF NO ONE").await;
    redis.sent(lease).await.unwrap();
    let Look::Known(record) = connect(&replica.url()).await.look(answer.id).await.unwrap() else { panic!() };
    // Whoever takes it over asks the chat API a second time. The crate's page says so.
    assert_eq!(record.state, State::Claimed);
}

#[tokio::test]
async fn with_replicas_to_wait_for_a_failover_forgets_nothing_in_silence() {
    let (master, replica) = two().await;
    let redis = connect(&format!("{}?wait_replicas=1&wait_timeout=300ms", master.url())).await;
    let (known, lost) = (
        NewAnswer { lease: Duration::from_millis(300), ..answer() },
        NewAnswer { lease: Duration::from_millis(300), ..answer() },
    );
    let known_lease = open(&redis, &known).await;
    redis.sent(known_lease).await.unwrap();
    let lost_lease = open(&redis, &lost).await;
    replica.ask("REPLICAOF NO ONE").await;
    // Its writer does not ask the chat API, for it cannot know whether anybody would hear of it.
    let refused = redis.sent(lost_lease).await.unwrap_err();
    assert!(matches!(refused, WriteError::Store(StoreError::Unavailable(_))), "{refused:?}");
    let refused = redis.open(answer()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    // Events are not waited for.
    redis.append(known_lease, event(1)).await.unwrap();

    let new = connect(&replica.url()).await;
    let claimed = loop {
        if let Some(claimed) = new.claim(known.id).await.unwrap() {
            break claimed;
        }
    };
    assert_eq!(claimed.record.state, State::Sent);
    assert!(claimed.lease.fence > known_lease.fence);
    let claimed = loop {
        if let Some(claimed) = new.claim_any(&[known.id]).await.unwrap() {
            break claimed;
        }
    };
    assert_eq!((claimed.lease.id, claimed.record.state), (lost.id, State::Claimed));
}
