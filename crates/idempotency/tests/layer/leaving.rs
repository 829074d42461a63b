use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use lastbyte_core::Ending;
use lastbyte_idempotency::IdempotencyLayer;
use tokio::time::sleep;

use crate::support::{
    Answer, Chat, Node, Read, Step, ask, event, id_of, inner, memory, read, read_events, resume, steps, until,
};

const SECOND: Duration = Duration::from_secs(1);

/// One event a second, for ever so long.
fn long(events: usize) -> Answer {
    let each = (0..events).flat_map(|_| [Step::Data(event("a")), Step::Wait(SECOND)]);
    Answer::stream(each.chain(steps(["z"])).collect())
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_reader_leaves_is_written_to_its_end() {
    let chat = Chat::new([long(100)]);
    let node = Node::alone(&chat);
    let first = node.send(ask("k", true)).await;
    let id = id_of(&first);
    assert_eq!(read_events(first, 3).await.text, "aaa");
    node.layer.drained().await;
    let rest = node.get(resume(&id, 3)).await;
    assert_eq!((rest.text.len(), rest.is_done()), (98, true));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_point_leaves_nothing_or_an_answer_that_ends() {
    for polls in 0..12 {
        for stream in [true, false] {
            let wait = Duration::from_millis(1);
            let answer =
                if stream { Answer::stream(steps(["a"])) } else { Answer::whole(200, "ok") }.after(wait);
            let chat = Chat::by(move |_| answer.clone());
            let node = Node::alone(&chat);
            {
                let mut call = pin!(node.send(ask("k", stream)));
                for _ in 0..polls {
                    if poll!(call.as_mut()).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            until("nothing is left", || chat.held() == 0 && node.layer.totals().running == 0).await;
            sleep(SECOND).await;
            let again = node.get(ask("k", stream)).await;
            assert_eq!(again.status, 200, "{polls}");
            assert_eq!(chat.asked(), 1, "what was begun is what is read: {polls}");
            assert_eq!(again.replayed(), polls > 0, "{polls}");
        }
    }
}

fn impatient(chat: &Chat, patience: Duration) -> [Node; 2] {
    let journal = memory();
    [(); 2].map(|()| {
        let builder = IdempotencyLayer::builder().with_when_unread(Some(patience));
        Node::new(builder, &journal, inner(chat.clone()))
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_ended_where_that_is_wanted() {
    // Shorter and longer than the lease; an upstream that talks all the time, and one that does not.
    for patience in [6, 60] {
        let silent = Answer::stream([vec![Step::Data(event("a")), Step::Gate], steps(["z"])].concat());
        for answer in [long(1000), silent] {
            let chat = Chat::new([answer]);
            let [node, _] = impatient(&chat, patience * SECOND);
            let first = node.send(ask("k", true)).await;
            read_events(first, 1).await;
            let left = tokio::time::Instant::now();
            until("it is ended", || chat.held() == 0).await;
            let took = left.elapsed().as_secs_f64() / patience as f64;
            assert!((1.0..1.5).contains(&took), "after {took} times its patience of {patience} s");
            let again = node.get(ask("k", true)).await;
            assert_eq!((again.last_error().as_deref(), again.replayed()), (Some("cancelled"), true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_is_ended_before_its_head_too() {
    let chat = Chat::new([long(1).after(1000 * SECOND)]);
    let [node, _] = impatient(&chat, 30 * SECOND);
    {
        let mut call = pin!(node.send(ask("k", true)));
        assert!(poll!(call.as_mut()).is_pending());
        chat.until_asked(1).await;
    }
    until("it is ended", || chat.held() == 0).await;
    let again = node.get(ask("k", true)).await;
    assert_eq!((again.status, again.code().as_str(), again.replayed()), (502, "cancelled", true));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_read_elsewhere_goes_on() {
    for patience in [6, 60] {
        let silent =
            Answer::stream([vec![Step::Data(event("a")), Step::Wait(200 * SECOND)], steps(["z"])].concat());
        // Also one that is read without ever being waited for.
        for answer in [long(200), silent, long(3).after(200 * SECOND)] {
            let chat = Chat::new([answer]);
            let [here, there] = impatient(&chat, patience * SECOND);
            let reader: Read = {
                let mut call = Box::pin(here.send(ask("k", true)));
                assert!(poll!(call.as_mut()).is_pending());
                chat.until_asked(1).await;
                // The first leaves, and another has come by another way.
                drop(call);
                there.get(ask("k", true)).await
            };
            assert!(reader.is_done(), "{reader:?}");
            assert!(matches!(reader.ending, Some(Ending::Complete { .. })));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_is_told_apart_from_one_that_has_read_all() {
    let chat = Chat::new([long(3)]);
    let node = Node::alone(&chat);
    assert_eq!(read_events(node.send(ask("k", true)).await, 1).await.ending, None);
    let all = read(node.send(ask("k", true)).await).await;
    assert!(matches!(all.ending, Some(Ending::Complete { .. })));
}
