//! What is there after everybody who wrote is gone.

use std::sync::Arc;

use bytes::Bytes;

use super::Bench;
use super::kit::{
    REQUEST, TENANT, again, answer, batch, claim_all, end, events, gone, known, open, refused, texts,
};
use crate::{AnswerId, Batch, Claimed, Journal, Lease, Look, NewAnswer, State};

/// Leases may outlive their holders, but not for long.
async fn claim_soon(bench: &dyn Bench, journal: &Arc<dyn Journal>, id: AnswerId) -> Claimed {
    for _ in 0..3 {
        if let Some(claimed) = journal.claim(id).await.unwrap() {
            return claimed;
        }
        bench.pass(bench.unit()).await;
    }
    match journal.claim(id).await.unwrap() {
        Some(claimed) => claimed,
        None => panic!("nobody writes {id} any more, and it cannot be claimed"),
    }
}

fn short(bench: &dyn Bench) -> NewAnswer {
    NewAnswer { lease: bench.unit(), ..answer(bench) }
}

pub(super) async fn what_was_written_outlives_its_writer(bench: &dyn Bench) {
    if !bench.is_durable() {
        return;
    }
    let head = Some(Bytes::from_static(b"head\0\xff"));
    for (steps, state) in
        [(0, State::Claimed), (1, State::Sent), (2, State::Streaming), (3, State::Streaming)]
    {
        let journal = bench.journal().await;
        let answer = short(bench);
        let old = open(&journal, &answer).await;
        let mut written = Vec::new();
        if steps >= 1 {
            journal.sent(old).await.unwrap();
        }
        if steps >= 2 {
            let batch = Batch { head: head.clone(), attempts: 2, ..batch(1, ["a", "\0b\r\n"]) };
            written.extend(batch.events.clone());
            journal.append(old, batch).await.unwrap();
        }
        if steps >= 3 {
            journal.append(old, batch(3, ["c"])).await.unwrap();
            written.push(Bytes::from_static(b"c"));
        }
        let before = known(&journal, answer.id).await;
        drop(journal);
        let journal = bench.crash().await;
        assert_eq!(events(&journal, answer.id).await, written);
        let claimed = claim_soon(bench, &journal, answer.id).await;
        assert!(claimed.lease.fence > old.fence);
        assert_eq!((claimed.record.state, &claimed.request[..]), (state, REQUEST));
        let after = known(&journal, answer.id).await;
        let (fence, leased) = (claimed.lease.fence, after.leased);
        // A store may write down a date in whole seconds, but always the same.
        assert_eq!(after, crate::Record { fence, leased, ..before });
        refused!(Fenced, journal.append(old, batch(written.len() as u64 + 1, ["x"])));
        let last = batch(written.len() as u64 + 1, ["last"]);
        journal.end(claimed.lease, last, end(State::Complete)).await.unwrap();
        written.push(Bytes::from_static(b"last"));
        let journal = bench.crash().await;
        assert_eq!(events(&journal, answer.id).await, written);
        assert_eq!(known(&journal, answer.id).await.state, State::Complete);
    }
}

pub(super) async fn the_end_outlives_its_writer(bench: &dyn Bench) {
    if !bench.is_durable() {
        return;
    }
    let journal = bench.journal().await;
    let (ended, seized, released) = (answer(bench), answer(bench), answer(bench));
    let lease = open(&journal, &ended).await;
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    journal.end(lease, batch(2, ["b"]), end(State::Truncated)).await.unwrap();
    open(&journal, &seized).await;
    assert!(journal.seize(seized.id, batch(1, ["s"]), end(State::Cancelled)).await.unwrap());
    let gone_lease = open(&journal, &released).await;
    journal.append(gone_lease, batch(1, ["r"])).await.unwrap();
    journal.release(gone_lease).await.unwrap();
    let before = [known(&journal, ended.id).await, known(&journal, seized.id).await];
    drop(journal);

    let journal = bench.crash().await;
    assert_eq!([known(&journal, ended.id).await, known(&journal, seized.id).await], before);
    assert_eq!(texts(&events(&journal, ended.id).await), ["a", "b"]);
    assert_eq!(texts(&events(&journal, seized.id).await), ["s"]);
    // Its writer does not know whether it was written, and says it again.
    journal.end(lease, batch(2, ["b"]), end(State::Truncated)).await.unwrap();
    assert_eq!(known(&journal, ended.id).await, before[0]);
    assert!(
        claim_all(&journal, &[])
            .await
            .iter()
            .all(|claimed| ![ended.id, seized.id].contains(&claimed.lease.id))
    );
    gone(&journal, released.id).await;
    let lease = open(&journal, &again(&released)).await;
    assert!(events(&journal, lease.id).await.is_empty());
}

pub(super) async fn all_answers_without_a_writer_are_found_after_a_crash(bench: &dyn Bench) {
    if !bench.is_durable() {
        return;
    }
    let journal = bench.journal().await;
    let mut all = Vec::new();
    for at in 0..5 {
        let lease = open(&journal, &short(bench)).await;
        journal.append(lease, batch(1, ["a", "b"])).await.unwrap();
        if at == 0 {
            journal.relinquish(lease).await.unwrap();
        }
        all.push(lease.id);
    }
    drop(journal);
    let journal = bench.crash().await;
    let mut found = Vec::new();
    for _ in 0..3 {
        let claimed = claim_all(&journal, &found).await.into_iter().map(|claimed| claimed.lease.id);
        found.extend(claimed.filter(|id| all.contains(id)));
        bench.pass(bench.unit()).await;
    }
    found.sort_unstable();
    all.sort_unstable();
    assert_eq!(found, all);
}

pub(super) async fn fences_grow_across_crashes(bench: &dyn Bench) {
    if !bench.is_durable() {
        return;
    }
    let answer = short(bench);
    let journal = bench.journal().await;
    let mut leases: Vec<Lease> = vec![open(&journal, &answer).await];
    drop(journal);
    for at in 1..4 {
        let journal = bench.crash().await;
        let claimed = claim_soon(bench, &journal, answer.id).await;
        for &old in &leases {
            assert!(claimed.lease.fence > old.fence);
            refused!(Fenced, journal.append(old, batch(at, ["x"])));
        }
        journal.append(claimed.lease, batch(at, ["a"])).await.unwrap();
        leases.push(claimed.lease);
    }
}

pub(super) async fn what_has_ended_expires_after_a_crash_too(bench: &dyn Bench) {
    if !bench.is_durable() {
        return;
    }
    let unit = bench.unit();
    let answer = NewAnswer { ttl: unit * 6, ..answer(bench) };
    let journal = bench.journal().await;
    let lease = open(&journal, &answer).await;
    journal.end(lease, batch(1, ["a"]), end(State::Complete)).await.unwrap();
    drop(journal);
    let journal = bench.crash().await;
    assert_eq!(texts(&events(&journal, answer.id).await), ["a"]);
    bench.pass(unit * 7).await;
    drop(journal);
    let journal = bench.crash().await;
    assert_eq!(journal.look(answer.id).await.unwrap(), Look::Expired { tenant: TENANT.to_owned() });
    gone(&journal, answer.id).await;
    bench.pass(unit * 6).await;
    assert_eq!(journal.look(answer.id).await.unwrap(), Look::Unknown);
}

pub(super) async fn a_store_that_forgets_begins_anew(bench: &dyn Bench) {
    if bench.is_durable() {
        return;
    }
    let answer = answer(bench);
    open(&bench.journal().await, &answer).await;
    let journal = bench.crash().await;
    gone(&journal, answer.id).await;
    let lease = open(&bench.journal().await, &answer).await;
    journal.append(lease, batch(1, ["a"])).await.unwrap();
}
