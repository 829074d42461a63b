use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use lastbyte::core::{Ending, EndingHandle};
use tower::ServiceExt;

use crate::ON_PURPOSE;
use crate::answers::{self, HEL, LO, STREAM};
use crate::body::{Item, Manner, data};
use crate::boxed::{Boxed, RequestBody};
use crate::chat::Reply;
use crate::read::{Read, read};
use crate::rig::Rig;
use crate::subject::Does;

/// One answer in a task of its own, as a server has it. `None`: the task panicked.
async fn in_a_task(service: Boxed, request: http::Request<RequestBody>) -> Option<Read> {
    let answer = service.oneshot(request).boxed();
    match tokio::spawn(async move { read(answer.await.unwrap()).await }).await {
        Ok(read) => Some(read),
        Err(error) => {
            let panic = error.into_panic();
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(ON_PURPOSE));
            None
        }
    }
}

/// Where there is a seal the panic ends as an honest error or is asked again; otherwise it reaches the task.
fn assert_honest(rig: &Rig, came: Option<&Read>) {
    rig.chat.alive.assert_nothing("the panic is over");
    let Some(read) = came else {
        assert!(!rig.stack.does(Does::Seals), "a panic went through a seal");
        return;
    };
    assert!(rig.stack.does(Does::Seals), "there is nobody who could have caught it");
    let whole = read.error.is_none() && read.text() == STREAM.concat();
    let refused = read.status().is_server_error() && read.text().contains("\"error\"");
    let told =
        read.error.is_some() && read.text().contains("\"interrupted\"") && !read.text().contains("[DONE]");
    assert!(whole || refused || told, "{} {} {:?}", read.status(), read.text(), read.error);
    assert!(
        whole || read.ending() == Ending::Interrupted || rig.stack.does(Does::Retries),
        "{:?}",
        read.ending()
    );
}

async fn and_then_all_is_well(rig: &Rig) {
    rig.chat.script(|_| answers::stream(STREAM));
    let read = in_a_task(rig.service.clone(), rig.request()).await.expect("no more panics");
    assert_eq!(read.text(), STREAM.concat(), "what a panic left behind breaks others");
}

pub(super) async fn a_panic_in_a_call_ends_one_answer(rig: Rig) {
    rig.chat.script(|_| answers::stream(STREAM));
    rig.chat.panic_in_call();
    let came = in_a_task(rig.service.clone(), rig.request()).await;
    assert_honest(&rig, came.as_ref());
    and_then_all_is_well(&rig).await;
}

pub(super) async fn a_panic_before_the_head_ends_one_answer(rig: Rig) {
    rig.chat.script(|call| if call.number == 0 { Reply::Panic } else { answers::stream(STREAM) });
    let came = in_a_task(rig.service.clone(), rig.request()).await;
    assert_honest(&rig, came.as_ref());
    and_then_all_is_well(&rig).await;
}

pub(super) async fn a_panic_in_a_body_ends_one_answer(rig: Rig) {
    for begun in [vec![], vec![HEL], vec![HEL, LO]] {
        let mut panicked = false;
        rig.chat.script(move |_| match std::mem::replace(&mut panicked, true) {
            false => answers::stream_of(begun.iter().map(data).chain([Item::Panic]).collect()),
            true => answers::stream(STREAM),
        });
        let came = in_a_task(rig.service.clone(), rig.request()).await;
        assert_honest(&rig, came.as_ref());
    }
    for handle in rig.stack.endings() {
        let ending = handle.ending().expect("also what unwinds has an ending");
        assert!(matches!(ending, Ending::Interrupted | Ending::Complete { .. }), "{ending:?}");
    }
    and_then_all_is_well(&rig).await;
}

pub(super) async fn a_panic_in_a_request_body_ends_one_answer(rig: Rig) {
    rig.chat.script(|_| answers::stream(STREAM));
    let request = rig.request().map(|_| rig.chat.request_body(vec![data("{"), Item::Panic], Manner::Chunked));
    // The double tells of whoever polls it again; here that is the next attempt's right.
    let came = AssertUnwindSafe(in_a_task(rig.service.clone(), request)).catch_unwind().await.unwrap();
    rig.chat.alive.assert_nothing("the panic is over");
    if let Some(read) = &came {
        assert!(rig.stack.does(Does::Seals));
        assert!(read.status().is_server_error() || read.error.is_some(), "half a request has no answer");
    }
    and_then_all_is_well(&rig).await;
}

pub(super) async fn neighbours_of_a_panic_do_not_notice(rig: Rig) {
    let mut neighbours = Vec::new();
    let mut feeds = Vec::new();
    for _ in 0..6 {
        let service = rig.service.clone();
        neighbours.push(tokio::spawn(in_a_task(service, rig.request())));
        let feed = rig.chat.asked().await.head(answers::stream_head(), Manner::Chunked);
        feed.data(HEL);
        feeds.push(feed);
    }
    feeds[2].push(Item::Panic);
    for (number, feed) in feeds.iter().enumerate().filter(|(number, _)| *number != 2) {
        feed.data(STREAM[2..].concat());
        feed.end();
        let _ = number;
    }
    for (number, neighbour) in neighbours.into_iter().enumerate() {
        let came = neighbour.await.unwrap();
        if number == 2 {
            assert!(came.is_none_or(|read| read.error.is_some()));
            continue;
        }
        let read = came.expect("its neighbour panicked, and it did not");
        assert_eq!(read.text(), [&[HEL], &STREAM[2..]].concat().concat());
        let handle = read.head.extensions.get::<EndingHandle>().unwrap();
        assert!(matches!(handle.ending(), Some(Ending::Complete { .. })));
    }
    rig.chat.alive.assert_nothing("all is over");
}
