//! Opening an answer, and saying that it was sent.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::join_all;

use super::Bench;
use super::kit::{again, answer, batch, end, events, exists, known, open, refused, texts};
use crate::{AnswerId, Look, NewAnswer, Opened, Slot, State};

pub(super) async fn a_free_key_is_ours(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let record = known(&journal, answer.id).await;
    assert_eq!(record.tenant, answer.tenant);
    assert_eq!(record.fingerprint, answer.fingerprint);
    assert_eq!(record.state, State::Claimed);
    assert_eq!(record.fence, lease.fence);
    assert!(record.leased);
    assert_eq!((record.events, record.bytes, record.attempts), (0, 0, 0));
    assert_eq!((record.head, record.end), (None, None));
    let apart = match SystemTime::now().duration_since(record.created) {
        Ok(before) => before,
        Err(after) => after.duration(),
    };
    assert!(apart < Duration::from_secs(24 * 3600), "it was opened now, not at {:?}", record.created);
    let page = journal.read(answer.id, 0, 1000).await.unwrap().unwrap();
    assert_eq!(page.record.state, State::Claimed);
    assert!(page.events.is_empty());
}

pub(super) async fn a_running_answer_is_told(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["a", "bc"])).await.unwrap();
    for journal in [&ours, &theirs] {
        let record = exists(journal, &again(&answer)).await;
        assert_eq!(record, known(&ours, answer.id).await);
        assert_eq!((record.id, record.state, record.leased), (answer.id, State::Streaming, true));
        assert_eq!((record.events, record.bytes), (2, 3));
        // The same one, sent again because nobody knew whether it had arrived.
        assert_eq!(exists(journal, &answer).await, record);
    }
    ours.append(lease, batch(3, ["d"])).await.unwrap();
}

pub(super) async fn an_ended_answer_is_told(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let ends = State::ALL.into_iter().filter(|state| state.is_ended());
    for state in ends {
        let answer = answer(bench);
        let lease = open(&ours, &answer).await;
        ours.end(lease, batch(1, ["a"]), end(state)).await.unwrap();
        let record = exists(&theirs, &again(&answer)).await;
        assert_eq!((record.id, record.state, record.leased), (answer.id, state, false));
        assert_eq!(record.end, Some(end(state).detail));
        assert_eq!(texts(&events(&theirs, answer.id).await), ["a"]);
    }
}

pub(super) async fn another_request_under_the_same_key_sees_the_first(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    open(&journal, &answer).await;
    let other = NewAnswer { fingerprint: [255; 32], request: Bytes::new(), ..again(&answer) };
    assert_eq!(exists(&journal, &other).await.fingerprint, answer.fingerprint);
}

pub(super) async fn of_many_who_open_at_once_one_wins(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    for _ in 0..8 {
        let first = answer(bench);
        let all: Vec<_> = (0..16)
            .map(|at| {
                let id = AnswerId { slot: first.id.slot, generation: at };
                NewAnswer { id, ..first.clone() }
            })
            .collect();
        let journals = [&ours, &theirs].into_iter().cycle();
        let opened = join_all(all.into_iter().zip(journals).map(|(new, journal)| journal.open(new))).await;
        let mut won = Vec::new();
        let mut lost = Vec::new();
        for opened in opened {
            match opened.unwrap() {
                Opened::New(lease) => won.push(lease),
                Opened::Exists(record) => lost.push(record.id),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        assert!(lost.iter().all(|&id| id == won[0].id), "{won:?} {lost:?}");
        theirs.append(won[0], batch(1, ["a"])).await.unwrap();
    }
}

pub(super) async fn an_answer_may_begin_as_sent(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = NewAnswer { state: State::Sent, ..answer(bench) };
    let lease = open(&journal, &answer).await;
    assert_eq!(known(&journal, answer.id).await.state, State::Sent);
    journal.sent(lease).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.state, State::Sent);
}

pub(super) async fn sent_is_told_and_does_not_go_back(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    for _ in 0..2 {
        ours.sent(lease).await.unwrap();
        assert_eq!(known(&theirs, answer.id).await.state, State::Sent);
    }
    ours.append(lease, batch(1, ["a"])).await.unwrap();
    ours.sent(lease).await.unwrap();
    assert_eq!(known(&theirs, answer.id).await.state, State::Streaming);
}

pub(super) async fn what_was_never_opened_is_unknown(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let id = AnswerId { slot: Slot(fastrand::u128(..)), generation: 1 };
    let lease = crate::Lease { id, fence: 1 };
    assert_eq!(journal.look(id).await.unwrap(), Look::Unknown);
    assert!(journal.read(id, 0, 1000).await.unwrap().is_none());
    assert!(journal.claim(id).await.unwrap().is_none());
    assert!(!journal.seize(id, batch(1, ["a"]), end(State::Cancelled)).await.unwrap());
    journal.attend(id).await.unwrap();
    refused!(Fenced, journal.sent(lease));
    refused!(Fenced, journal.append(lease, batch(1, ["a"])));
    refused!(Fenced, journal.end(lease, batch(1, ["a"]), end(State::Complete)));
    refused!(Fenced, journal.renew(lease));
    refused!(Fenced, journal.relinquish(lease));
    refused!(Fenced, journal.release(lease));
    assert_eq!(journal.look(id).await.unwrap(), Look::Unknown);
}
