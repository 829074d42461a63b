//! Writing events.

use bytes::Bytes;
use futures_util::future::join_all;

use super::Bench;
use super::kit::{answer, batch, end, events, known, open, refused, texts};
use crate::{Batch, NewAnswer, State};

pub(super) async fn events_are_numbered_from_one_and_counted(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    ours.append(lease, batch(1, ["one"])).await.unwrap();
    ours.append(lease, batch(2, ["two", ""])).await.unwrap();
    ours.append(lease, batch(4, ["four"])).await.unwrap();
    let record = known(&theirs, answer.id).await;
    assert_eq!((record.events, record.bytes, record.state), (4, 10, State::Streaming));
    assert_eq!(texts(&events(&theirs, answer.id).await), ["one", "two", "", "four"]);
}

pub(super) async fn the_head_is_replaced_and_counted_once(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let head = |head: &'static [u8], batch| Batch { head: Some(Bytes::from_static(head)), ..batch };
    journal.append(lease, head(b"long head\0\xff\r\n", batch(1, ["a"]))).await.unwrap();
    let record = known(&journal, answer.id).await;
    assert_eq!((record.head, record.bytes), (Some(Bytes::from_static(b"long head\0\xff\r\n")), 14));
    journal.append(lease, batch(2, ["b"])).await.unwrap();
    assert!(known(&journal, answer.id).await.head.is_some());
    journal.append(lease, head(b"short", batch(3, ["c"]))).await.unwrap();
    let record = known(&journal, answer.id).await;
    assert_eq!((record.head, record.bytes), (Some(Bytes::from_static(b"short")), 8));
    journal.end(lease, head(b"", batch(4, [])), end(State::Complete)).await.unwrap();
    let record = known(&journal, answer.id).await;
    assert_eq!((record.head, record.bytes), (Some(Bytes::new()), 3));
}

pub(super) async fn attempts_only_grow(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    for (told, known_then) in [(0, 0), (2, 2), (1, 2), (0, 2), (3, 3)] {
        let first = known(&journal, answer.id).await.events + 1;
        journal.append(lease, Batch { attempts: told, ..batch(first, ["a"]) }).await.unwrap();
        assert_eq!(known(&journal, answer.id).await.attempts, known_then);
    }
    journal.end(lease, Batch { attempts: 4, ..batch(6, []) }, end(State::Complete)).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.attempts, 4);
}

pub(super) async fn a_batch_without_events_does_not_start_the_stream(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let head = Batch { head: Some(Bytes::from_static(b"head")), attempts: 1, ..batch(1, []) };
    for _ in 0..2 {
        journal.append(lease, head.clone()).await.unwrap();
        let record = known(&journal, answer.id).await;
        assert_eq!((record.state, record.events, record.bytes), (State::Claimed, 0, 4));
        assert_eq!((record.head, record.attempts), (head.head.clone(), 1));
    }
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.state, State::Streaming);
}

pub(super) async fn a_repeated_batch_is_written_once(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let first = Batch { head: Some(Bytes::from_static(b"head")), attempts: 1, ..batch(1, ["a", "bc"]) };
    let then = batch(3, ["d"]);
    for batch in [&first, &first, &then, &then, &first, &batch(2, ["bc"]), &batch(2, ["bc", "d"])] {
        journal.append(lease, batch.clone()).await.unwrap();
    }
    let record = known(&journal, answer.id).await;
    assert_eq!((record.events, record.bytes, record.attempts), (3, 8, 1));
    assert_eq!(texts(&events(&journal, answer.id).await), ["a", "bc", "d"]);
    // The end may repeat what an append has written, because its writer does not know that it has.
    journal.end(lease, then, end(State::Complete)).await.unwrap();
    assert_eq!(texts(&events(&journal, answer.id).await), ["a", "bc", "d"]);
    assert_eq!(known(&journal, answer.id).await.state, State::Complete);
}

pub(super) async fn a_batch_that_begins_too_late_is_out_of_order(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    refused!(OutOfOrder, journal.append(lease, batch(2, ["b"])));
    journal.append(lease, batch(1, ["a"])).await.unwrap();
    let before = known(&journal, answer.id).await;
    // Numbers begin at 1.
    refused!(OutOfOrder, journal.append(lease, batch(0, ["a"])));
    for first in [3, 4, 1000, u64::MAX - 1, u64::MAX] {
        let late = Batch { head: Some(Bytes::from_static(b"head")), attempts: 9, ..batch(first, ["x", "y"]) };
        refused!(OutOfOrder, journal.append(lease, late.clone()));
        refused!(OutOfOrder, journal.end(lease, late.clone(), end(State::Complete)));
        refused!(OutOfOrder, journal.append(lease, batch(first, [])));
        assert_eq!(known(&journal, answer.id).await, before);
    }
    journal.append(lease, batch(2, ["b"])).await.unwrap();
    assert_eq!(texts(&events(&journal, answer.id).await), ["a", "b"]);
}

pub(super) async fn a_batch_that_is_partly_there_is_out_of_order(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    journal.append(lease, batch(1, ["a", "b"])).await.unwrap();
    let before = known(&journal, answer.id).await;
    for partly in [batch(1, ["a", "b", "c"]), batch(2, ["b", "c"])] {
        let partly = Batch { head: Some(Bytes::from_static(b"head")), attempts: 9, ..partly };
        refused!(OutOfOrder, journal.append(lease, partly.clone()));
        refused!(OutOfOrder, journal.end(lease, partly.clone(), end(State::Complete)));
        assert_eq!(known(&journal, answer.id).await, before);
    }
    journal.append(lease, batch(3, ["c"])).await.unwrap();
    assert_eq!(texts(&events(&journal, answer.id).await), ["a", "b", "c"]);
}

pub(super) async fn what_is_too_large_is_not_written_and_the_answer_goes_on(bench: &dyn Bench) {
    let journal = bench.journal().await;
    // The request does not count.
    let answer = NewAnswer { max_bytes: 10, request: Bytes::from(vec![b'r'; 1000]), ..answer(bench) };
    let lease = open(&journal, &answer).await;
    refused!(TooLarge, journal.append(lease, batch(1, ["01234567890"])));
    assert_eq!(known(&journal, answer.id).await.state, State::Claimed);
    let head = |head: &'static str, batch| Batch { head: Some(Bytes::from_static(head.as_bytes())), ..batch };
    journal.append(lease, head("head", batch(1, ["a"]))).await.unwrap();
    let before = known(&journal, answer.id).await;
    refused!(TooLarge, journal.append(lease, batch(2, ["bcd", "efg"])));
    refused!(TooLarge, journal.append(lease, head("head is long", batch(2, []))));
    assert_eq!(known(&journal, answer.id).await, before);
    assert_eq!(texts(&events(&journal, answer.id).await), ["a"]);
    // To the last byte, and a head that makes room for more.
    journal.append(lease, batch(2, ["bcdef"])).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.bytes, 10);
    refused!(TooLarge, journal.append(lease, batch(3, ["g"])));
    journal.append(lease, batch(2, ["bcdef"])).await.unwrap();
    journal.append(lease, head("", batch(3, ["ghij"]))).await.unwrap();
    assert_eq!(known(&journal, answer.id).await.bytes, 10);
}

pub(super) async fn events_may_have_any_bytes(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let every: Vec<u8> = (0..=255).collect();
    let odd: [&[u8]; 8] =
        [&every, b"\0", b"\xff\xfe", b"\r\n\r\n", b"", b"\n", b"data: x\n\n", b"'\"\\{}$1%s"];
    let written: Vec<_> = odd.iter().map(|event| Bytes::copy_from_slice(event)).collect();
    journal.append(lease, Batch { events: written.clone(), ..batch(1, []) }).await.unwrap();
    assert_eq!(events(&journal, answer.id).await, written);
}

pub(super) async fn a_large_event_comes_back_whole(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let large = Bytes::from((0..1 << 20).map(|at: u32| (at % 251) as u8).collect::<Vec<_>>());
    journal.append(lease, Batch { events: vec![large.clone()], ..batch(1, []) }).await.unwrap();
    journal.end(lease, batch(2, ["b"]), end(State::Complete)).await.unwrap();
    assert!(events(&journal, answer.id).await == [large, Bytes::from_static(b"b")], "not as it was written");
    assert_eq!(known(&journal, answer.id).await.bytes, (1 << 20) + 1);
}

pub(super) async fn of_the_same_batch_at_once_one_is_written(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    for first in [1, 3, 5] {
        let journals = [&ours, &theirs].into_iter().cycle().take(8);
        let all = join_all(journals.map(|journal| journal.append(lease, batch(first, ["a", "b"])))).await;
        all.into_iter().for_each(Result::unwrap);
    }
    assert_eq!(texts(&events(&theirs, answer.id).await), ["a", "b"].repeat(3));
    assert_eq!(known(&theirs, answer.id).await.bytes, 6);
}
