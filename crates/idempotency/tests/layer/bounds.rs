use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use lastbyte_core::{Cause, Ending};
use lastbyte_idempotency::{Builder, IdempotencyLayer};
use lastbyte_store::{Journal, Memory};
use std::sync::Arc;
use tower::{Layer, ServiceExt};

use crate::support::{
    Answer, CHAT, Chat, Node, ROLE, Step, ask, event, inner, memory, read, read_events, steps, until,
};

fn over(builder: Builder, chat: &Chat) -> Node {
    Node::new(builder, &memory(), inner(chat.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_reads_from_the_store_and_misses_nothing() {
    let texts: Vec<_> = (0..5000).map(|number| format!("<{number}>")).collect();
    let chat = Chat::new([Answer::stream(steps(texts.iter().map(String::as_str)))]);
    let node = over(IdempotencyLayer::builder().with_buffer(10, 1 << 10), &chat);
    let slow = node.send(ask("k", true)).await;
    node.layer.drained().await;
    let read = read(slow).await;
    assert_eq!((&read.text, read.is_done(), read.events.len()), (&texts.concat(), true, 5002));
    let (reads, most) = node.journal.reads();
    assert!(most <= 64 << 10, "{most} bytes at once");
    assert!(reads > 3, "{reads}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_too_large_ends_with_its_error_and_is_not_asked_for_again() {
    let text = "x".repeat(1000);
    for texts in [vec![text.as_str(); 20], vec![&"x".repeat(20_000)[..]]] {
        let chat = Chat::new([Answer::stream([steps(texts), vec![Step::Gate]].concat())]);
        let node = over(IdempotencyLayer::builder().with_max_answer(8 << 10), &chat);
        let read = node.get(ask("k", true)).await;
        assert_eq!(read.last_error().as_deref(), Some("answer_too_large"), "{read:?}");
        assert!(read.text.len() <= 8 << 10);
        let ending = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
        assert_eq!(read.error, Some((ending, true)));
        until("the chat API is let go of", || chat.held() == 0).await;
        let again = node.get(ask("k", true)).await;
        assert_eq!((again.events, again.text), (read.events, read.text));
        assert_eq!(chat.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_that_is_too_large_is_413_and_is_not_asked_for_again() {
    let chat =
        Chat::new([Answer::whole(200, &"x".repeat(9 << 10)), Answer::whole(200, &"x".repeat(8 << 10))]);
    let node = over(IdempotencyLayer::builder().with_max_answer(8 << 10), &chat);
    for _ in 0..2 {
        let read = node.get(ask("k", false)).await;
        assert_eq!((read.status, read.code().as_str()), (413, "answer_too_large"));
    }
    assert_eq!(node.get(ask("k2", false)).await.body.len(), 8 << 10);
    assert_eq!(chat.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_no_room_refuses_and_answers_in_it_go_on() {
    let chat =
        Chat::by(|_| Answer::stream([vec![Step::Data(event("a")), Step::Gate], steps(["b"])].concat()));
    let journal: Arc<dyn Journal> = Arc::new(Memory::new().with_max_bytes(6 << 10));
    let node = Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone()));
    let mut readers = Vec::new();
    let refused = loop {
        let response = node.send(ask(&format!("k{}", readers.len()), true)).await;
        if response.status() != 200 {
            break read(response).await;
        }
        readers.push(response);
        assert!(readers.len() < 20);
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"));
    chat.open();
    for reader in readers {
        assert_eq!(read(reader).await.text, "ab");
    }
}

#[tokio::test(start_paused = true)]
async fn much_that_is_no_content_does_not_stop_an_answer() {
    let roles = vec![Step::Data(ROLE.into()); 4000];
    let chat = Chat::new([Answer::stream([roles, steps(["a"])].concat())]);
    let node = Node::alone(&chat);
    let read = tokio::time::timeout(Duration::from_secs(60), node.get(ask("k", true))).await.unwrap();
    assert_eq!((read.text.as_str(), read.events.len()), ("a", 4003));
}

type Pieces = Vec<Result<Bytes, std::io::ErrorKind>>;

/// Sends a request whose body comes in pieces, of unknown length.
async fn send(node: &IdempotencyLayer, chat: &Chat, key: &str, pieces: Pieces) -> (u16, String) {
    let pieces = pieces.into_iter().map(|piece| piece.map(Frame::data).map_err(std::io::Error::from));
    let request =
        Request::post(CHAT).header("idempotency-key", key).body(StreamBody::new(stream::iter(pieces)));
    let response = node.layer(chat.clone()).oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8_lossy(&response.into_body().collect().await.unwrap().to_bytes()).into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_request_is_read_whole_or_refused() {
    let chat = Chat::by(|call| Answer::whole(200, &call.body.len().to_string()));
    let layer = IdempotencyLayer::builder().with_max_body(1 << 20).build(memory());
    let piece = || Ok(Bytes::from(vec![b'x'; 64 << 10]));
    let fits = (0..16).map(|_| piece()).collect();
    assert_eq!(send(&layer, &chat, "a", fits).await, (200, (1 << 20).to_string()));
    let first: Vec<u8> = chat.calls()[0].body.to_vec();
    assert!(first.iter().all(|byte| *byte == b'x'));
    let large = (0..17).map(|_| piece()).collect();
    let (status, body) = send(&layer, &chat, "b", large).await;
    assert!(status == 413 && body.contains("request_too_large"), "{body}");
    let broken = vec![piece(), Err(std::io::ErrorKind::ConnectionReset)];
    let (status, body) = send(&layer, &chat, "c", broken).await;
    assert!(status == 400 && body.contains("invalid_body"), "{body}");
    assert_eq!(send(&layer, &chat, "d", Vec::new()).await, (200, "0".into()));
    // A length that is known beforehand is not waited for.
    let large = Full::<Bytes>::from(vec![0; (1 << 20) + 1]).map_err(|error: Infallible| error);
    let request = Request::post(CHAT).header("idempotency-key", "e").body(large).unwrap();
    assert_eq!(layer.layer(chat.clone()).oneshot(request).await.unwrap().status(), 413);
    assert_eq!(chat.asked(), 2, "nothing is asked that is refused");
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_comes_whole_to_all() {
    let text = "0123456789".repeat(10_000);
    let pieces: Vec<_> =
        text.as_bytes().chunks(997).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    let chat = Chat::new([Answer::stream(steps(pieces)), Answer::whole(200, &text)]);
    let node = Node::alone(&chat);
    let early = read_events(node.send(ask("k", true)).await, 1).await;
    assert!(!early.text.is_empty());
    assert_eq!(node.get(ask("k", true)).await.text, text);
    assert_eq!(node.get(ask("k", true)).await.text, text);
    assert_eq!(node.get(ask("w", false)).await.body, text);
    assert_eq!(node.get(ask("w", false)).await.body, text);
}
