use std::time::Duration;

use http::Request;
use http_body_util::Full;
use lastbyte_core::Ending;
use lastbyte_idempotency::{IdempotencyLayer, OnError};
use tokio::time::{Instant, sleep};

use crate::support::{
    Answer, CHAT, Chat, Node, Step, ask, event, inner, memory, read, read_events, steps, until, with,
};

const SECOND: Duration = Duration::from_secs(1);

fn node(chat: &Chat, on_error: OnError) -> Node {
    Node::new(IdempotencyLayer::builder().with_on_error(on_error), &memory(), inner(chat.clone()))
}

/// Ten events, one a second, and the end.
fn ten() -> Answer {
    let wait = |step| [step, Step::Wait(SECOND)];
    Answer::stream(steps(["a", "b", "c", "d", "e", "f", "g", "h"]).into_iter().flat_map(wait).collect())
}

#[tokio::test(start_paused = true)]
async fn without_a_store_a_request_under_a_key_is_refused_or_passes_without_its_guarantee() {
    let chat = Chat::by(|_| Answer::stream(steps(["a"])));
    let refuses = node(&chat, OnError::Refuse);
    refuses.journal.set_down(true);
    let read = refuses.get(ask("k", true)).await;
    assert_eq!((read.status, read.code().as_str()), (503, "store_unavailable"));
    assert_eq!(read.headers["x-lastbyte-refused-by"], "store");
    assert!(read.has("retry-after"));
    assert_eq!((chat.asked(), refuses.layer.totals().refused), (0, 1));

    let passes = node(&chat, OnError::Pass);
    passes.journal.set_down(true);
    for _ in 0..2 {
        let read = passes.get(ask("k", true)).await;
        assert_eq!((read.status, &read.headers["x-lastbyte-degraded"]), (200, &"store".parse().unwrap()));
        assert!(!read.has("x-lastbyte-answer") && read.events.is_empty(), "nothing in it is numbered");
        assert!(read.body.contains("[DONE]"));
    }
    assert_eq!((chat.asked(), passes.layer.totals().degraded), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_in_time_is_not_noticed() {
    let chat = Chat::new([ten()]);
    let node = node(&chat, OnError::Refuse);
    let reader = node.send(ask("k", true)).await;
    sleep(2 * SECOND).await;
    node.journal.set_down(true);
    sleep(6 * SECOND).await;
    node.journal.set_down(false);
    let read = read(reader).await;
    assert_eq!((read.text.as_str(), read.is_done()), ("abcdefgh", true));
    assert_eq!(node.get(ask("k", true)).await.events, read.events);
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_once_is_written_at_once_and_not_without_a_bound() {
    for (count, batches) in [(3, vec![3, 3]), (200, vec![64, 64, 64, 8, 3])] {
        let texts = vec![Step::Data(event("a")); count];
        let chat = Chat::new([Answer::stream([texts, vec![Step::Gate], steps(["z"])].concat())]);
        let node = node(&chat, OnError::Refuse);
        let first = read_events(node.send(ask("k", true)).await, count).await;
        assert_eq!(first.text.len(), count, "all of it is shown before more comes");
        chat.open();
        assert_eq!(node.get(ask("k", true)).await.text.len(), count + 1);
        assert_eq!(node.journal.batches(), batches);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_shown_that_is_not_in_the_store() {
    let chat = Chat::new([ten()]);
    let node = node(&chat, OnError::Refuse);
    let reader = node.send(ask("k", true)).await;
    sleep(2 * SECOND + SECOND / 2).await;
    node.journal.set_down(true);
    let read = read(reader).await;
    assert_eq!((read.text.as_str(), read.error), ("abc", Some((Ending::Interrupted, false))));
    until("the chat API is let go of", || chat.held() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_being_written_when_its_process_goes_is_shown_only_if_it_is_written() {
    for (down, text) in [(false, "ab"), (true, "a")] {
        let pieces = ["a", "b"].into_iter().flat_map(|text| [Step::Data(event(text)), Step::Gate]);
        let chat = Chat::new([Answer::stream(pieces.collect())]);
        let node = node(&chat, OnError::Refuse);
        let reader = node.send(ask("k", true)).await;
        sleep(SECOND).await;
        node.journal.pause_until(Instant::now() + 5 * SECOND);
        chat.open();
        sleep(SECOND).await;
        node.layer.interrupt();
        sleep(SECOND).await;
        node.journal.set_down(down);
        let read = read(reader).await;
        assert_eq!((read.text.as_str(), read.error), (text, Some((Ending::Interrupted, false))));
    }
}

#[tokio::test(start_paused = true)]
async fn where_it_may_pass_an_answer_is_shown_to_its_end_without_the_store() {
    // Long enough that the lease runs out before its head, or in its middle.
    for head in [0, 60] {
        let minute = [Step::Data(event("x")), Step::Wait(60 * SECOND)];
        let rest = [minute.to_vec(), steps(["y"])].concat();
        let chat = Chat::new([Answer::stream(rest).after(head * SECOND)]);
        let node = node(&chat, OnError::Pass);
        let sends = node.clone();
        // It ends with its answer.
        let reader = tokio::spawn(async move { sends.get(ask("k", true)).await });
        chat.until_asked(1).await;
        sleep(SECOND).await;
        node.journal.set_down(true);
        let read = reader.await.unwrap();
        assert_eq!((read.text.as_str(), read.is_done(), &read.error), ("xy", true, &None), "{read:?}");
        node.journal.set_down(false);
        assert_eq!(node.layer.totals().running, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_behind_an_answer_that_is_not_in_the_store_is_told() {
    let texts = vec!["y"; 50];
    let steps = [vec![Step::Data(event("x")), Step::Wait(30 * SECOND)], steps(texts)].concat();
    let chat = Chat::new([Answer::stream(steps)]);
    let builder = IdempotencyLayer::builder().with_on_error(OnError::Pass).with_buffer(4, 1 << 10);
    let node = Node::new(builder, &memory(), inner(chat.clone()));
    let slow = node.send(ask("k", true)).await;
    let fast = node.send(ask("k", true)).await;
    sleep(SECOND).await;
    node.journal.set_down(true);
    // Nobody reads while it is written.
    node.layer.drained().await;
    for reader in [slow, fast] {
        let read = read(reader).await;
        assert_eq!(read.error, Some((Ending::Interrupted, false)), "{read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_down_has_no_secret_in_it() {
    let chat = Chat::by(|_| Answer::stream(steps(["a"])).with("set-cookie", "session=up-secret"));
    let node = Node::alone(&chat);
    let body = "{\"stream\":true,\"messages\":\"the question\"}";
    let request = Request::post(format!("{CHAT}?api_key=query-secret&v=2"))
        .header("idempotency-key", "\"key-secret\"")
        .header("authorization", "Bearer bearer-secret")
        .header("x-api-key", "header-secret")
        .header("x-goog-api-key", "goog-secret")
        .header("cookie", "session=cookie-secret")
        .header("x-amz-security-token", "token-secret")
        .header("openai-organization", "org")
        .body(Full::from(body))
        .unwrap();
    let read = node.get(request).await;
    assert_eq!(read.status, 200);
    let call = chat.calls().remove(0);
    assert_eq!(call.head.headers["authorization"], "Bearer bearer-secret", "the chat API gets what it needs");
    assert_eq!(call.head.uri.query(), Some("api_key=query-secret&v=2"));
    let given = node.journal.given();
    assert!(given.contains("the question") && given.contains("openai-organization"), "{given}");
    use_base64(&given);
    let secrets = ["bearer", "header", "goog", "cookie", "token", "query", "key", "up"];
    for secret in secrets.map(|kind| format!("{kind}-secret")) {
        assert!(!given.contains(&secret), "{secret} in {given}");
    }
}

/// What is written in base64 is no less readable: none of the words may stand there either.
fn use_base64(given: &str) {
    for (at, _) in given.match_indices('"') {
        let word: String = given[at + 1..].chars().take_while(|c| *c != '"').collect();
        let decoded = decode(&word);
        assert!(!decoded.contains("secret"), "{decoded}");
    }
}

fn decode(word: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut have = 0;
    let mut bytes = Vec::new();
    for letter in word.chars().map_while(|letter| LETTERS.find(letter)) {
        bits = (bits << 6 | letter as u32) & 0xffff;
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_path_method_or_query_is_used_already() {
    let chat = Chat::new([Answer::stream(steps(["a"]))]);
    let node = Node::alone(&chat);
    read_events(node.send(ask("k", true)).await, 1).await;
    for uri in ["/v1/responses", "/v1/chat/completions?a=1", "/"] {
        let mut request = ask("k", true);
        *request.uri_mut() = uri.parse().unwrap();
        let read = node.get(request).await;
        assert_eq!((read.status, read.code().as_str()), (422, "key_reused"), "{uri}");
    }
    // What else is in the head does not make it another.
    assert_eq!(node.get(with(ask("k", true), "x-stainless-retry-count", "1")).await.status, 200);
    assert_eq!(chat.asked(), 1);
}
