//! Answers that go on behind their content, over a scripted chat API.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod script;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Cause, Ending, EndingHandle, Resume};
use lastbyte_retry::splice::{Continuation, Settings, Strategy};
use lastbyte_retry::{ReplayBody, RetryLayer};
use script::*;
use tokio::time::{Instant, timeout};
use tower::{Layer, ServiceExt};

const ASK: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// A chunk of the answer of this id.
fn chunk(id: &str, delta: &str, finish: &str) -> &'static str {
    let json = format!(
        "{{\"id\":\"{id}\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}"
    );
    Box::leak(format!("data: {json}\n\n").into_boxed_str())
}

fn role(id: &str) -> Step {
    Step::Data(chunk(id, r#"{"role":"assistant","content":""}"#, "null"))
}

fn text(id: &str, text: &str) -> Step {
    Step::Data(chunk(id, &format!("{{\"content\":\"{text}\"}}"), "null"))
}

fn stop(id: &str) -> Step {
    Step::Data(chunk(id, "{}", "\"stop\""))
}

const DONE: Step = Step::Data("data: [DONE]\n\n");

/// The answer of this id, whole, or broken off behind so many texts.
fn answer(id: &str, texts: &[&str], whole: bool) -> Answer {
    let mut steps = vec![role(id)];
    steps.extend(texts.iter().map(|it| text(id, it)));
    steps.extend(if whole { vec![stop(id), DONE] } else { vec![Step::Reset] });
    Answer::Stream(steps)
}

fn bytes(steps: &[Step]) -> String {
    let data = |step: &Step| match step {
        Step::Data(data) => *data,
        other => panic!("{other:?}"),
    };
    steps.iter().map(data).collect()
}

fn ask() -> Request<Full<Bytes>> {
    let mut request = request(true);
    request.headers_mut().insert("content-length", ASK.len().into());
    *request.body_mut() = Full::from(ASK);
    request
}

fn with(strategy: Strategy, continuation: Continuation) -> RetryLayer {
    layer().with_splice(Settings { strategy, continuation, ..Settings::default() })
}

fn vllm() -> RetryLayer {
    with(Strategy::Auto, Continuation::Vllm)
}

const BROKEN: Ending = Ending::Truncated { cause: Cause::Reset, by_caller: false };

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_goes_on_and_its_reader_has_one() {
    let chat = Chat::new(&[answer("a", &["Hello, ", "wor"], false), answer("b", &["ld", "!"], true)]);
    let got = get(vllm(), &chat, ask()).await;
    let parts =
        [role("a"), text("a", "Hello, "), text("a", "wor"), text("a", "ld"), text("a", "!"), stop("a"), DONE];
    assert_eq!((got.text, got.error), (bytes(&parts), None));
    assert!(matches!(got.ending, Some(Ending::Complete { .. })), "{:?}", got.ending);
    let asked = chat.0.lock().unwrap().asked[1].1.clone();
    let asked = std::str::from_utf8(&asked).unwrap();
    assert!(asked.contains(r#"{"role":"assistant","content":"Hello, wor"}"#), "{asked}");
    assert!(asked.contains(r#""continue_final_message":true"#), "{asked}");
    assert_eq!(chat.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_up_to_four_times_and_then_ends_with_its_first_break() {
    let broken = |n: usize| {
        let mut answers: Vec<_> = (0..n).map(|id| answer(&id.to_string(), &["a", "b"], false)).collect();
        answers.push(answer("last", &["c"], true));
        answers
    };
    let chat = Chat::new(&broken(4));
    let got = get(vllm(), &chat, ask()).await;
    assert_eq!((chat.asked(), got.error), (5, None));
    assert_eq!(got.text.matches("\"content\":\"a\"").count(), 4);
    assert!(got.text.ends_with(&bytes(&[text("0", "c"), stop("0"), DONE])), "{}", got.text);

    // The others end cleanly.
    let mut answers = broken(5);
    for answer in &mut answers[1..5] {
        let Answer::Stream(steps) = answer else { panic!("a stream") };
        steps.pop();
    }
    let chat = Chat::new(&answers);
    let got = get(vllm(), &chat, ask()).await;
    assert_eq!((chat.asked(), got.error, got.ending), (5, Some(BROKEN), Some(BROKEN)));
    assert!(!got.text.contains("[DONE]"), "{}", got.text);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_to_go_on_that_fails_before_its_content_is_made_again() {
    let refused = Answer::Status(429, &[("retry-after", "2")], "{}");
    let silent = Answer::Stream(vec![role("b"), Step::Reset]);
    let chat = Chat::new(&[answer("a", &["Hel"], false), refused, silent, answer("c", &["lo"], true)]);
    let got = get(vllm(), &chat, ask()).await;
    assert_eq!(got.text, bytes(&[role("a"), text("a", "Hel"), text("a", "lo"), stop("a"), DONE]));
    let asked: Vec<_> = chat.0.lock().unwrap().asked.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!((asked.len(), &asked[1], &asked[1]), (4, &asked[2], &asked[3]));
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_is_left_out_and_what_differs_is_told() {
    let replay = || with(Strategy::Replay, Continuation::None);
    let chat = Chat::new(&[answer("a", &["Hel"], false), answer("b", &["H", "ello"], true)]);
    let got = get(replay(), &chat, ask()).await;
    assert_eq!(got.text, bytes(&[role("a"), text("a", "Hel"), text("a", "lo"), stop("a"), DONE]));
    let asked = chat.0.lock().unwrap().asked.clone();
    assert_eq!(asked[0].1, asked[1].1);

    let chat = Chat::new(&[answer("a", &["Hel"], false), answer("b", &["Good day"], true)]);
    let got = get(replay(), &chat, ask()).await;
    assert_eq!((got.text, got.error), (bytes(&[role("a"), text("a", "Hel")]), Some(BROKEN)));
    assert_eq!((chat.asked(), chat.alive()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_understands_it_is_told_to_begin_again_and_no_other() {
    let answers = [answer("a", &["Hel"], false), answer("b", &["Hello"], true)];
    let chat = Chat::new(&answers);
    let mut request = ask();
    request.headers_mut().insert("x-lastbyte-accept", "restart".parse().unwrap());
    // As it comes: nothing is known of the upstream.
    let got = get(layer(), &chat, request).await;
    let again = "event: restart\ndata: {\"type\":\"restart\"}\n\n";
    let [before, after] =
        [vec![role("a"), text("a", "Hel")], vec![role("b"), text("b", "Hello"), stop("b"), DONE]];
    assert_eq!(got.text, format!("{}{again}{}", bytes(&before), bytes(&after)));

    let chat = Chat::new(&answers);
    let got = get(layer(), &chat, ask()).await;
    assert_eq!((got.text, got.error, chat.asked()), (bytes(&before), Some(BROKEN), 1));
}

#[tokio::test(start_paused = true)]
async fn a_way_that_the_upstream_refuses_is_given_up_for_the_next() {
    let refusal = Answer::Status(400, &[], r#"{"error":{"message":"no such field"}}"#);
    let answers = [answer("a", &["Hel"], false), refusal, answer("b", &["Hello"], true)];
    let chat = Chat::new(&answers);
    let mut request = ask();
    request.headers_mut().insert("x-lastbyte-accept", "restart".parse().unwrap());
    let got = get(vllm(), &chat, request).await;
    assert!(got.text.contains("event: restart") && got.text.ends_with("[DONE]\n\n"), "{}", got.text);
    assert_eq!(chat.asked(), 3);
    let chat = Chat::new(&answers);
    let got = get(vllm(), &chat, ask()).await;
    assert_eq!((got.error, chat.asked()), (Some(BROKEN), 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_joined_ends_with_its_error() {
    let call = chunk("a", r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"ci"}}]}"#, "null");
    let in_a_call = Answer::Stream(vec![role("a"), text("a", "Hel"), Step::Data(call), Step::Reset]);
    let money = Step::Data("data: {\"error\":{\"code\":\"insufficient_quota\",\"message\":\"\"}}\n\n");
    let billing = Answer::Stream(vec![role("a"), text("a", "Hel"), money]);
    for first in [in_a_call, billing] {
        let chat = Chat::new(&[first, answer("b", &["lo"], true)]);
        let got = get(vllm(), &chat, ask()).await;
        assert!(got.error.is_some() && !got.text.contains("[DONE]"), "{}", got.text);
        assert_eq!((chat.asked(), chat.alive()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_and_the_calls_limit_hold_for_going_on_too() {
    let answers = [answer("a", &["Hel"], false), answer("b", &["lo"], true)];
    let chat = Chat::new(&answers);
    let got = get(vllm().with_budget(0.0, 0.0).unwrap(), &chat, ask()).await;
    assert_eq!((got.error, chat.asked()), (Some(BROKEN), 1));
    // Five minutes later there is as much time for it as at first, but not beyond the limit of the call.
    let late = |minutes: u32| {
        let steps = vec![role("a"), text("a", "Hel"), Step::Wait(minutes * 60 * S), Step::Reset];
        Chat::new(&[Answer::Stream(steps), answers[1].clone()])
    };
    let chat = late(5);
    assert_eq!((get(vllm(), &chat, ask()).await.error, chat.asked()), (None, 2));
    let chat = late(10);
    assert_eq!((get(vllm(), &chat, ask()).await.error, chat.asked()), (Some(BROKEN), 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_a_reader_that_left_while_its_answer_was_to_go_on() {
    let chat = Chat::new(&[answer("a", &["Hel"], false), answer("b", &["lo"], true)]);
    let response = vllm().layer(chat.clone()).oneshot(ask()).await.unwrap();
    let mut body = Box::pin(response.into_body());
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    assert!(timeout(Duration::from_millis(1), body.frame()).await.is_err(), "it waits for the next attempt");
    drop(body);
    assert_eq!((chat.asked(), chat.alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_break_is_the_upstreams_byte_for_byte() {
    let odd = [
        "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel",
        "lo\"}}]}\r\n",
        "\r\n: comment\n\ndata:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n",
        "\ndata: [DONE]\n",
    ];
    let chat = Chat::new(&[Answer::Stream(odd.iter().map(|data| Step::Data(data)).collect())]);
    let got = get(vllm(), &chat, ask()).await;
    assert_eq!((got.text, got.error), (odd.concat(), None));
}

/// A body that is all there: it says with its last frame that it ends.
#[tokio::test(start_paused = true)]
async fn the_end_goes_out_with_the_last_frame() {
    let all = bytes(&[role("a"), text("a", "Hello"), stop("a"), DONE]);
    let service = tower::service_fn(move |_: Request<ReplayBody<Full<Bytes>>>| {
        let response = Response::builder().header("content-type", "text/event-stream");
        std::future::ready(response.body(Full::new(Bytes::from(all.clone()))))
    });
    let response = vllm().layer(service).oneshot(ask()).await.unwrap();
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    let mut body = Box::pin(response.into_body());
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert!(matches!(handle.ending(), Some(Ending::Complete { .. })), "{:?}", handle.ending());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_taken_over_where_another_process_left_it() {
    let chat = Chat::new(&[answer("b", &["lo"], true)]);
    let mut request = ask();
    let events = vec![Bytes::from(bytes(&[role("a")])), Bytes::from(bytes(&[text("a", "Hel")]))];
    request.extensions_mut().insert(Resume { text: "Hel".into(), events });
    let got = get(vllm(), &chat, request).await;
    assert_eq!(got.text, bytes(&[text("a", "lo"), stop("a"), DONE]));
    // Where there is no way, nothing is asked, and nobody reads a second beginning.
    let chat = Chat::new(&[answer("b", &["Hello"], true)]);
    let mut request = ask();
    request.extensions_mut().insert(Resume { text: "Hel".into(), events: Vec::new() });
    let response = layer().layer(chat.clone()).oneshot(request).await.unwrap();
    assert_eq!((response.status().as_u16(), chat.asked()), (502, 0));
}

#[tokio::test(start_paused = true)]
async fn going_on_waits_no_longer_than_a_retry() {
    let chat = Chat::new(&[answer("a", &["Hel"], false), answer("b", &["lo"], true)]);
    let start = Instant::now();
    get(vllm(), &chat, ask()).await;
    assert!(start.elapsed() <= S, "{:?}", start.elapsed());
}
