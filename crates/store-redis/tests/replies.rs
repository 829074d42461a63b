//! Replies that get lost: nobody knows whether it was done, and it is asked for once more.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use lastbyte_store::{Batch, Journal, Look, State};
use lastbyte_store_redis::Redis;
use lastbyte_test_redis::{Proxy, Server};
use support::{answer, complete, connect, event, open};
use tokio::time::{Instant, timeout};

/// What a reply to a write begins with, and to a step of a lease.
const WRITTEN: &str = "*2\r\n$2\r\nok\r\n";
const HELD: &str = "*3\r\n$2\r\nok\r\n";

async fn before() -> (Server, Proxy, Redis) {
    let server = Server::standalone().await;
    let proxy = Proxy::before(server.port()).await;
    let redis = connect(&proxy.url()).await;
    (server, proxy, redis)
}

#[tokio::test]
async fn an_answer_that_was_opened_twice_by_one_call_is_its_own() {
    let (_server, proxy, redis) = before().await;
    let answer = answer();
    proxy.lose("$3\r\nnew\r\n");
    let lease = open(&redis, &answer).await;
    assert!(proxy.has_lost());
    redis.append(lease, event(1)).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_claimed_twice_by_one_call_is_its_own() {
    let (_server, proxy, redis) = before().await;
    let lease = open(&redis, &answer()).await;
    redis.relinquish(lease).await.unwrap();
    proxy.lose("$7\r\nrequest\r\n");
    let claimed = redis.claim(lease.id).await.unwrap().unwrap();
    assert!(proxy.has_lost());
    redis.relinquish(claimed.lease).await.unwrap();
    proxy.lose("$7\r\nrequest\r\n");
    let again = redis.claim_any(&[]).await.unwrap().unwrap();
    assert!(proxy.has_lost() && again.lease.fence > claimed.lease.fence);
    redis.append(again.lease, event(1)).await.unwrap();
    assert!(redis.append(claimed.lease, event(2)).await.is_err());
}

#[tokio::test]
async fn what_was_written_twice_is_there_once() {
    let (_server, proxy, redis) = before().await;
    let lease = open(&redis, &answer()).await;
    proxy.lose(HELD);
    redis.sent(lease).await.unwrap();
    assert!(proxy.has_lost());
    for number in 1..=3 {
        proxy.lose(WRITTEN);
        redis.append(lease, event(number)).await.unwrap();
        assert!(proxy.has_lost());
    }
    proxy.lose(WRITTEN);
    redis.end(lease, event(4), complete()).await.unwrap();
    assert!(proxy.has_lost());
    let page = redis.read(lease.id, 0, 1 << 20).await.unwrap().unwrap();
    assert_eq!((page.record.state, page.events.len()), (State::Complete, 4));
}

#[tokio::test]
async fn who_seized_or_released_hears_so_though_the_reply_was_lost() {
    let (_server, proxy, redis) = before().await;
    let (seized, released) = (open(&redis, &answer()).await, open(&redis, &answer()).await);
    proxy.lose(WRITTEN);
    assert!(redis.seize(seized.id, Batch::default(), complete()).await.unwrap());
    assert!(proxy.has_lost());
    assert!(!redis.seize(seized.id, Batch::default(), complete()).await.unwrap());
    proxy.lose(WRITTEN);
    redis.release(released).await.unwrap();
    assert!(proxy.has_lost());
    assert!(redis.release(released).await.is_err());
    assert!(!matches!(redis.look(released.id).await.unwrap(), Look::Known(_)));
}

#[tokio::test]
async fn followers_are_woken_by_messages_and_without_them() {
    let (server, _proxy, redis) = before().await;
    let lease = open(&redis, &answer()).await;
    let woken = async |number: u64| {
        let since = Instant::now();
        let waited = async {
            loop {
                timeout(
                    Duration::from_secs(10),
                    redis.changed(lease.id, number - 1, Duration::from_secs(60)),
                )
                .await
                .unwrap()
                .unwrap();
                if redis.read(lease.id, number - 1, 1000).await.unwrap().unwrap().record.events >= number {
                    return;
                }
            }
        };
        let ((), appended) = tokio::join!(waited, redis.append(lease, event(number)));
        appended.unwrap();
        since.elapsed()
    };
    woken(1).await;
    for number in 2..=20 {
        // Who only looked once a second would be later.
        let took = woken(number).await;
        assert!(took < Duration::from_millis(700), "{took:?}");
    }
    // The messages stop, and come again by another connection.
    for number in 21..=25 {
        server.ask("CLIENT KILL TYPE pubsub").await;
        woken(number).await;
    }
}
