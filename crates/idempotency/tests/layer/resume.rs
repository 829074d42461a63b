use std::time::Duration;

use http::Method;
use lastbyte_core::Ending;
use lastbyte_idempotency::IdempotencyLayer;

use crate::support::{
    Answer, Chat, Node, Step, about, ask, event, id_of, inner, memory, read, read_events, resume, steps,
    until, with,
};

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_behind_every_event_by_post_and_by_get_here_and_elsewhere() {
    let chat = Chat::new([Answer::stream(
        [vec![Step::Data(event("a")), Step::Data(event("b")), Step::Gate], steps(["c", "d"])].concat(),
    )]);
    let journal = memory();
    let nodes = Node::two(&journal, &chat);
    let first = node_begun(&nodes[0]).await;
    // Those who come while it runs see what comes later, too.
    let mut waiting = Vec::new();
    for node in &nodes {
        // Who has seen what is not there has seen what is lost.
        assert_eq!(node.send(resume(&first, 3)).await.status(), 410);
        let again = with(ask("k", true), "last-event-id", "3");
        assert_eq!(node.send(again).await.status(), 410);
        for seen in 0..=2 {
            waiting.push((seen, node.send(resume(&first, seen)).await));
            let again = with(ask("k", true), "last-event-id", &seen.to_string());
            waiting.push((seen, node.send(again).await));
        }
    }
    chat.open();
    let whole = nodes[0].get(ask("k", true)).await;
    assert_eq!((whole.text.as_str(), whole.events.len()), ("abcd", 6));
    for (seen, response) in waiting {
        let rest = read(response).await;
        assert_eq!(rest.events, whole.events[seen as usize..], "behind {seen}");
    }
    for node in &nodes {
        for seen in 0..6 {
            let rest = node.get(resume(&first, seen)).await;
            assert_eq!((rest.status, &rest.events[..]), (200, &whole.events[seen as usize..]));
            assert!(matches!(rest.ending, Some(Ending::Complete { .. })), "{:?}", rest.ending);
            let again = node.get(with(ask("k", true), "last-event-id", &seen.to_string())).await;
            assert_eq!(again.events, rest.events);
            assert!(again.replayed());
        }
        for seen in [6, 7, u64::MAX / 2] {
            assert_eq!(node.get(resume(&first, seen)).await.status, 204);
            let again = node.get(with(ask("k", true), "last-event-id", &seen.to_string())).await;
            assert_eq!((again.status, again.body.as_str()), (204, ""));
        }
    }
    assert_eq!(chat.asked(), 1);
}

async fn node_begun(node: &Node) -> String {
    let first = node.send(ask("k", true)).await;
    let id = id_of(&first);
    assert_eq!(read_events(first, 2).await.text, "ab");
    id
}

#[tokio::test(start_paused = true)]
async fn an_event_id_that_is_none_is_400_and_an_answer_that_is_gone_is_410() {
    let chat = Chat::new([Answer::stream(steps(["a"])), Answer::stream(steps(["b"]))]);
    let hour = Duration::from_secs(3600);
    let node = Node::new(IdempotencyLayer::builder().with_ttl(hour), &memory(), inner(chat.clone()));
    let first = node.send(ask("k", true)).await;
    let id = id_of(&first);
    read(first).await;
    for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
        for request in [ask("k", true), about(Method::GET, &id)] {
            let read = node.get(with(request, "last-event-id", wrong)).await;
            assert_eq!((read.status, read.code().as_str()), (400, "event_id_invalid"), "{wrong}");
        }
    }
    tokio::time::advance(hour + Duration::from_secs(1)).await;
    for request in [resume(&id, 1), about(Method::GET, &id), with(ask("k", true), "last-event-id", "1")] {
        let read = node.get(request).await;
        assert_eq!((read.status, read.code().as_str()), (410, "answer_gone"));
    }
    assert_eq!(chat.asked(), 1);
    // Without an event id it is a new answer.
    assert_eq!(node.get(ask("k", true)).await.text, "b");
    assert_eq!(node.get(about(Method::GET, &id)).await.status, 410, "another has taken its place");
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_looked_at_while_it_runs_and_when_it_has_ended() {
    let chat = Chat::new([
        Answer::stream([vec![Step::Data(event("a")), Step::Gate], steps(["b"])].concat()),
        Answer::whole(200, "{\"a\":1}"),
    ]);
    let node = Node::alone(&chat);
    let first = node.send(ask("k", true)).await;
    let id = id_of(&first);
    read_events(first, 1).await;
    let look = async |id: &str| -> serde_json::Value {
        let read = node.get(about(Method::GET, id)).await;
        assert_eq!((read.status, read.headers["content-type"].to_str().unwrap()), (200, "application/json"));
        serde_json::from_str(&read.body).unwrap()
    };
    let told = look(&id).await;
    assert_eq!(
        (&told["state"], &told["events"], &told["ending"]),
        (&"running".into(), &1.into(), &().into())
    );
    chat.open();
    node.layer.drained().await;
    let told = look(&id).await;
    assert_eq!(
        (&told["state"], &told["events"], &told["ending"]),
        (&"complete".into(), &4.into(), &"stop".into())
    );
    let whole = node.send(ask("w", false)).await;
    let told = look(&id_of(&whole)).await;
    assert_eq!((&told["state"], &told["response"]["a"]), (&"complete".into(), &1.into()));
}

#[tokio::test(start_paused = true)]
async fn who_ends_an_answer_ends_it_for_all_and_can_do_so_twice() {
    for elsewhere in [false, true] {
        let chat =
            Chat::new([Answer::stream([vec![Step::Data(event("a")), Step::Gate], steps(["b"])].concat())]);
        let journal = memory();
        let nodes = Node::two(&journal, &chat);
        let readers = [nodes[0].send(ask("k", true)).await, nodes[1].send(ask("k", true)).await];
        let id = id_of(&readers[0]);
        let ends = &nodes[usize::from(elsewhere)];
        let ended = ends.get(about(Method::DELETE, &id)).await;
        assert_eq!((ended.status, ended.body.as_str()), (204, ""));
        assert_eq!(ends.get(about(Method::DELETE, &id)).await.status, 204);
        for reader in readers {
            let read = read(reader).await;
            assert_eq!((read.text.as_str(), read.last_error().as_deref()), ("a", Some("cancelled")));
            assert_eq!(read.error, Some((Ending::Cancelled, true)));
        }
        until("the chat API is let go of", || chat.held() == 0).await;
        let again = nodes[0].get(ask("k", true)).await;
        assert_eq!((again.replayed(), again.last_error().as_deref()), (true, Some("cancelled")));
        let told = nodes[0].get(about(Method::GET, &id)).await;
        assert!(told.body.contains("\"state\":\"cancelled\""), "{}", told.body);
        assert_eq!(chat.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_says_it_has_ended_is_not_taken_for_one_that_was_left() {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;
    use lastbyte_core::EndingHandle;

    let chat = Chat::new([Answer::stream(steps(["a"]))]);
    let node = Node::alone(&chat);
    read(node.send(ask("k", true)).await).await;
    let (head, mut body) = node.send(ask("k", true)).await.into_parts();
    // As hyper does: whoever says that nothing comes any more is not asked again.
    let mut shown = 0;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        shown +=
            String::from_utf8_lossy(frame.unwrap().data_ref().unwrap()).matches("data: {").count() as u32;
    }
    drop(body);
    let handle = head.extensions.get::<EndingHandle>().unwrap();
    assert!(matches!(handle.ending(), Some(Ending::Complete { .. })), "{handle:?}");
    assert_eq!(handle.events(), shown, "the end mark is none");
}
