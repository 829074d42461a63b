use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lastbyte_core::{Ending, Resume};
use lastbyte_idempotency::{AfterCrash, Builder, IdempotencyLayer, OnUnknown};
use lastbyte_store::{AnswerId, Journal, NewAnswer, Slot, State};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{
    Answer, Chat, Head, Node, ROLE, Read, STOP, Step, ask, bare, crash, event, id_of, inner, memory, read,
    read_events, resume, steps, until,
};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn data(event: impl Into<Bytes>) -> Step {
    Step::Data(event.into())
}

/// A chat API whose first answer is `first` and never ends; whoever takes it over gets what is missing of
/// `abcd`. And what it was told of the answer so far, at each call.
pub(crate) fn goes_on(first: Answer) -> (Chat, Arc<Mutex<Vec<usize>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let chat = Chat::by(move |call| {
        let resume = call.head.extensions.get::<Resume>();
        let events = resume.map_or(0, |resume| resume.events.len());
        let text =
            resume.map_or(String::new(), |resume| String::from_utf8_lossy(&resume.events.concat()).into());
        let mut told = told.lock().unwrap();
        told.push(events);
        if told.len() == 1 {
            return first.clone();
        }
        let missing =
            ["a", "b", "c", "d"].into_iter().filter(|piece| !text.contains(&format!("\"{piece}\"")));
        Answer::stream(steps(missing))
    });
    (chat, seen)
}

/// Two gateways over one store, of which the second takes care.
pub(crate) struct Pair {
    pub(crate) first: Node,
    pub(crate) second: Node,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) tasks: JoinSet<()>,
}

pub(crate) fn pair(chat: &Chat, settings: impl Fn() -> Builder) -> Pair {
    let journal = memory();
    let node = || Node::new(settings(), &journal, inner(chat.clone()));
    let (first, second) = (node(), node());
    let mut tasks = JoinSet::new();
    second.take_care(&mut tasks);
    Pair { first, second, journal, tasks }
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_on_wherever_its_writer_died() {
    let gate = || Step::Gate;
    let silent = Answer::none(Head::Silence);
    for (name, first, resumed) in [
        ("before the head", silent, vec![0, 0]),
        ("behind the head", Answer::stream(vec![gate()]), vec![0, 0]),
        ("before the content", Answer::stream(vec![data(ROLE), gate()]), vec![0, 0]),
        (
            "in the middle",
            Answer::stream(vec![data(ROLE), data(event("a")), data(event("b")), gate()]),
            vec![0, 3],
        ),
        (
            "behind the finish reason",
            Answer::stream(
                ["a", "b", "c", "d"].map(event).into_iter().map(data).chain([data(STOP), gate()]).collect(),
            ),
            vec![0],
        ),
        (
            "behind the end mark",
            Answer::stream([steps(["a", "b", "c", "d"]), vec![gate()]].concat()),
            vec![0],
        ),
    ] {
        let (chat, seen) = goes_on(first);
        let Pair { first, second, mut tasks, .. } = pair(&chat, IdempotencyLayer::builder);
        crash(first, &chat, bare("k", true)).await;
        until("it is taken over", || second.layer.totals().taken_over == 1).await;
        second.layer.drained().await;
        let all = second.get(bare("k", true)).await;
        assert!(all.replayed(), "{name}");
        assert_eq!((all.text.as_str(), all.is_done()), ("abcd", true), "{name}: {all:?}");
        assert!(matches!(all.ending, Some(Ending::Complete { .. })), "{name}: {all:?}");
        let numbers: Vec<_> = all.events.iter().map(|(id, _)| *id).collect();
        assert_eq!(numbers, (1..=all.events.len() as u64).collect::<Vec<_>>(), "{name}");
        assert_eq!(*seen.lock().unwrap(), resumed, "{name}");
        tasks.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_on_whose_writer_died_before_it_had_asked() {
    let (chat, seen) = goes_on(Answer::stream(steps(["a", "b", "c", "d"])));
    let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
    first.journal.hang_after_open();
    crash(first, &chat, bare("k", true)).await;
    assert_eq!(second.get(bare("k", true)).await.text, "abcd");
    assert_eq!(*seen.lock().unwrap(), [0]);
}

#[tokio::test(start_paused = true)]
async fn readers_elsewhere_do_not_notice_that_the_writer_died() {
    let (chat, _) = goes_on(Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate]));
    let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
    let mut readers = JoinSet::new();
    let begun = first.clone();
    // It ends with the node.
    let crashed = tokio::spawn({
        let chat = chat.clone();
        async move { crash(begun, &chat, bare("k", true)).await }
    });
    chat.until_asked(1).await;
    for _ in 0..10 {
        let second = second.clone();
        readers.spawn(async move { second.get(bare("k", true)).await });
    }
    drop(first);
    crashed.await.unwrap();
    for read in readers.join_all().await {
        assert_eq!((read.text.as_str(), read.is_done(), read.error), ("abcd", true, None));
    }
    assert_eq!(second.layer.totals().taken_over, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_needs_its_readers_credential_waits_for_its_reader() {
    let begun = Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate]);
    for first in [Answer::none(Head::Silence), begun] {
        let (chat, _) = goes_on(first);
        let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
        crash(first, &chat, ask("k", true)).await;
        tokio::time::sleep(600 * SECOND).await;
        assert_eq!((chat.asked(), second.layer.totals().taken_over), (1, 0));
        assert_eq!(second.get(ask("k", true)).await.text, "abcd");
        let calls = chat.calls();
        assert_eq!(calls[1].head.headers["authorization"], "Bearer sk-t1");
        assert_eq!(calls[1].body, calls[0].body);
        assert!(!second.journal.given().contains("sk-t1"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_billed_is_not_asked_again_where_that_is_not_wanted() {
    let refuse = || IdempotencyLayer::builder().with_on_unknown(OnUnknown::Refuse);
    let (chat, _) = goes_on(Answer::none(Head::Silence));
    let Pair { first, second, tasks: _tasks, .. } = pair(&chat, refuse);
    crash(first, &chat, bare("k", true)).await;
    // A reader whose head does not wait for that is told inside.
    let early = second.get(bare("k", true)).await;
    assert!(early.status == 200 && early.events.is_empty() && early.error.is_some_and(|(_, told)| !told));
    for _ in 0..2 {
        let read = second.get(bare("k", true)).await;
        assert_eq!((read.status, read.code().as_str()), (409, "outcome_unknown"));
    }
    assert_eq!(chat.asked(), 1);

    // The same where nobody died.
    for head in [Head::Error(std::io::ErrorKind::ConnectionReset), Head::Panic] {
        let chat = Chat::new([Answer::none(head)]);
        let node = Node::new(refuse(), &memory(), inner(chat.clone()));
        assert_eq!(node.get(bare("k", true)).await.status, 502);
        let read = node.get(bare("k", true)).await;
        assert_eq!(
            (read.code().as_str(), &read.headers["x-should-retry"]),
            ("outcome_unknown", &"false".parse().unwrap())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_writer_died_ends_with_its_error_where_nothing_can_go_on() {
    let broken = Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate]);
    let fail = || IdempotencyLayer::builder().with_after_crash(AfterCrash::Fail);
    let (chat, _) = goes_on(broken);
    let Pair { first, second, tasks: _tasks, .. } = pair(&chat, fail);
    crash(first, &chat, bare("k", true)).await;
    assert_interrupted(&second.get(bare("k", true)).await);
    assert_eq!(chat.asked(), 1);
}

pub(crate) fn assert_interrupted(read: &Read) {
    assert_eq!((read.text.as_str(), read.last_error().as_deref()), ("ab", Some("interrupted")), "{read:?}");
    assert_eq!(read.error, Some((Ending::Interrupted, true)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_goes_hands_over_and_another_goes_on_at_once() {
    let (chat, seen) = goes_on(Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate]));
    let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
    let here = first.send(bare("k", true)).await;
    let id = id_of(&here);
    let there = second.send(bare("k", true)).await;
    let begun = Instant::now();
    first.layer.interrupt();
    first.layer.drained().await;
    let here = read(here).await;
    assert_eq!((here.text.as_str(), here.error), ("ab", Some((Ending::Interrupted, false))));
    let there = read(there).await;
    assert_eq!((there.text.as_str(), there.is_done()), ("abcd", true));
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(*seen.lock().unwrap(), [0, 2]);
    // What is there is given still, and nothing is begun.
    assert_eq!(first.get(bare("k", true)).await.text, "abcd");
    assert_eq!(first.get(crate::support::with(resume(&id, 2), "authorization", "x")).await.status, 404);
    let refused = first.get(bare("k2", true)).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "shutting_down"));
    assert_eq!(second.get(bare("k2", true)).await.text, "abcd");
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_answer_and_its_neighbours_do_not_notice() {
    let answers = [
        (Answer::none(Head::Panic), ""),
        (Answer::stream(vec![Step::Panic]), ""),
        (Answer::stream(vec![data(ROLE), Step::Panic]), ""),
        (Answer::stream(vec![data(event("a")), Step::Gate, Step::Panic]), "a"),
    ];
    for (answer, shown) in answers {
        let good = Answer::stream([vec![data(event("b")), Step::Gate], steps(["c"])].concat());
        let chat = Chat::new([good, answer, Answer::stream(steps(["again"]))]);
        let node = Node::alone(&chat);
        let neighbour = node.send(ask("neighbour", true)).await;
        read_events(node.send(ask("neighbour", true)).await, 1).await;
        let broken = node.send(ask("k", true)).await;
        chat.open();
        let broken = read(broken).await;
        assert_eq!(broken.text, shown);
        if shown.is_empty() {
            assert!(broken.status == 502 || broken.error.is_some(), "{broken:?}");
            // Nothing was shown: the key is free.
            assert_eq!(node.get(ask("k", true)).await.text, "again");
        } else {
            assert_eq!(broken.last_error().as_deref(), Some("interrupted"), "{broken:?}");
            assert_eq!(node.get(ask("k", true)).await.events, broken.events);
        }
        assert_eq!(read(neighbour).await.text, "bc");
        assert_eq!((chat.held(), node.layer.totals().running), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_read_again_ends_its_answer() {
    let (chat, _) = goes_on(Answer::none(Head::Silence));
    let Pair { first, second, journal, tasks: _tasks } = pair(&chat, IdempotencyLayer::builder);
    let id = AnswerId { slot: Slot::of("local", "k"), generation: 1 };
    let answer = NewAnswer {
        id,
        tenant: "local".into(),
        fingerprint: [0; 32],
        request: "of another version".into(),
        state: State::Sent,
        lease: SECOND,
        ttl: 100_000 * SECOND,
        max_bytes: 1000,
    };
    journal.open(answer).await.unwrap();
    until("it is ended", || second.layer.totals().taken_over == 1).await;
    second.layer.drained().await;
    let mut request = resume(&id.to_string(), 0);
    request.headers_mut().remove("authorization");
    let read = first.get(request).await;
    assert_eq!((read.status, read.last_error().as_deref()), (502, None));
    // And it stands in the way of another request under its key.
    assert_eq!(first.get(bare("k", true)).await.status, 422);
    assert_eq!(chat.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_where_nothing_is_taken_over_any_more_waits_for_somebody_else() {
    let (chat, _) = goes_on(Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate]));
    let journal = memory();
    let [first, second, third] =
        [(); 3].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())));
    crash(first, &chat, bare("k", true)).await;
    second.layer.interrupt();
    let reader = second.send(bare("k", true)).await;
    // It ends with its answer.
    let reader = tokio::spawn(read(reader));
    tokio::time::sleep(60 * SECOND).await;
    assert!(!reader.is_finished());
    let mut tasks = JoinSet::new();
    third.take_care(&mut tasks);
    assert_eq!(reader.await.unwrap().text, "abcd");
}
