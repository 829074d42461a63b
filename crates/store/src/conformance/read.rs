//! Reading events in pages.

use bytes::Bytes;

use super::Bench;
use super::kit::{answer, batch, end, open};
use crate::{Batch, State};

pub(super) async fn pages_have_no_gap_and_no_more_than_was_asked_for(bench: &dyn Bench) {
    let (ours, theirs) = (bench.journal().await, bench.journal().await);
    let answer = answer(bench);
    let lease = open(&ours, &answer).await;
    let all: Vec<_> = [3, 0, 1, 0, 0, 10, 2, 2].map(|size| Bytes::from(vec![b'a' + size as u8; size])).into();
    for ended in [false, true] {
        if ended {
            ours.end(lease, batch(9, []), end(State::Complete)).await.unwrap();
        } else {
            ours.append(lease, Batch { events: all.clone(), ..batch(1, []) }).await.unwrap();
        }
        for after in 0..all.len() + 3 {
            for max in [0, 1, 2, 3, 4, 11, 17, 18, 1000, usize::MAX] {
                let page = theirs.read(answer.id, after as u64, max).await.unwrap().unwrap();
                assert_eq!((page.record.events, page.record.state.is_ended()), (8, ended));
                let rest = all.get(after..).unwrap_or_default();
                assert!(rest.starts_with(&page.events), "after {after}, {max}: {:?}", page.events);
                assert!(!page.events.is_empty() || rest.is_empty(), "nothing after {after}, {max}");
                let bytes: usize = page.events.iter().map(Bytes::len).sum();
                assert!(page.events.len() <= 1 || bytes <= max, "{bytes} bytes, and {max} were asked for");
            }
        }
        for after in [1 << 31, 1 << 32, 1 << 63, u64::MAX] {
            let page = theirs.read(answer.id, after, 1000).await.unwrap().unwrap();
            assert!(page.events.is_empty(), "after {after}: {:?}", page.events);
        }
    }
}

pub(super) async fn a_page_has_all_that_there_is_room_for_in_the_end(bench: &dyn Bench) {
    let journal = bench.journal().await;
    let answer = answer(bench);
    let lease = open(&journal, &answer).await;
    let all: Vec<_> = (0..1000u32).map(|at| Bytes::from(format!("event {at}"))).collect();
    for (at, events) in all.chunks(50).enumerate() {
        let events = events.to_vec();
        journal.append(lease, Batch { events, ..batch(at as u64 * 50 + 1, []) }).await.unwrap();
    }
    for max in [1, 100, 1000, 1 << 20] {
        let mut read: Vec<Bytes> = Vec::new();
        let mut pages = 0;
        while read.len() < all.len() {
            read.extend(journal.read(answer.id, read.len() as u64, max).await.unwrap().unwrap().events);
            pages += 1;
            assert!(pages <= all.len());
        }
        assert!(read == all, "not as it was written, in pages of {max}");
    }
}
