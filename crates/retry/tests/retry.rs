//! The layer over a scripted chat API, under paused time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod script;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Cause, Ending, EndingHandle, Scope};
use lastbyte_retry::{Ambiguous, MaxAttempts, ReplayBody};
use script::*;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn what_breaks_before_its_content_is_asked_again_unseen() {
    for broken in [
        Answer::Error(io::ErrorKind::ConnectionReset),
        Answer::Error(io::ErrorKind::ConnectionRefused),
        Answer::Status(429, &[("retry-after", "1")], "{}"),
        Answer::Status(500, &[], "oh"),
        Answer::Stream(vec![Step::Data(ROLE), Step::Reset]),
        Answer::Stream(vec![Step::Data(ROLE)]),
        Answer::Stream(vec![]),
        Answer::Stream(vec![Step::Data(
            "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n",
        )]),
    ] {
        let chat = Chat::new(&[broken.clone(), whole()]);
        let got = get(layer(), &chat, request(true)).await;
        assert_eq!(got.text, [ROLE, HEL, STOP].concat(), "{broken:?}");
        assert!(matches!(got.ending, Some(Ending::Complete { .. })), "{broken:?}");
        assert_eq!(got.headers["x-lastbyte-attempts"], "2");
        let asked = chat.0.lock().unwrap().asked.clone();
        assert!(asked.iter().all(|(_, body)| body == "hello"), "the body is sent again");
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_behind_its_content_is_never_asked_again() {
    let chat = Chat::new(&[Answer::Stream(vec![Step::Data(HEL), Step::Reset]), whole()]);
    let got = get(layer(), &chat, request(true)).await;
    assert_eq!((got.text.as_str(), chat.asked()), (HEL, 1));
    let truncated = Some(Ending::Truncated { cause: Cause::Reset, by_caller: false });
    assert_eq!((got.error.as_ref(), got.ending.as_ref()), (truncated.as_ref(), truncated.as_ref()));
}

#[tokio::test(start_paused = true)]
async fn attempts_end_at_five_with_the_last_answer_and_a_word_to_the_sdks() {
    let chat = Chat::new(&vec![Answer::Status(503, &[("x-up", "1")], "busy"); 6]);
    let started = Instant::now();
    let got = get(layer(), &chat, request(true)).await;
    assert_eq!((got.status.as_u16(), got.text.as_str(), chat.asked()), (503, "busy", 5));
    assert_eq!(
        (&got.headers["x-should-retry"], &got.headers["x-up"]),
        (&"false".parse().unwrap(), &"1".parse().unwrap())
    );
    assert!(got.headers.contains_key("retry-after"));
    assert!(started.elapsed() <= 15 * S, "1 + 2 + 4 + 8 s at most: {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_named_time_is_waited_for_and_never_undercut() {
    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "7")], ""), whole()]);
    let started = Instant::now();
    get(layer(), &chat, request(false)).await;
    let waited = started.elapsed();
    assert!(waited >= 7 * S && waited <= 7 * S + S * 7 / 10, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_time_too_far_is_handed_on_at_once_with_its_headers() {
    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "3600")], "later")]);
    let started = Instant::now();
    let got = get(layer(), &chat, request(true)).await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (429, "later"));
    assert_eq!(
        (&got.headers["retry-after"], &got.headers["x-should-retry"]),
        (&"3600".parse().unwrap(), &"false".parse().unwrap())
    );
    assert_eq!((started.elapsed(), chat.asked()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_the_callers_deadline_is_not_begun() {
    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "5")], "later")]);
    let mut hurried = request(true);
    hurried.headers_mut().insert("x-request-timeout", "3".parse().unwrap());
    let started = Instant::now();
    let got = get(layer(), &chat, hurried).await;
    assert_eq!((got.status.as_u16(), started.elapsed(), chat.asked()), (429, Duration::ZERO, 1));
    assert_eq!(got.headers["retry-after"], "5");
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_later_than_within() {
    let chat = Chat::new(&vec![Answer::Status(429, &[("retry-after", "30")], ""); 5]);
    let started = Instant::now();
    get(layer(), &chat, request(false)).await;
    assert_eq!(chat.asked(), 3, "at 0, 30 and 60 s");
    assert!(started.elapsed() <= 70 * S);
}

#[tokio::test(start_paused = true)]
async fn billing_and_the_requests_own_faults_are_handed_on() {
    for answer in [
        Answer::Status(429, &[], r#"{"error":{"code":"insufficient_quota"}}"#),
        Answer::Status(400, &[], "bad"),
        Answer::Status(503, &[("x-should-retry", "false")], ""),
        Answer::Status(503, &[("x-lastbyte-refused-by", "breaker")], ""),
    ] {
        let chat = Chat::new(std::slice::from_ref(&answer));
        let got = get(layer(), &chat, request(true)).await;
        let Answer::Status(status, _, text) = answer else { unreachable!() };
        assert_eq!((got.status.as_u16(), got.text.as_str(), chat.asked()), (status, text, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_judged_by_its_finish_reason() {
    let chat = Chat::new(&[Answer::Json(CUT), Answer::Json("{\"choi"), Answer::Json(WHOLE)]);
    let got = get(layer(), &chat, request(false)).await;
    assert_eq!((got.text.as_str(), chat.asked()), (WHOLE, 3));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_cap_a_whole_answer_passes_as_it_comes() {
    let chat = Chat::new(&[Answer::Json(CUT)]);
    let got = get(layer().with_max_answer(10), &chat, request(false)).await;
    assert_eq!((got.text.as_str(), chat.asked()), (CUT, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_too_large_to_keep_is_sent_once() {
    let chat = Chat::new(&[Answer::Status(500, &[], "")]);
    let got = get(layer().with_max_body(3), &chat, request(true)).await;
    assert_eq!((got.status.as_u16(), chat.asked()), (500, 1));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_paid_for_is_not_asked_again_where_that_is_chosen() {
    let careful = || layer().with_ambiguous(Ambiguous::Fail);
    let chat = Chat::new(&[Answer::Status(500, &[], "")]);
    get(careful(), &chat, request(true)).await;
    let unsent = Chat::new(&[Answer::Error(io::ErrorKind::ConnectionRefused), whole()]);
    get(careful(), &unsent, request(true)).await;
    assert_eq!((chat.asked(), unsent.asked()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_head_is_held_so_long_and_then_attempts_go_on_behind_it() {
    let late = Answer::Stream(vec![Step::Wait(4 * S), Step::Reset]);
    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "12")], ""), late, whole()]);
    let started = Instant::now();
    let response = layer().layer(chat.clone()).oneshot(request(true)).await.unwrap();
    assert_eq!((response.status().as_u16(), started.elapsed()), (200, 10 * S));
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-lastbyte-attempts"], "1");
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, [ROLE, HEL, STOP].concat(), "of the broken attempt nothing is seen");
    assert_eq!(chat.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn behind_a_head_that_left_a_failure_is_told_in_the_stream() {
    let chat =
        Chat::new(&[Answer::Status(429, &[("retry-after", "12")], ""), Answer::Status(400, &[], "no")]);
    let got = get(layer(), &chat, request(true)).await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (200, ""));
    assert!(matches!(got.error, Some(Ending::Failed { .. })), "{:?}", got.error);
    assert_eq!(got.ending, got.error);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_for_a_reader_who_is_gone() {
    let silent = Answer::Stream(vec![Step::Data(HEL), Step::Wait(100 * S)]);
    let chat = Chat::new(&[silent]);
    let response = layer().layer(chat.clone()).oneshot(request(true)).await.unwrap();
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    assert_eq!(chat.alive(), 1);
    drop(response);
    assert_eq!((chat.alive(), handle.ending()), (0, Some(&Ending::Abandoned)));

    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "5")], ""), whole()]);
    let waiting = tokio::time::timeout(S, layer().layer(chat.clone()).oneshot(request(true)));
    assert!(waiting.await.is_err());
    sleep(100 * S).await;
    assert_eq!(chat.asked(), 1);

    let chat = Chat::new(&[Answer::Silence]);
    let waiting = tokio::time::timeout(S, layer().layer(chat.clone()).oneshot(request(true)));
    assert!(waiting.await.is_err());
    assert_eq!(chat.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_one_attempt_the_failures_show() {
    let chat = Chat::new(&[Answer::Status(500, &[], "oh")]);
    let one = layer().with_max_attempts(MaxAttempts::new(1).unwrap());
    assert_eq!(get(one, &chat, request(true)).await.status.as_u16(), 500);
    assert_eq!((MaxAttempts::new(0), MaxAttempts::new(6)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_chat_answer_passes_at_once() {
    let chat = service_fn(|_: Request<ReplayBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(
            Response::builder().header("content-type", "audio/mpeg").body(Full::from("la")).unwrap(),
        )
    });
    let request = Request::post("/v1/audio/speech").body(Full::from("x")).unwrap();
    let response = layer().layer(chat).oneshot(request).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(2));
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "la");
    assert_eq!(handle.ending(), Some(&Ending::Opaque { ok: true }));
}

#[tokio::test(start_paused = true)]
async fn why_an_answer_was_let_go_is_told_where_somebody_said_so() {
    let stream = vec![Step::Data(HEL), Step::Wait(100 * S)];
    let whole = Answer::Status(200, &[("content-type", "audio/mpeg")], "la");
    for (answer, streamed) in [(Answer::Stream(stream), true), (whole, false)] {
        let chat = Chat::new(&[answer]);
        let response = layer().layer(chat).oneshot(request(streamed)).await.unwrap();
        let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
        assert_eq!((handle.scope(), handle.ending()), (Scope::Answer, None));
        handle.because(Ending::Interrupted);
        drop(response);
        assert_eq!(handle.ending(), Some(&Ending::Interrupted));
    }
}
