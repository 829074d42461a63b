use futures_util::poll;
use lastbyte::core::{Ending, EndingHandle};
use tower::{Service, ServiceExt};

use crate::alive::What;
use crate::answers::{self, HEL};
use crate::body::data;
use crate::read::Hand;
use crate::rig::Rig;
use crate::subject::Does;

pub(super) async fn a_caller_that_leaves_before_it_is_its_turn_leaves_nothing(rig: Rig) {
    rig.chat.open(false);
    let mut waiting = Box::pin(rig.send(rig.request()));
    assert!(poll!(&mut waiting).is_pending());
    assert_eq!(rig.chat.alive.count(What::Request), 1);
    drop(waiting);
    rig.chat.alive.assert_nothing("the caller left the queue");
    rig.chat.open(true);
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    drop(service);
    rig.chat.alive.assert_nothing("a caller was let in and left");
}

pub(super) async fn a_caller_that_leaves_before_the_head_leaves_nothing(rig: Rig) {
    let mut service = rig.service.clone();
    let mut call = Box::pin(service.ready().await.unwrap().call(rig.request()));
    drop(service);
    assert!(poll!(&mut call).is_pending());
    let asked = rig.chat.asked().await;
    assert_eq!(rig.chat.alive.count(What::Call), 1);
    drop(call);
    rig.chat.alive.assert_nothing("the caller left before the head");
    drop(asked);

    // Also where nobody has polled the call.
    let mut service = rig.service.clone();
    drop(service.ready().await.unwrap().call(rig.request()));
    drop(service);
    rig.chat.alive.assert_nothing("the caller left before it began to wait");
}

/// An answer whose head has come, with content behind it and more to come.
async fn begun(rig: &Rig) -> (Hand, EndingHandle) {
    rig.chat.script(|_| answers::stream_of(vec![data(HEL)]));
    let answer = rig.send(rig.request()).await.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    assert_eq!(rig.chat.alive.count(What::Body), 1);
    (Hand::new(answer), handle)
}

fn assert_left(rig: &Rig, handle: &EndingHandle, when: &str) {
    rig.chat.alive.assert_nothing(when);
    assert_eq!(handle.ending(), Some(&Ending::Abandoned), "{when}");
    assert!(rig.stack.endings().iter().all(|each| each.ending() == Some(&Ending::Abandoned)), "{when}");
}

pub(super) async fn a_reader_that_leaves_before_the_first_frame_leaves_nothing(rig: Rig) {
    let (hand, handle) = begun(&rig).await;
    drop(hand);
    assert_left(&rig, &handle, "the reader left before the first frame");
}

pub(super) async fn a_reader_that_leaves_in_the_middle_leaves_nothing(rig: Rig) {
    let (mut hand, handle) = begun(&rig).await;
    assert_eq!(hand.data(), HEL);
    hand.poll();
    drop(hand);
    assert_left(&rig, &handle, "the reader left in the middle");

    let (mut hand, handle) = begun(&rig).await;
    assert_eq!(hand.data(), HEL);
    drop(hand);
    assert_left(&rig, &handle, "the reader left behind a frame");
}

pub(super) async fn a_reader_that_leaves_behind_the_error_event_leaves_nothing(rig: Rig) {
    rig.chat.script(|_| answers::stream([HEL]));
    let answer = rig.send(rig.request()).await.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    let mut hand = Hand::new(answer);
    assert_eq!(hand.data(), HEL);
    hand.data();
    hand.poll();
    drop(hand);
    rig.chat.alive.assert_nothing("the reader left between the event and the error");
    assert_eq!(handle.ending().map(Ending::code), Some("stream_truncated"));
}

pub(super) async fn a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing(rig: Rig) {
    rig.chat.script(|_| answers::status(429, &[("retry-after", "5")]));
    let mut call = Box::pin(rig.send(rig.request()));
    assert!(poll!(&mut call).is_pending(), "it waits for the next attempt");
    assert_eq!(rig.chat.calls().len(), 1);
    // A layer that rewrites it has a request of its own.
    let kept = rig.chat.alive.count(What::Request);
    assert!(
        kept == 1 || kept == 0 && rig.stack.does(Does::Rewrites),
        "what is kept to be sent again: {kept}"
    );
    drop(call);
    rig.chat.alive.assert_nothing("the caller left while nothing was under way");
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    assert_eq!(rig.chat.calls().len(), 1, "nothing is asked for a caller who is gone");

    // The same behind a head that has left already, in the body.
    rig.chat.script(|_| answers::status(429, &[("retry-after", "12")]));
    let answer = rig.send(rig.request()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "the head does not wait that long");
    let mut hand = Hand::new(answer);
    hand.poll();
    drop(hand);
    rig.chat.alive.assert_nothing("the reader left while nothing was under way");
}
