//! A store that fails over to a replica which has not got everything.

use std::sync::Arc;
use std::time::Duration;

use lastbyte_core::Ending;
use lastbyte_idempotency::IdempotencyLayer;
use lastbyte_store::Journal;
use tokio::time::{sleep, timeout};

use crate::crash::data;
use crate::support::{
    Answer, Chat, Faulty, Node, Step, bare, event, id_of, inner, memory, read, resume, steps, with,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn whoever_has_seen_what_is_lost_is_told_and_nobody_gets_a_text_with_a_gap() {
    let pieces = ["a", "b", "c", "d"].into_iter().flat_map(|text| [data(event(text)), Step::Gate]);
    let chat = Chat::new([Answer::stream(pieces.collect()), Answer::stream(steps(["x", "y"]))]);
    let store = Faulty::new(memory());
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let nodes = [(); 2].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())));
    let begun = nodes[0].send(bare("k", true)).await;
    let id = id_of(&begun);
    let joined = nodes[1].send(bare("k", true)).await;
    // Each ends with its answer.
    let readers = [begun, joined].map(|reader| tokio::spawn(read(reader)));
    for _ in 0..2 {
        sleep(SECOND).await;
        chat.open();
    }
    sleep(SECOND).await;
    // `c` is shown, and gone.
    store.fail_over(1).await;
    for node in &nodes {
        let mut by_id = resume(&id, 3);
        by_id.headers_mut().remove("authorization");
        for request in [by_id, with(bare("k", true), "last-event-id", "3")] {
            let read = timeout(60 * SECOND, node.get(request)).await.unwrap();
            assert_eq!((read.status, read.code().as_str()), (410, "answer_gone"));
        }
    }
    chat.open();
    for reader in readers {
        let read = reader.await.unwrap();
        assert_eq!((read.text.as_str(), read.error), ("abc", Some((Ending::Interrupted, false))));
    }
    assert_eq!(chat.asked(), 1);
    // Who comes anew gets what is left of it, and goes on from there.
    let late = nodes[1].get(bare("k", true)).await;
    assert_eq!((late.text.as_str(), late.is_done(), late.error), ("abxy", true, None));
    let numbers: Vec<_> = late.events.iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_where_a_failover_has_lost_only_what_it_has_not_seen() {
    let pieces = ["a", "b"].into_iter().flat_map(|text| [data(event(text)), Step::Gate]);
    let chat = Chat::new([Answer::stream(pieces.collect()), Answer::stream(steps(["x", "y"]))]);
    let store = Faulty::new(memory());
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let nodes = [(); 2].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())));
    let begun = nodes[0].send(bare("k", true)).await;
    let id = id_of(&begun);
    drop(begun);
    sleep(SECOND).await;
    chat.open();
    sleep(SECOND).await;
    store.fail_over(1).await;
    // Its writer finds out when it writes.
    chat.open();
    let mut behind_a = resume(&id, 1);
    behind_a.headers_mut().remove("authorization");
    let read = nodes[1].get(behind_a).await;
    assert_eq!((read.text.as_str(), read.is_done(), read.error), ("xy", true, None));
    assert_eq!(read.events[0].0, 2);
}
