//! Answers that a retry asks for.

use std::io::ErrorKind;

use http::Method;
use lastbyte::core::Ending;
use lastbyte::idempotency::{IdempotencyLayer, OnUnknown};
use lastbyte::retry::RetryLayer;
use tower::Layer;

use crate::support::{
    Answer, Chat, Head, Inner, Node, Step, about, ask, bare, crash, event, id_of, inner, memory, steps,
};

fn retried(chat: &Chat) -> Inner {
    inner(RetryLayer::new().with_seed(1).layer(chat.clone()))
}

#[tokio::test(start_paused = true)]
async fn the_head_says_how_many_attempts_were_begun_for_it() {
    let chat = Chat::new([Answer::whole(503, "no"), Answer::stream(steps(["a"]))]);
    let node = Node::new(IdempotencyLayer::builder(), &memory(), retried(&chat));
    let first = node.get(ask("k", true)).await;
    assert_eq!((first.text.as_str(), &first.headers["x-lastbyte-attempts"]), ("a", &"2".parse().unwrap()));
    let again = node.send(ask("k", true)).await;
    assert_eq!(again.headers()["x-lastbyte-attempts"], "0");
    let told = node.get(about(Method::GET, &id_of(&again))).await;
    assert!(told.body.contains("\"attempts\":2"), "{}", told.body);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_to_go_on_by_a_retry_that_knows_no_way_to() {
    let begun = [event("a"), event("b")].map(Step::Data);
    let begun = Answer::stream(begun.into_iter().chain([Step::Gate]).collect());
    let chat = Chat::new([begun, Answer::stream(steps(["c"]))]);
    let (journal, service) = (memory(), retried(&chat));
    let node = || Node::new(IdempotencyLayer::builder(), &journal, service.clone());
    let second = node();
    crash(node(), &chat, bare("k", true)).await;
    let read = second.get(bare("k", true)).await;
    assert_eq!((read.text.as_str(), read.last_error().as_deref()), ("ab", Some("interrupted")), "{read:?}");
    assert_eq!(read.error, Some((Ending::Interrupted, true)));
    assert_eq!(chat.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_got_no_answer_is_asked_again_by_a_retry_only_where_it_may_be_paid_twice() {
    for stream in [false, true] {
        for on_unknown in [OnUnknown::Retry, OnUnknown::Refuse] {
            let good = if stream { Answer::stream(steps(["a"])) } else { Answer::whole(200, "a") };
            let chat = Chat::new([Answer::none(Head::Error(ErrorKind::ConnectionReset)), good]);
            let builder = IdempotencyLayer::builder().with_on_unknown(on_unknown);
            let node = Node::new(builder, &memory(), retried(&chat));
            let first = node.get(ask("k", stream)).await;
            let again = node.get(ask("k", stream)).await;
            if on_unknown == OnUnknown::Retry {
                for read in [first, again] {
                    let text = if stream { read.text } else { read.body };
                    assert_eq!((read.status, text.as_str()), (200, "a"));
                }
                assert_eq!(chat.asked(), 2);
            } else {
                assert_eq!((first.status, first.code().as_str()), (502, "upstream_error"), "{first:?}");
                assert_eq!((again.status, again.code().as_str()), (409, "outcome_unknown"));
                assert_eq!(chat.asked(), 1, "nobody asks twice");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_asked_again_though_nothing_may_be_paid_twice() {
    let refused = || Answer::none(Head::Error(ErrorKind::ConnectionRefused));
    let chat = Chat::new([refused(), Answer::whole(503, "no"), Answer::stream(steps(["a"]))]);
    let builder = IdempotencyLayer::builder().with_on_unknown(OnUnknown::Refuse);
    let node = Node::new(builder, &memory(), retried(&chat));
    assert_eq!(node.get(ask("k", true)).await.text, "a");
    assert_eq!(chat.asked(), 3);
}
