//! A master that is found by sentinels, and that another one takes the place of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use lastbyte_store::conformance::CHECKS;
use lastbyte_store::{Journal, State};
use lastbyte_test_redis::Sentinels;
use support::{RedisBench, answer, connect, event, open};
use tokio::sync::Mutex;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_is_found_again_after_a_failover() {
    let mut servers = Sentinels::start().await;
    let bench = RedisBench { url: servers.url(), servers: Mutex::default() };
    // Those of opening and of writing: the others ask nothing else of the connection.
    for check in &CHECKS[..18] {
        (check.run)(&bench).await;
    }

    let url = format!("{}?wait_replicas=1", servers.url());
    let (ours, theirs) = (connect(&url).await, connect(&servers.url()).await);
    let answer = answer();
    let lease = open(&ours, &answer).await;
    ours.sent(lease).await.unwrap();
    ours.append(lease, event(1)).await.unwrap();
    ours.end(open(&ours, &support::answer()).await, event(1), support::complete()).await.unwrap();
    let follower = {
        let theirs = theirs.clone();
        tokio::spawn(async move {
            loop {
                // While there is no master nobody can read.
                if let Ok(Some(page)) = theirs.read(lease.id, 0, 1 << 20).await
                    && page.record.events == 2
                {
                    return page.events;
                }
                theirs.changed(lease.id, 1, std::time::Duration::from_secs(30)).await.unwrap();
            }
        })
    };
    servers.master.kill();
    servers.failed_over().await;
    // Nobody has to connect anew, and it is the same lease.
    support::until_available(|| theirs.append(lease, event(2))).await;
    let record = theirs.read(lease.id, 0, 1 << 20).await.unwrap().unwrap().record;
    assert_eq!((record.state, record.events, record.fence), (State::Streaming, 2, lease.fence));
    assert_eq!(follower.await.unwrap(), [event(1).events, event(2).events].concat());
}
