//! Ending an answer of somebody else.

use bytes::Bytes;
use futures_util::future::join;

use super::Bench;
use super::kit::{answer, batch, end, events, known, open, refused, step_back, texts};
use crate::{Batch, NewAnswer, State, WriteError};

pub(super) async fn who_seizes_an_answer_has_the_last_word(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    // The end has to be told, however little the answer may have.
    let answer = NewAnswer { max_bytes: 3, ..answer(bench) };
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a", "b"])).await.unwrap();
    // Its number is not looked at.
    let last = Batch { head: Some(Bytes::from_static(b"head")), attempts: 2, ..batch(77, ["last", "words"]) };
    assert!(theirs.seize(answer.id, last, end(State::Cancelled)).await.unwrap());
    let before = known(&theirs, answer.id).await;
    assert_eq!((before.state, before.leased), (State::Cancelled, false));
    assert_eq!((before.events, before.bytes, before.attempts), (4, 15, 2));
    assert_eq!(before.end, Some(end(State::Cancelled).detail));
    assert_eq!(before.head, Some(Bytes::from_static(b"head")));

    refused!(Fenced, ours.append(lease, batch(3, ["c"])));
    refused!(Fenced, ours.append(lease, batch(5, ["c"])));
    refused!(Fenced, ours.end(lease, batch(3, ["c"]), end(State::Complete)));
    refused!(Fenced, ours.end(lease, batch(5, []), end(State::Cancelled)));
    refused!(Fenced, ours.sent(lease));
    refused!(Fenced, ours.renew(lease));
    refused!(Fenced, ours.relinquish(lease));
    refused!(Fenced, ours.release(lease));
    assert!(!ours.seize(answer.id, batch(5, ["d"]), end(State::Dead)).await.unwrap());
    assert!(ours.claim(answer.id).await.unwrap().is_none());
    assert_eq!(known(&theirs, answer.id).await, before);
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a", "b", "last", "words"]);
}

pub(super) async fn an_answer_is_seized_at_any_time_before_its_end(bench: &dyn Bench) {
    let journal = bench.journal().await;
    for step in 0..4 {
        let answer = answer(bench);
        let lease = open(&journal, &answer).await;
        if step >= 1 {
            journal.sent(lease).await.unwrap();
        }
        if step >= 2 {
            journal.append(lease, batch(1, ["a"])).await.unwrap();
        }
        if step >= 3 {
            journal.relinquish(lease).await.unwrap();
        }
        let mut written = events(&journal, answer.id).await;
        assert!(journal.seize(answer.id, batch(1, ["x"]), end(State::Dead)).await.unwrap());
        written.push(Bytes::from_static(b"x"));
        assert_eq!(events(&journal, answer.id).await, written);
        assert_eq!(known(&journal, answer.id).await.state, State::Dead);
        assert!(journal.claim(answer.id).await.unwrap().is_none());
        refused!(Fenced, journal.append(lease, batch(2, ["b"])));
    }
}

pub(super) async fn of_an_end_and_a_seizure_one_is_the_end(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for at in 0..16 {
        let answer = answer(bench);
        let lease = open(&ours, &answer).await;
        let ends = async {
            if at % 2 == 0 {
                step_back().await;
            }
            ours.end(lease, batch(1, ["end"]), end(State::Complete)).await
        };
        let (ended, seized) = join(ends, theirs.seize(answer.id, batch(1, ["s"]), end(State::Dead))).await;
        let (state, text) = match (&ended, seized.unwrap()) {
            (Ok(()), false) => (State::Complete, "end"),
            (Err(WriteError::Fenced), true) => (State::Dead, "s"),
            (ended, seized) => panic!("{ended:?}, and seized: {seized}"),
        };
        assert_eq!(known(&theirs, answer.id).await.state, state);
        assert_eq!(texts(&events(&theirs, answer.id).await), [text]);
    }
}
