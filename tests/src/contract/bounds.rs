use std::time::Duration;

use bytes::Bytes;
use futures_util::poll;
use http::{Request, Response};
use lastbyte::core::{Cause, Ending, EndingHandle};

use crate::answers::{self, HEL, ROLE, STOP, STREAM};
use crate::body::{Item, Manner, data};
use crate::boxed::{AnswerBody, RequestBody};
use crate::chat::{ChatError, Reply};
use crate::read::{Came, Hand, read, read_as_hyper};
use crate::rig::Rig;
use crate::subject::CAP;

/// An event of content with `bytes` of text.
fn large(bytes: usize) -> String {
    let text = "x".repeat(bytes);
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

pub(super) async fn an_event_over_the_cap_ends_the_answer(rig: Rig) {
    let too_large = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
    for piece in [1000, CAP * 4] {
        rig.chat.script(move |_| {
            let event = large(2 * CAP);
            let pieces = event.as_bytes().chunks(piece).map(data);
            answers::stream_of([data(HEL)].into_iter().chain(pieces).chain([data(STOP), Item::End]).collect())
        });
        let read = read(rig.send(rig.request()).await.unwrap()).await;
        assert!(read.error.is_some(), "in pieces of {piece}");
        assert_eq!(read.ending(), too_large);
        assert!(read.bytes().len() < CAP + 4096, "what is over the cap is not passed on");
        rig.chat.alive.assert_nothing("the answer was ended");
    }
}

pub(super) async fn an_event_under_the_cap_passes_however_it_is_cut(rig: Rig) {
    for piece in [1000, CAP] {
        rig.chat.script(move |_| {
            let event = large(CAP - 1000);
            let pieces = event.as_bytes().chunks(piece).map(data).collect::<Vec<_>>();
            answers::stream_of(pieces.into_iter().chain([data(STOP), Item::End]).collect())
        });
        let read = read(rig.send(rig.request()).await.unwrap()).await;
        assert_eq!(read.text(), [large(CAP - 1000), STOP.to_owned()].concat(), "in pieces of {piece}");
    }
}

pub(super) async fn a_comment_without_an_end_is_not_kept_without_end(rig: Rig) {
    let chat = rig.chat.clone();
    let (answer, feed) = tokio::join!(rig.send(rig.request()), async {
        let feed = chat.asked().await.head(answers::stream_head(), Manner::Chunked);
        feed.data(HEL);
        feed.data(": ");
        feed
    });
    let answer = answer.unwrap();
    let handle = answer.extensions().get::<EndingHandle>().unwrap().clone();
    let (mut hand, mut got, mut told) = (Hand::new(answer), 0, None);
    let mut fed = 0;
    loop {
        match hand.poll() {
            Came::Data(data) => got += data.len(),
            Came::Failed(error) => {
                told = Some(error.ending().clone());
                break;
            }
            Came::Waits { .. } if fed > 4 * CAP => {
                assert!(got >= fed, "{fed} bytes came, and {got} left");
                break;
            }
            Came::Waits { .. } => {
                feed.data("x".repeat(1024));
                fed += 1024;
            }
            other => panic!("{other:?}"),
        }
    }
    drop(hand);
    let too_large = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
    assert!(told.is_none() || told.as_ref() == Some(&too_large), "{told:?}");
    assert_eq!(handle.ending(), Some(told.as_ref().unwrap_or(&Ending::Abandoned)));
}

pub(super) async fn an_opaque_body_has_no_cap(rig: Rig) {
    rig.chat.script(|_| {
        let chunks = (0..40).map(|number| Item::Data(vec![number; CAP / 4].into()));
        let head = answers::head(200, &[("content-type", "audio/mpeg")]);
        Reply::Answer(head, Manner::Chunked, chunks.chain([Item::End]).collect())
    });
    let mut request = rig.request();
    *request.uri_mut() = "/v1/audio/speech".parse().unwrap();
    request.extensions_mut().clear();
    let read = read_as_hyper(rig.send(request).await.unwrap()).await;
    assert_eq!(read.bytes().len(), CAP * 10);
    assert_eq!(read.ending(), Ending::Opaque { ok: true });
}

pub(super) async fn a_request_over_the_cap_is_sent_once(rig: Rig) {
    let body = |manner, bytes: usize| -> Request<RequestBody> {
        let chunks = vec![Bytes::from(vec![b'x'; bytes / 4]); 4];
        let items = chunks.into_iter().map(Item::Data).chain([Item::End]).collect();
        rig.request().map(|_| rig.chat.request_body(items, manner))
    };
    rig.chat.script(|_| answers::status(503, &[]));
    for manner in [Manner::Chunked, Manner::Long(4 * CAP as u64)] {
        let before = rig.chat.calls().len();
        let read = read(rig.send(body(manner, 4 * CAP)).await.unwrap()).await;
        assert_eq!(read.status().as_u16(), 503);
        let calls = rig.chat.calls();
        assert_eq!(calls.len() - before, 1, "{manner:?}: what is not kept cannot be sent again");
        assert_eq!(calls[before].body.len(), 4 * CAP, "and passes whole");
    }
    let before = rig.chat.calls().len();
    read(rig.send(body(Manner::Chunked, CAP)).await.unwrap()).await;
    assert_eq!(rig.chat.calls().len() - before, rig.stack.attempts(), "under the cap it is kept");
}

/// Feeds an answer without an end, one piece after the other, until its head comes: how many bytes it took.
async fn until_let_go(rig: &Rig, head: Response<()>, request: Request<RequestBody>, piece: &str) -> usize {
    let mut call = Box::pin(rig.send(request));
    assert!(poll!(&mut call).is_pending());
    let feed = rig.chat.asked().await.head(head, Manner::Chunked);
    let mut bytes = 0;
    let answer: Result<Response<AnswerBody>, ChatError> = loop {
        match poll!(&mut call) {
            std::task::Poll::Ready(answer) => break answer,
            std::task::Poll::Pending => {
                assert!(bytes < 16 * CAP, "it is held for ever");
                feed.data(piece);
                bytes += piece.len();
            }
        }
    };
    assert_eq!(answer.unwrap().status().as_u16(), 200);
    bytes
}

pub(super) async fn an_answer_over_the_cap_is_let_go(rig: Rig) {
    let request = answers::request(&rig.chat, "/v1/chat/completions", false);
    let head = answers::head(200, &[("content-type", "application/json")]);
    let bytes = until_let_go(&rig, head, request, &" ".repeat(1024)).await;
    assert!((CAP..CAP + 4096).contains(&bytes), "{bytes}");
}

pub(super) async fn a_stream_without_content_over_the_cap_is_let_go(rig: Rig) {
    let bytes = until_let_go(&rig, answers::stream_head(), rig.request(), &ROLE.repeat(10)).await;
    assert!((256 << 10..(256 << 10) + 4096).contains(&bytes), "{bytes}");
}

pub(super) async fn an_error_body_over_the_cap_is_judged_by_what_came(rig: Rig) {
    rig.chat.script(|call| {
        if call.number > 0 {
            return answers::stream(STREAM);
        }
        let head = answers::head(503, &[]);
        // It never ends.
        Reply::Answer(head, Manner::Chunked, (0..100).map(|_| data("x".repeat(1024))).collect())
    });
    let started = tokio::time::Instant::now();
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    assert_eq!(read.text(), STREAM.concat());
    assert!(started.elapsed() < Duration::from_secs(2), "it waits for an end that does not come");
}
