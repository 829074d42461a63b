//! What whoever takes an answer over makes of what it finds, and of what it is told.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use lastbyte_core::{Ending, EndingHandle, FailureKind, Resume, Scope};
use lastbyte_idempotency::{IdempotencyLayer, RequestBody};
use lastbyte_store::{Batch, Journal, Lease};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use crate::crash::{Pair, assert_interrupted, data, goes_on, pair};
use crate::support::{
    Answer, Chat, Head, Node, STOP, Step, about, ask, bare, crash, event, inner, memory, steps, until,
};
use crate::wire::MESSAGES;

const SECOND: Duration = Duration::from_secs(1);

/// How long a lease lasts by default.
const LEASE: Duration = Duration::from_secs(15);

/// `a` and `b`, and then nothing any more.
fn begun() -> Answer {
    Answer::stream(vec![data(event("a")), data(event("b")), Step::Gate])
}

#[tokio::test(start_paused = true)]
async fn a_request_that_ends_every_process_that_asks_is_given_up() {
    for has_begun in [false, true] {
        let chat = Chat::by(move |call| {
            let is_first = call.head.extensions.get::<Resume>().is_none();
            if has_begun && is_first { begun() } else { Answer::none(Head::Silence) }
        });
        let journal = memory();
        let node = || Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone()));
        crash(node(), &chat, bare("k", true)).await;
        // Behind the first of them 16 have asked, one after the other.
        for asked in 2..=17 {
            let (node, mut tasks) = (node(), JoinSet::new());
            node.take_care(&mut tasks);
            timeout(600 * SECOND, chat.until_asked(asked)).await.unwrap();
            drop(node);
            tasks.shutdown().await;
            assert_eq!(chat.held(), 0);
        }
        let (last, mut tasks) = (node(), JoinSet::new());
        last.take_care(&mut tasks);
        let totals = || last.layer.totals();
        until("it is given up", || totals().taken_over == 1 && totals().running == 0).await;
        let read = last.get(bare("k", true)).await;
        if has_begun {
            assert_interrupted(&read);
        } else {
            assert_eq!((read.status, read.code().as_str(), read.replayed()), (502, "interrupted", true));
            let mut look = about(Method::GET, read.headers["x-lastbyte-answer"].to_str().unwrap());
            look.headers_mut().remove("authorization");
            let told = last.get(look).await;
            assert!(told.body.contains("\"state\":\"dead\""), "{}", told.body);
        }
        sleep(600 * SECOND).await;
        assert_eq!(chat.asked(), 17);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_lacks_nothing_but_its_end_mark_gets_that_of_its_format() {
    for there in [4, 5] {
        let messages = MESSAGES[..there].iter().map(|event| data(*event));
        let chat = Chat::new([Answer::stream(messages.chain([Step::Gate]).collect())]);
        let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
        let request = || {
            let mut request = bare("k", true);
            *request.uri_mut() = "/v1/messages".parse().unwrap();
            request
        };
        crash(first, &chat, request()).await;
        until("it is taken over", || second.layer.totals().taken_over == 1).await;
        let read = second.get(request()).await;
        let whole: String = (1..).zip(MESSAGES).map(|(id, event)| format!("id: {id}\n{event}")).collect();
        assert_eq!(read.body, whole, "{there}");
        assert!(matches!(read.ending, Some(Ending::Complete { .. })), "{read:?}");
        assert_eq!(chat.asked(), 1);
    }
}

/// Claims what has been left behind, as soon as its lease is out.
async fn claim(journal: &Arc<dyn Journal>) -> Lease {
    for _ in 0..100 {
        sleep(SECOND).await;
        if let Some(claimed) = journal.claim_any(&[]).await.unwrap() {
            return claimed.lease;
        }
    }
    panic!("nothing was left behind");
}

#[tokio::test(start_paused = true)]
async fn whether_an_answer_is_whole_is_said_by_what_came_since_it_began_again() {
    let restart = || Bytes::from("event: restart\ndata: {}\n\n");
    for (behind, text, asked) in [
        // What was whole has been dropped, and what came instead is not.
        (vec![STOP.into(), restart(), event("b")], "bcd", 2),
        (vec![restart(), event("b"), event("c"), event("d"), STOP.into()], "bcd", 1),
    ] {
        let chat = Chat::new([
            Answer::stream(vec![data(event("a")), Step::Gate]),
            Answer::stream(steps(["c", "d"])),
        ]);
        let journal = memory();
        let node = || Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone()));
        crash(node(), &chat, bare("k", true)).await;
        let lease = claim(&journal).await;
        let batch = Batch { first: 2, events: behind, ..Batch::default() };
        journal.append(lease, batch).await.unwrap();
        journal.relinquish(lease).await.unwrap();
        let read = node().get(bare("k", true)).await;
        assert_eq!((read.text.as_str(), read.is_done(), read.error), (text, true, None));
        assert_eq!(chat.asked(), asked);
    }
}

/// Lets a 502 be that of a layer that could not connect.
fn tell_connect<B>(mut response: Response<B>) -> Response<B> {
    if response.status() == StatusCode::BAD_GATEWAY {
        let ending = Ending::Failed { kind: FailureKind::Connect };
        response.extensions_mut().insert(EndingHandle::ended(Scope::Answer, ending));
    }
    response
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_the_moment_leaves_the_answer_to_whoever_comes_when_the_lease_is_out() {
    for refusal in [
        Answer::whole(429, "too much"),
        Answer::whole(503, "too many"),
        Answer::whole(500, "no").with("x-lastbyte-refused-by", "breaker"),
        // Nobody was reached: as the service's own error, and as a layer further in tells it.
        Answer::none(Head::Error(ErrorKind::ConnectionRefused)),
        Answer::whole(502, "nobody there"),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let times = asked.clone();
        let chat = Chat::by({
            let refusal = refusal.clone();
            move |_| {
                let mut times = times.lock().unwrap();
                times.push(Instant::now());
                match times.len() {
                    1 => begun(),
                    2 => refusal.clone(),
                    _ => Answer::stream(steps(["c", "d"])),
                }
            }
        });
        let told = ServiceExt::<Request<RequestBody<Full<Bytes>>>>::map_response(chat.clone(), tell_connect);
        let (journal, service) = (memory(), inner(told));
        let node = || Node::new(IdempotencyLayer::builder(), &journal, service.clone());
        crash(node(), &chat, bare("k", true)).await;
        let read = node().get(bare("k", true)).await;
        assert_eq!((read.text.as_str(), read.is_done(), read.error), ("abcd", true, None), "{refusal:?}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 3);
        assert!(asked[2] - asked[1] >= LEASE, "{refusal:?}: after {:?}", asked[2] - asked[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_good_ends_the_answer_and_what_it_has_stays() {
    for refusal in [
        Answer::whole(400, "no"),
        Answer::whole(500, "no"),
        Answer::whole(200, "no stream"),
        Answer::none(Head::Error(ErrorKind::ConnectionReset)),
        Answer::none(Head::Distrusted),
    ] {
        let chat = Chat::new([begun(), refusal.clone()]);
        let Pair { first, second, tasks: _tasks, .. } = pair(&chat, IdempotencyLayer::builder);
        crash(first, &chat, bare("k", true)).await;
        for _ in 0..2 {
            let read = second.get(bare("k", true)).await;
            assert_eq!(read.text, "ab", "{refusal:?}: {read:?}");
            assert!(read.last_error().is_some() && read.error.is_some_and(|(_, told)| told), "{refusal:?}");
        }
        assert_eq!(chat.asked(), 2, "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_credential_is_not_the_readers_nobody_waits_for_the_reader() {
    let builder = || IdempotencyLayer::builder().with_own_credential(true);
    for first_answer in [Answer::none(Head::Silence), begun()] {
        let (chat, _) = goes_on(first_answer);
        let Pair { first, second, tasks: _tasks, .. } = pair(&chat, builder);
        crash(first, &chat, ask("k", true)).await;
        until("it is taken over", || second.layer.totals().taken_over == 1).await;
        second.layer.drained().await;
        let calls = chat.calls();
        assert_eq!(calls.len(), 2);
        assert!(!calls[1].head.headers.contains_key("authorization"), "nobody has kept it");
        let read = second.get(ask("k", true)).await;
        assert_eq!((read.text.as_str(), read.is_done(), read.replayed()), ("abcd", true, true));
        assert_eq!(chat.asked(), 2);
    }
}
