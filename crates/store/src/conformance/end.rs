//! Ending an answer.

use bytes::Bytes;
use futures_util::future::join;

use super::Bench;
use super::kit::{answer, batch, end, events, known, open, refused, step_back, texts};
use crate::{Batch, NewAnswer, State};

pub(super) async fn the_end_comes_with_its_last_events(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for _ in 0..20 {
        let answer = answer(bench);
        let lease = open(&ours, &answer).await;
        ours.append(lease, batch(1, ["a"])).await.unwrap();
        let write = async {
            step_back().await;
            ours.end(lease, batch(2, ["b", "c"]), end(State::Truncated)).await.unwrap();
        };
        let read = async {
            loop {
                let page = theirs.read(answer.id, 0, 1000).await.unwrap().unwrap();
                let ended = page.record.state.is_ended();
                assert_eq!(page.events.len(), if ended { 3 } else { 1 }, "one without the other: {page:?}");
                assert_eq!(page.record.events, page.events.len() as u64);
                assert_eq!(page.record.end.is_some(), ended);
                if ended {
                    return page;
                }
                step_back().await;
            }
        };
        let ((), page) = join(write, read).await;
        assert_eq!(texts(&page.events), ["a", "b", "c"]);
        let record = known(&ours, answer.id).await;
        assert_eq!(record, page.record);
        assert_eq!((record.state, record.leased, record.bytes), (State::Truncated, false, 3));
        assert_eq!(record.end, Some(end(State::Truncated).detail));
    }
}

pub(super) async fn an_answer_may_end_without_events(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    journal.sent(lease).await.unwrap();
    journal.end(lease, batch(1, []), end(State::Failed)).await.unwrap();
    let record = known(&journal, answer.id).await;
    assert_eq!((record.state, record.events, record.bytes), (State::Failed, 0, 0));
    assert!(events(&journal, answer.id).await.is_empty());
}

pub(super) async fn the_end_is_not_held_to_the_bytes_of_an_answer(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = NewAnswer { max_bytes: 2, ..answer(bench) };
    let lease = open(&journal, &answer).await;
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    refused!(TooLarge, journal.append(lease, batch(2, ["long"])));
    let last = Batch { head: Some(Bytes::from_static(b"head")), ..batch(2, ["long", "and longer"]) };
    journal.end(lease, last, end(State::Truncated)).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.bytes, 19);
    assert_eq!(texts(&events(&journal, answer.id).await), ["a", "long", "and longer"]);
}

pub(super) async fn an_end_may_be_repeated(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    journal.end(lease, batch(2, ["b"]), end(State::Complete)).await.unwrap();
    let before = known(&journal, answer.id).await;
    for _ in 0..2 {
        journal.end(lease, batch(2, ["b"]), end(State::Complete)).await.unwrap();
        assert_eq!(known(&journal, answer.id).await, before);
        assert_eq!(texts(&events(&journal, answer.id).await), ["a", "b"]);
    }
}

pub(super) async fn what_has_ended_does_not_change(bench: &dyn Bench) {
    let journal = bench.journal().await;
    for state in [State::Complete, State::Truncated, State::Failed, State::Cancelled, State::Dead] {
        let answer = answer(bench);
        let lease = open(&journal, &answer).await;
        journal.append(lease, batch(1, ["a"])).await.unwrap();
        journal.end(lease, batch(2, ["b"]), end(state)).await.unwrap();
        let before = known(&journal, answer.id).await;
        refused!(Fenced, journal.append(lease, batch(3, ["c"])));
        refused!(Fenced, journal.append(lease, batch(2, ["b"])));
        refused!(Fenced, journal.append(lease, Batch { attempts: 9, ..batch(3, []) }));
        refused!(Fenced, journal.sent(lease));
        refused!(Fenced, journal.renew(lease));
        refused!(Fenced, journal.relinquish(lease));
        refused!(Fenced, journal.release(lease));
        assert!(journal.claim(answer.id).await.unwrap().is_none());
        assert!(!journal.seize(answer.id, batch(3, ["c"]), end(State::Cancelled)).await.unwrap());
        assert_eq!(known(&journal, answer.id).await, before);
        assert_eq!(texts(&events(&journal, answer.id).await), ["a", "b"]);
    }
}
