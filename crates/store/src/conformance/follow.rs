//! Following an answer while it is written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use tokio::time::Instant;

use super::Bench;
use super::kit::{answer, batch, end, long, open, step_back};
use crate::{AnswerId, Batch, BoxFuture, Journal, Lease, NewAnswer, State, WriteError};

/// Reads to the end, as a follower does: what is there, then what comes. It may begin before the answer does.
async fn follow(journal: &Arc<dyn Journal>, id: AnswerId, max_bytes: usize, wait: Duration) -> Vec<Bytes> {
    let mut seen: Vec<Bytes> = Vec::new();
    loop {
        let after = seen.len() as u64;
        if let Some(page) = journal.read(id, after, max_bytes).await.unwrap() {
            assert!(page.record.events >= after + page.events.len() as u64, "more events than there are");
            let caught_up = page.record.events == after + page.events.len() as u64;
            let more = !page.events.is_empty();
            seen.extend(page.events);
            if caught_up && page.record.state.is_ended() {
                return seen;
            }
            if more {
                step_back().await;
                continue;
            }
        } else {
            assert_eq!(after, 0, "it was there, and is gone");
        }
        journal.changed(id, after, wait).await.unwrap();
        step_back().await;
    }
}

/// Writes so many events, in batches of one to three, and lets others go first in between.
async fn write(journal: &Arc<dyn Journal>, lease: Lease, from: u64, events: &[Bytes]) {
    let mut next = from;
    while next <= events.len() as u64 {
        let size = (next % 3 + 1).min(events.len() as u64 + 1 - next);
        let part = events[next as usize - 1..][..size as usize].to_vec();
        if next + size > events.len() as u64 {
            journal
                .end(lease, Batch { events: part, ..batch(next, []) }, end(State::Complete))
                .await
                .unwrap();
        } else {
            journal.append(lease, Batch { events: part, ..batch(next, []) }).await.unwrap();
        }
        next += size;
        step_back().await;
    }
}

fn some_events(count: u32) -> Vec<Bytes> {
    (1..=count).map(|at| Bytes::from(format!("data: {at}\r\n\r\n"))).collect()
}

pub(super) async fn followers_see_the_same_whenever_they_come(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let all = some_events(30);
    let wait = long(bench);
    let writer = async {
        for _ in 0..5 {
            step_back().await;
        }
        let lease = open(&ours, &answer).await;
        write(&ours, lease, 1, &all).await;
    };
    let followers = (0..40).map(|late| {
        let journal = if late % 2 == 0 { &ours } else { &theirs };
        async move {
            for _ in 0..late {
                step_back().await;
            }
            follow(journal, answer.id, 40, wait).await
        }
    });
    let answer = &answer;
    let ((), seen) = join(writer, join_all(followers)).await;
    assert!(seen.iter().all(|seen| *seen == all), "a follower saw something else");
    assert_eq!(follow(&theirs, answer.id, 1 << 20, wait).await, all);
}

pub(super) async fn two_thousand_followers_see_the_same(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let all = some_events(12);
    let lease = open(&ours, &answer).await;
    let followers = (0..2000).map(|at| {
        let journal = if at % 2 == 0 { &ours } else { &theirs };
        follow(journal, answer.id, 1 << 16, long(bench))
    });
    let ((), seen) = join(write(&ours, lease, 1, &all), join_all(followers)).await;
    assert_eq!(seen.len(), 2000);
    assert!(seen.iter().all(|seen| *seen == all), "a follower saw something else");
}

pub(super) async fn a_slow_follower_misses_nothing(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let all = some_events(60);
    let lease = open(&ours, &answer).await;
    let slow = async {
        let mut seen: Vec<Bytes> = Vec::new();
        while seen.len() < all.len() {
            for _ in 0..10 {
                step_back().await;
            }
            let page = theirs.read(answer.id, seen.len() as u64, 1).await.unwrap().unwrap();
            if page.events.is_empty() {
                theirs.changed(answer.id, seen.len() as u64, long(bench)).await.unwrap();
            }
            seen.extend(page.events);
        }
        seen
    };
    let ((), seen) = join(write(&ours, lease, 1, &all), slow).await;
    assert_eq!(seen, all);
}

pub(super) async fn a_follower_goes_on_when_another_writes(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let all = some_events(20);
    let lease = open(&ours, &answer).await;
    let writers = async {
        ours.append(lease, Batch { events: all[..7].to_vec(), ..batch(1, []) }).await.unwrap();
        step_back().await;
        ours.relinquish(lease).await.unwrap();
        step_back().await;
        let new = theirs.claim(answer.id).await.unwrap().unwrap().lease;
        write(&theirs, new, 8, &all).await;
    };
    let followers = [&ours, &theirs].map(|journal| follow(journal, answer.id, 30, long(bench)));
    let ((), seen) = join(writers, join_all(followers)).await;
    assert!(seen.iter().all(|seen| *seen == all), "a follower saw something else");
}

pub(super) async fn who_waits_wakes_at_every_change(bench: &dyn Bench) {
    type Change = for<'a> fn(&'a Arc<dyn Journal>, Lease) -> BoxFuture<'a, Result<(), WriteError>>;
    let changes: [(&str, Change); 5] = [
        ("append", |journal, lease| journal.append(lease, batch(2, ["b"]))),
        ("end", |journal, lease| journal.end(lease, batch(2, []), end(State::Complete))),
        ("release", |journal, lease| journal.release(lease)),
        ("relinquish", |journal, lease| journal.relinquish(lease)),
        ("seize", |journal, lease| {
            Box::pin(async move {
                assert!(journal.seize(lease.id, batch(2, []), end(State::Cancelled)).await.unwrap());
                Ok(())
            })
        }),
    ];
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let wait = bench.unit() * 100;
    for (name, change) in changes {
        for late in [0, 1, 5] {
            let answer = answer(bench);
            let lease = open(&ours, &answer).await;
            ours.append(lease, batch(1, ["a"])).await.unwrap();
            let write = async {
                for _ in 0..late {
                    step_back().await;
                }
                change(&ours, lease).await.unwrap();
            };
            // It may wake for no reason, but not wait to the end.
            let begin = Instant::now();
            let changed = || {
                let woken = join_all([&ours, &theirs].map(|journal| journal.changed(answer.id, 1, wait)));
                async { woken.await.into_iter().for_each(Result::unwrap) }
            };
            join(changed(), write).await;
            changed().await;
            assert!(begin.elapsed() < wait / 2, "who waits has to wake at `{name}`");
        }
    }
}

pub(super) async fn nobody_waits_for_what_is_there(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let wait = bench.unit() * 100;
    let answer = answer(bench);
    let begin = Instant::now();
    journal.changed(answer.id, 0, wait).await.unwrap();
    let lease = open(&journal, &answer).await;
    journal.append(lease, batch(1, ["a", "b"])).await.unwrap();
    journal.changed(answer.id, 0, wait).await.unwrap();
    journal.changed(answer.id, 1, wait).await.unwrap();
    journal.end(lease, batch(3, []), end(State::Complete)).await.unwrap();
    for after in [0, 2, 3, 1000, u64::MAX] {
        journal.changed(answer.id, after, wait).await.unwrap();
    }
    assert!(begin.elapsed() < wait / 2, "somebody waited");
}

pub(super) async fn who_waits_comes_back_in_time(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = NewAnswer { lease: long(bench), ..answer(bench) };
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    for wait in [Duration::ZERO, bench.unit() / 4] {
        let begin = Instant::now();
        for journal in [&ours, &theirs] {
            journal.changed(answer.id, 1, wait).await.unwrap();
            journal.changed(answer.id, 1000, wait).await.unwrap();
        }
        assert!(begin.elapsed() < long(bench) / 10, "{wait:?} have passed");
    }
}
