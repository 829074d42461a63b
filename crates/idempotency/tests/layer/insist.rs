//! An answer that is here and paid for while the store is away for longer than its lease.

use std::time::Duration;

use lastbyte_core::Ending;
use lastbyte_idempotency::{IdempotencyLayer, OnError};
use tokio::time::sleep;

use crate::crash::data;
use crate::support::{Answer, Chat, Node, Step, bare, event, inner, memory, steps};

const SECOND: Duration = Duration::from_secs(1);

/// An answer that is over after two seconds.
fn two_seconds(stream: bool) -> Answer {
    if stream {
        let begins = vec![data(event("a")), Step::Wait(2 * SECOND)];
        Answer::stream([begins, steps([])].concat())
    } else {
        Answer::whole(200, "a").after(2 * SECOND)
    }
}

/// What is answered to who asks for the rest of it, or anew.
fn again(stream: bool) -> Answer {
    if stream { Answer::stream(steps(["b"])) } else { Answer::whole(200, "ab") }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_paid_answer_is_written_when_the_store_is_back_within_ten_minutes() {
    // Of these the first 15 seconds, as long as the lease lasts, its readers wait for the store, too.
    for (away, asked) in [(60, 1), (600, 1), (640, 2)] {
        for (stream, on_error) in [(false, OnError::Refuse), (true, OnError::Refuse), (true, OnError::Pass)] {
            let chat = Chat::new([two_seconds(stream), again(stream)]);
            let journal = memory();
            let node = || {
                let builder = IdempotencyLayer::builder().with_on_error(on_error);
                Node::new(builder, &journal, inner(chat.clone()))
            };
            let (here, there) = (node(), node());
            let sends = here.clone();
            // It ends with its answer.
            let reader = tokio::spawn(async move { sends.get(bare("k", stream)).await });
            chat.until_asked(1).await;
            sleep(SECOND).await;
            here.journal.set_down(true);
            let read = reader.await.unwrap();
            sleep((away - 15) * SECOND).await;
            here.journal.set_down(false);
            match (stream, on_error) {
                (false, _) => {
                    assert_eq!((read.status, read.body.as_str()), (200, "a"));
                    assert_eq!(read.headers["x-lastbyte-degraded"], "store");
                }
                // Its end was not in the store.
                (true, OnError::Refuse) => assert_eq!(read.error, Some((Ending::Interrupted, false))),
                (true, _) => assert!(read.is_done() && read.error.is_none(), "{read:?}"),
            }
            sleep(5 * SECOND).await;
            let read = there.get(bare("k", stream)).await;
            let text = if stream { read.text } else { read.body };
            let whole = if asked == 1 { "a" } else { "ab" };
            assert_eq!((text.as_str(), read.error), (whole, None), "{away} s, {stream}");
            assert_eq!(chat.asked(), asked, "{away} s, {stream}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_gone_on_with_an_answer_meanwhile_is_not_disturbed() {
    for stream in [false, true] {
        let chat = Chat::new([two_seconds(stream), again(stream)]);
        let journal = memory();
        let node = || Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone()));
        let (here, there) = (node(), node());
        let sends = here.clone();
        // It ends with its answer.
        let reader = tokio::spawn(async move { sends.get(bare("k", stream)).await });
        chat.until_asked(1).await;
        sleep(SECOND).await;
        here.journal.set_down(true);
        reader.await.unwrap();
        sleep(5 * SECOND).await;
        let text = async |node: &Node| {
            let read = node.get(bare("k", stream)).await;
            if stream { read.text } else { read.body }
        };
        assert_eq!(text(&there).await, "ab");
        here.journal.set_down(false);
        sleep(5 * SECOND).await;
        assert_eq!((text(&here).await, text(&there).await), ("ab".into(), "ab".into()));
        assert_eq!((chat.asked(), here.layer.totals().running), (2, 0));
    }
}
