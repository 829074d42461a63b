//! The suite of all stores, over one server.

mod support;

use lastbyte_store::conformance::{check_all, check_model};
use support::RedisBench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_keeps_what_a_journal_promises() {
    check_all(&RedisBench::standalone().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_agrees_with_the_model() {
    let bench = RedisBench::standalone().await;
    for seed in 0..4 {
        check_model(&bench, seed, 60).await;
    }
}
