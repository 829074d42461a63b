use std::time::Duration;

use bytes::Bytes;

use super::graves::MAX_GRAVES;
use super::*;
use crate::{Slot, State};

fn answer(slot: u128) -> NewAnswer {
    NewAnswer {
        id: AnswerId { slot: Slot(slot), generation: 1 },
        tenant: "tenant".to_owned(),
        fingerprint: [0; 32],
        request: Bytes::from(vec![b'r'; 970]),
        state: State::Claimed,
        lease: Duration::from_secs(60),
        ttl: Duration::from_secs(3600),
        max_bytes: 1 << 20,
    }
}

async fn open(memory: &Memory, slot: u128) -> Result<Lease, StoreError> {
    memory.open(answer(slot)).await.map(|opened| match opened {
        Opened::New(lease) => lease,
        Opened::Exists(record) => panic!("{record:?}"),
    })
}

fn events(first: u64, sizes: &[usize]) -> Batch {
    let events = sizes.iter().map(|&size| Bytes::from(vec![b'e'; size])).collect();
    Batch { first, events, ..Batch::default() }
}

fn complete() -> End {
    End { state: State::Complete, detail: Bytes::new() }
}

/// Room for two answers that have a request and no events.
fn small() -> Memory {
    Memory::new().with_max_bytes(4000)
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_another_answer_while_all_are_running() {
    let memory = small();
    let first = open(&memory, 1).await.unwrap();
    open(&memory, 2).await.unwrap();
    assert!(matches!(open(&memory, 3).await, Err(StoreError::Full)));
    memory.release(first).await.unwrap();
    open(&memory, 3).await.unwrap();
    assert!(matches!(memory.open(answer(2)).await, Ok(Opened::Exists(_))));
}

#[tokio::test(start_paused = true)]
async fn what_ended_first_gives_way_and_is_known_to_have_been_there() {
    let memory = small();
    for slot in [2, 1] {
        let lease = open(&memory, slot).await.unwrap();
        memory.end(lease, events(1, &[]), complete()).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // The requests of those that have ended count no more.
    open(&memory, 3).await.unwrap();
    let [first, second] = [2, 1].map(|slot| answer(slot).id);
    assert_eq!(memory.look(first).await.unwrap(), Look::Expired { tenant: "tenant".to_owned() });
    assert!(matches!(memory.look(second).await, Ok(Look::Known(_))));
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(memory.look(first).await.unwrap(), Look::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_for_the_store_drives_nobody_out() {
    let memory = small();
    let lease = open(&memory, 1).await.unwrap();
    memory.end(lease, events(1, &[]), complete()).await.unwrap();
    let large = NewAnswer { request: Bytes::from(vec![0; 4000]), ..answer(2) };
    assert!(matches!(memory.open(large).await, Err(StoreError::Full)));
    assert!(matches!(memory.look(lease.id).await, Ok(Look::Known(_))));
}

#[tokio::test(start_paused = true)]
async fn a_running_answer_is_written_beyond_the_bound_and_ended_ones_go_for_it() {
    let memory = small();
    let (ended, running) = (open(&memory, 1).await.unwrap(), open(&memory, 2).await.unwrap());
    memory.end(ended, events(1, &[]), complete()).await.unwrap();
    memory.append(running, events(1, &[2000])).await.unwrap();
    assert!(matches!(memory.look(ended.id).await, Ok(Look::Expired { .. })));
    memory.append(running, events(2, &[100_000])).await.unwrap();
    memory.end(running, events(3, &[100_000]), complete()).await.unwrap();
    // Its readers find it, until somebody needs the room.
    assert!(matches!(memory.look(running.id).await, Ok(Look::Known(_))));
    open(&memory, 3).await.unwrap();
    assert!(matches!(memory.look(running.id).await, Ok(Look::Expired { .. })));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_answers_that_are_gone() {
    let memory = Memory::new();
    for slot in 0..100 {
        let lease = open(&memory, slot).await.unwrap();
        memory.append(lease, events(1, &[10, 20])).await.unwrap();
        match slot % 4 {
            0 => memory.release(lease).await.unwrap(),
            1 => memory.end(lease, events(3, &[5]), complete()).await.unwrap(),
            2 => assert!(memory.seize(lease.id, events(1, &[5]), complete()).await.unwrap()),
            _ => memory.relinquish(lease).await.unwrap(),
        }
    }
    assert_eq!(memory.lock().len(), 75);
    tokio::time::advance(Duration::from_secs(3601)).await;
    // As others come, and some for each of them.
    let mut others = Vec::new();
    for slot in 1000..1020 {
        others.push(open(&memory, slot).await.unwrap());
    }
    assert_eq!(memory.lock().len(), 20);
    assert_eq!(memory.lock().graves(), 75);
    tokio::time::advance(Duration::from_secs(3599)).await;
    for lease in others {
        memory.release(lease).await.unwrap();
    }
    memory.claim_any(&[]).await.unwrap();
    assert_eq!(memory.lock().bytes(), 0);
    assert!(memory.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_that_are_gone_are_remembered() {
    let memory = Memory::new().with_max_bytes(2000);
    for slot in 0..MAX_GRAVES as u128 + 10 {
        let lease = open(&memory, slot).await.unwrap();
        memory.end(lease, events(1, &[]), complete()).await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(memory.lock().graves(), MAX_GRAVES);
    assert_eq!(memory.look(answer(0).id).await.unwrap(), Look::Unknown);
    assert!(matches!(memory.look(answer(20).id).await, Ok(Look::Expired { .. })));
}

#[tokio::test(start_paused = true)]
async fn who_waits_wakes_when_the_lease_runs_out_and_not_before() {
    let memory = Memory::new();
    let lease = open(&memory, 1).await.unwrap();
    let begin = Instant::now();
    memory.changed(lease.id, 0, Duration::MAX).await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 60);
    memory.renew(lease).await.unwrap();
    let renews = async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        memory.renew(lease).await.unwrap();
    };
    let begin = Instant::now();
    let (changed, ()) = tokio::join!(memory.changed(lease.id, 0, Duration::MAX), renews);
    changed.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 110);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_nothing_behind() {
    let memory = Memory::new();
    let lease = open(&memory, 1).await.unwrap();
    for _ in 0..100 {
        let waits = memory.changed(lease.id, 0, Duration::from_secs(1));
        assert!(tokio::time::timeout(Duration::ZERO, waits).await.is_err());
    }
    let now = Instant::now();
    let changed = memory.lock().find(now, lease.id).unwrap().changed.clone();
    assert_eq!(std::sync::Arc::strong_count(&changed), 2);
}

#[tokio::test(start_paused = true)]
async fn times_that_no_clock_reaches_are_for_ever() {
    let memory = Memory::new();
    let new = NewAnswer { lease: Duration::MAX, ttl: Duration::MAX, ..answer(1) };
    assert!(matches!(memory.open(new).await, Ok(Opened::New(_))));
    tokio::time::advance(Duration::from_secs(365 * 24 * 3600)).await;
    assert!(matches!(memory.look(answer(1).id).await, Ok(Look::Known(record)) if record.leased));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_end_ends_nothing() {
    let memory = Memory::new();
    let lease = open(&memory, 1).await.unwrap();
    let end = End { state: State::Streaming, detail: Bytes::new() };
    assert!(matches!(memory.end(lease, events(1, &[1]), end.clone()).await, Err(WriteError::OutOfOrder)));
    assert!(!memory.seize(lease.id, events(1, &[1]), end).await.unwrap());
    memory.append(lease, events(1, &[1])).await.unwrap();
}
