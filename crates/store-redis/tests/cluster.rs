//! The suite of all stores, over a cluster of six.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use lastbyte_store::Journal;
use lastbyte_store::conformance::{check_all, check_model};
use lastbyte_test_redis::Cluster;
use support::{RedisBench, answer, connect, event, open};
use tokio::sync::Mutex;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_what_a_journal_promises() {
    let mut cluster = Cluster::start().await;
    let url = cluster.url();
    // Who has the store open is forgotten where the suite ends everybody; that a node ends is another test.
    let bench = RedisBench { url: url.clone(), servers: Mutex::default() };
    check_all(&bench).await;
    for seed in 0..2 {
        check_model(&bench, seed, 40).await;
    }

    // With replicas to wait for.
    let safe = connect(&format!("{url}?wait_replicas=1")).await;
    let mut leases = Vec::new();
    for _ in 0..12 {
        let lease = open(&safe, &answer()).await;
        safe.sent(lease).await.unwrap();
        safe.append(lease, event(1)).await.unwrap();
        leases.push(lease);
    }

    // A master ends, its replica takes its place, and nothing that was waited for is lost.
    cluster.nodes()[0].kill();
    for node in [1, 2, 3, 4, 5] {
        cluster.nodes()[node].until("CLUSTER NODES", "fail").await;
        cluster.nodes()[node].until("CLUSTER INFO", "cluster_state:ok").await;
    }
    let plain = connect(&url.replace(&format!("127.0.0.1:{},", cluster.nodes()[0].port()), "")).await;
    for lease in leases {
        let page = plain.read(lease.id, 0, 1 << 20).await.unwrap().unwrap();
        assert_eq!(page.record.state, lastbyte_store::State::Streaming);
        assert_eq!(page.events, event(1).events);
        plain.append(lease, event(2)).await.unwrap();
        plain.changed(lease.id, 1, std::time::Duration::from_secs(5)).await.unwrap();
    }
}
