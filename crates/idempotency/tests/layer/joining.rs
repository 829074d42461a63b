use std::time::Duration;

use http::Method;
use lastbyte_core::{Cause, Deadline, Ending};
use lastbyte_idempotency::IdempotencyLayer;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{
    Answer, Chat, Node, Read, Step, about, ask, event, id_of, inner, memory, read, resume, steps, until, with,
};

const MS: Duration = Duration::from_millis(1);

/// A stream of six pieces, one every 50 ms.
fn slow() -> Answer {
    let wait = |step| [Step::Wait(50 * MS), step];
    Answer::stream(steps(["a", "b", "c", "d", "e", "f"]).into_iter().flat_map(wait).collect())
}

async fn hundred(nodes: &[Node], stream: bool) -> Vec<Read> {
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let node = nodes[number % nodes.len()].clone();
        tasks.spawn(async move { node.get(ask("k", stream)).await });
    }
    tasks.join_all().await
}

fn two_nodes(chat: &Chat) -> [Node; 2] {
    let journal = memory();
    [(); 2].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())))
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_at_once_are_one_call_and_one_stream() {
    for nodes in [1, 2] {
        let chat = Chat::new([slow()]);
        let nodes = &two_nodes(&chat)[..nodes];
        let all = hundred(nodes, true).await;
        assert_eq!(chat.asked(), 1);
        assert!(all.iter().all(|read| read.status == 200 && read.body == all[0].body && read.is_done()));
        assert_eq!(all[0].text, "abcdef");
        assert_eq!(all[0].events.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
        assert!(all.iter().all(|read| matches!(read.ending, Some(Ending::Complete { .. }))), "{:?}", all[0]);
        let totals = nodes.iter().map(|node| node.layer.totals());
        let (opened, joined) = totals.fold((0, 0), |sum, each| (sum.0 + each.opened, sum.1 + each.joined));
        assert_eq!((opened, joined), (1, 99));
        until("the driver has left", || nodes.iter().all(|node| node.layer.totals().running == 0)).await;
        assert_eq!(chat.held(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_at_once_are_one_call_and_one_whole_answer() {
    for nodes in [1, 2] {
        let answer = Answer::whole(200, "{\"a\":1}").after(300 * MS).with("set-cookie", "s=1");
        let chat = Chat::new([answer]);
        let all = hundred(&two_nodes(&chat)[..nodes], false).await;
        assert_eq!(chat.asked(), 1);
        assert!(all.iter().all(|read| read.status == 200 && read.body == "{\"a\":1}"), "{all:?}");
        assert_eq!(all.iter().filter(|read| read.replayed()).count(), 99);
        assert_eq!(all.iter().filter(|read| read.has("set-cookie")).count(), 1, "it is for who has asked");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_keys_of_two_tenants_are_two_answers_and_neither_sees_the_others() {
    let chat = Chat::new([Answer::stream(steps(["a"])), Answer::stream(steps(["b"]))]);
    let node = Node::alone(&chat);
    let first = node.send(ask("k", true)).await;
    let id = id_of(&first);
    assert_eq!(read(first).await.text, "a");
    let other = with(ask("k", true), "authorization", "Bearer sk-t2");
    assert_eq!(node.get(other).await.text, "b");
    for request in [about(Method::GET, &id), about(Method::DELETE, &id), resume(&id, 1)] {
        let read = node.get(with(request, "authorization", "Bearer sk-t2")).await;
        assert_eq!((read.status, read.code().as_str()), (404, "answer_not_found"));
    }
    let guessed = format!("{}{}", &id[..id.len() - 1], if id.ends_with('0') { '1' } else { '0' });
    assert_eq!(node.get(about(Method::GET, &guessed)).await.status, 404);
    assert_eq!(node.get(about(Method::GET, "nonsense")).await.status, 404);
    // The same key by another name of the scheme, or by another header, is of the same tenant.
    assert!(node.get(with(ask("k", true), "authorization", "bearer  sk-t1")).await.replayed());
}

#[tokio::test(start_paused = true)]
async fn who_joins_an_error_gets_it_and_the_next_asks_again() {
    let error = Answer::whole(429, "{\"error\":{}}").after(100 * MS).with("retry-after", "7");
    let chat = Chat::new([error, Answer::stream(steps(["a"]))]);
    let node = Node::alone(&chat);
    let all = hundred(std::slice::from_ref(&node), true).await;
    assert_eq!(chat.asked(), 1);
    assert!(all.iter().all(|read| read.status == 429 && read.headers["retry-after"] == "7"));
    assert!(all.iter().all(|read| !read.replayed() && !read.has("x-lastbyte-answer")));
    assert_eq!(node.get(ask("k", true)).await.text, "a");
    assert_eq!(node.layer.totals().released, 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_with_the_status_of_success_sets_the_key_free() {
    let error = Answer::whole(200, "{\"error\":{\"message\":\"no\",\"code\":\"server_error\"}}");
    let answer = r#"{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let json = |answer: Answer| answer.with("content-type", "application/json");
    let chat = Chat::new([json(error), json(Answer::whole(200, answer))]);
    let node = Node::alone(&chat);
    assert!(node.get(ask("k", false)).await.body.contains("server_error"));
    assert_eq!(node.get(ask("k", false)).await.body, answer);
    assert!(node.get(ask("k", false)).await.replayed());
}

#[tokio::test(start_paused = true)]
async fn more_answers_than_may_be_written_are_refused_and_joins_and_replays_are_not() {
    let chat =
        Chat::by(|_| Answer::stream([vec![Step::Data(event("a")), Step::Gate], steps(["b"])].concat()));
    let node = Node::new(IdempotencyLayer::builder().with_max_running(3), &memory(), inner(chat.clone()));
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let node = node.clone();
        tasks.spawn(async move { node.get(ask(&format!("k{number}"), true)).await });
    }
    until("all were answered or refused", || chat.asked() == 3 && tasks.len() == 50).await;
    assert_eq!(node.layer.totals().running, 3);
    let joined = node.send(ask("k0", true)).await;
    assert_eq!(joined.status(), 200);
    chat.open();
    assert_eq!(read(joined).await.text, "ab");
    let all = tasks.join_all().await;
    let (given, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(|read| read.status == 200);
    assert_eq!((given.len(), refused.len()), (3, 47));
    assert!(refused.iter().all(|read| read.status == 503 && read.code() == "too_many_answers"));
    assert!(refused.iter().all(|read| read.headers["x-lastbyte-refused-by"] == "idempotency"));
    // The keys of those who were refused are free.
    assert_eq!(node.get(ask("k49", true)).await.text, "ab");
}

#[tokio::test(start_paused = true)]
async fn who_joins_waits_no_longer_than_it_wants_to() {
    let chat = Chat::new([slow().after(60_000 * MS), Answer::whole(200, "ok").after(60_000 * MS)]);
    let node = Node::alone(&chat);
    let mut tasks = JoinSet::new();
    for stream in [true, false] {
        let node = node.clone();
        tasks.spawn(async move { node.get(ask(if stream { "s" } else { "w" }, stream)).await });
    }
    chat.until_asked(2).await;
    let begun = Instant::now();
    let hurried = |key, stream| {
        let mut request = ask(key, stream);
        request.extensions_mut().insert(Deadline { at: begun + 5000 * MS, by_caller: true });
        request
    };
    let (whole, stream) = tokio::join!(node.get(hurried("w", false)), node.get(hurried("s", true)));
    assert_eq!((whole.status, whole.code().as_str()), (409, "request_in_progress"));
    let late = Ending::Truncated { cause: Cause::Total, by_caller: true };
    assert_eq!((stream.status, stream.error), (200, Some((late, false))));
    assert_eq!(begun.elapsed().as_millis() / 10, 500);
    let all = tasks.join_all().await;
    assert!(all.iter().all(|read| read.status == 200 && read.error.is_none()), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn who_asks_waits_no_longer_than_it_wants_to_and_the_answer_goes_on() {
    let late = [vec![Step::Data(event("a")), Step::Wait(60_000 * MS)], steps(["b"])].concat();
    let minute = 60_000 * MS;
    let chat = Chat::new([
        Answer::stream(late),
        Answer::stream(steps(["a", "b"])).after(minute),
        Answer::whole(200, "ab").after(minute),
    ]);
    let node = Node::alone(&chat);
    let hurried = |key, stream, by_header| {
        let mut request = ask(key, stream);
        let deadline = Deadline { at: Instant::now() + 5000 * MS, by_caller: true };
        if by_header {
            return with(request, "x-request-timeout", "5");
        }
        request.extensions_mut().insert(deadline);
        request
    };
    let is_late = Ending::Truncated { cause: Cause::Total, by_caller: true };
    for (key, stream, by_header) in [("late", true, true), ("silent", true, true), ("whole", false, false)] {
        let begun = Instant::now();
        let read = node.get(hurried(key, stream, by_header)).await;
        assert_eq!(begun.elapsed().as_millis() / 10, 500, "{key}");
        if key == "late" {
            assert_eq!((read.status, read.text.as_str()), (200, "a"));
            assert_eq!(read.error, Some((is_late.clone(), false)));
        } else {
            assert_eq!((read.status, read.ending.as_ref()), (504, Some(&is_late)), "{key}");
        }
    }
    for call in chat.calls() {
        assert!(
            !call.head.headers.contains_key("x-request-timeout"),
            "it is not how long the answer may take"
        );
        assert!(call.head.extensions.get::<Deadline>().is_none());
    }
    assert_eq!(node.layer.totals().running, 3, "nobody waits, and they go on");
    node.layer.drained().await;
    for (key, stream) in [("late", true), ("silent", true), ("whole", false)] {
        let read = node.get(ask(key, stream)).await;
        let text = if stream { &read.text } else { &read.body };
        assert_eq!((text.as_str(), read.replayed(), &read.error), ("ab", true, &None), "{key}");
    }
    assert_eq!(chat.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_was_held_long_enough_goes_and_the_error_behind_it_is_told_inside() {
    let chat = Chat::new([Answer::whole(500, "no").after(60_000 * MS), Answer::stream(steps(["a"]))]);
    let nodes = two_nodes(&chat);
    // It ends with its answer.
    let first = tokio::spawn({
        let node = nodes[0].clone();
        async move { node.get(ask("k", true)).await }
    });
    chat.until_asked(1).await;
    let joined = node_times(&nodes).await;
    for read in joined {
        assert_eq!(read.status, 200);
        assert!(read.events.is_empty());
        let (ending, is_told) = read.error.unwrap();
        assert!(ending.is_broken() && !is_told, "{ending:?}");
    }
    assert_eq!(first.await.unwrap().status, 500);
    assert_eq!(nodes[1].get(ask("k", true)).await.text, "a");
}

async fn node_times(nodes: &[Node; 2]) -> [Read; 2] {
    let (here, there) = tokio::join!(nodes[0].get(ask("k", true)), nodes[1].get(ask("k", true)));
    [here, there]
}
