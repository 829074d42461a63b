use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use lastbyte_core::Ending;
use lastbyte_idempotency::IdempotencyLayer;

use crate::support::{
    Answer, Chat, DONE, Node, STOP, Step, about, ask, event, id_of, inner, memory, read, read_events, resume,
    steps, until, with,
};

fn request(path: &str) -> Request<Full<Bytes>> {
    let mut request = ask("k", true);
    *request.uri_mut() = path.parse().unwrap();
    request
}

pub(crate) const MESSAGES: [&str; 5] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"content\":[]}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const RESPONSES: [&str; 3] = [
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n",
];

#[tokio::test(start_paused = true)]
async fn the_other_wire_formats_are_numbered_and_end_as_they_end() {
    for (path, events) in [("/v1/messages", &MESSAGES[..]), ("/v1/responses", &RESPONSES[..])] {
        let steps = events.iter().map(|event| Step::Data((*event).into())).collect();
        let chat = Chat::new([Answer::stream(steps)]);
        let node = Node::alone(&chat);
        let first = node.get(request(path)).await;
        let numbered: String = (1..).zip(events).map(|(id, event)| format!("id: {id}\n{event}")).collect();
        assert_eq!(first.body, numbered);
        assert!(matches!(first.ending, Some(Ending::Complete { .. })), "{first:?}");
        assert_eq!(node.get(request(path)).await.body, numbered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_and_a_cancellation_are_told_in_the_readers_format() {
    for (path, events, told) in [
        ("/v1/messages", &MESSAGES[..3], "event: error\ndata: {\"error\":{\"code\":\"stream_truncated\""),
        ("/v1/responses", &RESPONSES[..2], "event: error\ndata: {\"error\":{\"code\":\"stream_truncated\""),
    ] {
        for cancels in [false, true] {
            let mut steps: Vec<_> = events.iter().map(|event| Step::Data((*event).into())).collect();
            steps.push(if cancels { Step::Gate } else { Step::Reset });
            let chat = Chat::new([Answer::stream(steps)]);
            let node = Node::alone(&chat);
            let first = node.send(request(path)).await;
            let told = if cancels {
                let id = id_of(&first);
                assert_eq!(node.get(about(Method::DELETE, &id)).await.status, 204);
                told.replace("stream_truncated", "cancelled")
            } else {
                told.to_owned()
            };
            let first = read(first).await;
            let last = first.body.rsplit("id: ").next().unwrap();
            assert!(last.contains(&told), "{last}");
            assert!(first.error.is_some_and(|(_, told)| told));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_word_is_an_answer() {
    // A finish reason is all that some models say to some questions.
    let chat = Chat::new([Answer::stream([STOP, DONE].map(|event| Step::Data(event.into())).to_vec())]);
    let node = Node::alone(&chat);
    for _ in 0..2 {
        let read = node.get(ask("k", true)).await;
        assert_eq!((read.status, read.events.len(), read.is_done()), (200, 2, true));
    }
    assert_eq!(chat.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_of_no_known_format_is_shown_as_it_comes() {
    let piece = |text: &str| Step::Data(format!("data: {text}\n\n").into());
    let chat = Chat::new([Answer::stream(vec![piece("one"), Step::Gate, piece("two")])]);
    let node = Node::alone(&chat);
    let early = read_events(node.send(request("/v1/other")).await, 1).await;
    assert_eq!(early.body, "id: 1\ndata: one\n\n");
    let second = node.send(request("/v1/other")).await;
    chat.open();
    let second = read(second).await;
    assert_eq!(second.body, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n");
    assert_eq!(second.ending, Some(Ending::Opaque { ok: true }));
    assert_eq!(node.get(request("/v1/other")).await.body, second.body);

    // One without an event is one, too.
    let chat = Chat::new([Answer::stream(Vec::new())]);
    let node = Node::alone(&chat);
    for replayed in [false, true] {
        let read = node.get(request("/v1/other")).await;
        assert_eq!((read.status, read.body.as_str(), read.replayed()), (200, "", replayed));
        assert_eq!((read.error, read.ending), (None, Some(Ending::Opaque { ok: true })));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_has_beside_its_events_stays_behind() {
    let noise = [": hi\n\n", "id: 77\nretry: 10\n", ": again\n"].map(|noise| Step::Data(noise.into()));
    let rest = [steps(["a"]), vec![Step::Trailers]].concat();
    let chat = Chat::new([Answer::stream([noise.to_vec(), rest].concat()).with("content-length", "999")]);
    let node = Node::alone(&chat);
    let read = node.get(ask("k", true)).await;
    assert!(!read.body.contains("77") && !read.body.contains("retry") && !read.body.contains(": hi"));
    assert_eq!((read.text.as_str(), read.is_done(), read.has("content-length")), ("a", true, false));
}

/// An answer that begins again: `a`, then instead of it `b` and `c`.
fn restarts() -> Answer {
    let restart = Step::Data("event: restart\ndata: {}\n\n".into());
    Answer::stream(
        [vec![Step::Data(event("a")), Step::Gate, restart, Step::Data(event("b")), Step::Gate], steps(["c"])]
            .concat(),
    )
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_begins_again_is_told_to_those_who_understand_that_and_to_nobody_else() {
    let chat = Chat::new([restarts()]);
    let journal = memory();
    let nodes = [(); 2].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())));
    let understands = || with(ask("k", true), "x-lastbyte-accept", "other, restart");
    let first = nodes[0].send(understands()).await;
    let id = id_of(&first);
    let mut understand = vec![first];
    // These have seen what is to be dropped.
    let mut early = Vec::new();
    for node in &nodes {
        early.push(node.send(ask("k", true)).await);
        understand.push(node.send(understands()).await);
    }
    // Each ends with its reader.
    let early = early.into_iter().map(|reader| tokio::spawn(read(reader))).collect::<Vec<_>>();
    until("they have read", || chat.held() == 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    chat.open();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // These come when it has begun again.
    let mut late = Vec::new();
    for node in &nodes {
        late.push(node.send(ask("k", true)).await);
        late.push(node.send(with(resume(&id, 2), "x-other", "1")).await);
        understand.push(node.send(understands()).await);
    }
    chat.open();
    for reader in understand {
        let read = read(reader).await;
        assert!(read.body.contains("id: 2\nevent: restart\n"), "{}", read.body);
        assert_eq!((read.text.as_str(), read.is_done()), ("abc", true));
    }
    for reader in early {
        let read = reader.await.unwrap();
        assert_eq!((read.text.as_str(), read.error), ("a", Some((Ending::Interrupted, false))));
    }
    for reader in late {
        let read = read(reader).await;
        assert_eq!((read.text.as_str(), read.is_done(), read.events[0].0), ("bc", true, 3), "{read:?}");
        assert!(!read.body.contains("restart"));
    }
    assert_eq!(nodes[0].get(ask("k", true)).await.text, "bc");
    assert_eq!(nodes[0].get(resume(&id, 1)).await.error, Some((Ending::Interrupted, false)));
}
