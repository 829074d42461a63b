//! What all calls to one upstream share: its limits as they are learnt, what retries may cost, and how long
//! its answers take.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod script;

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{FutureExt, join_all};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Ending, FailureKind, Tenant, UpstreamKey};
use lastbyte_retry::{Hedge, MaxAttempts, ReplayBody, RetryLayer};
use script::*;
use tokio::time::{Instant, timeout};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};

/// Takes one call, and is busy from then on.
#[derive(Clone)]
struct Once(Chat);

impl Service<Request<ReplayBody<Full<Bytes>>>> for Once {
    type Response = Response<Script>;
    type Error = io::Error;
    type Future = <Chat as Service<Request<ReplayBody<Full<Bytes>>>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.asked() == 0 { self.0.poll_ready(cx) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_never_queues_for_a_service_that_is_busy() {
    for (first, status, text) in [
        (Answer::Status(500, &[("x-up", "1")], "oh"), 500, "oh"),
        (Answer::Json(CUT), 200, CUT),
        (Answer::Stream(vec![Step::Data(ROLE), Step::Reset]), 502, ""),
    ] {
        let chat = Chat::new(&[first, whole()]);
        let streamed = !matches!(&chat.0.lock().unwrap().answers[0], Answer::Json(_));
        let response = layer().layer(Once(chat.clone())).oneshot(request(streamed)).await.unwrap();
        assert_eq!((response.status().as_u16(), chat.asked()), (status, 1));
        assert_eq!(response.headers()["x-should-retry"], "false");
        let got = response.into_body().collect().await.unwrap().to_bytes();
        assert!(got.starts_with(text.as_bytes()), "{got:?}");
        assert_eq!(chat.alive(), 0);
    }
    let chat = Chat::new(&[Answer::Error(io::ErrorKind::ConnectionRefused), whole()]);
    let error = layer().layer(Once(chat.clone())).oneshot(request(true)).await.unwrap_err();
    assert_eq!((error.kind(), chat.asked()), (io::ErrorKind::ConnectionRefused, 1));
}

fn after(time: Duration) -> Answer {
    Answer::Stream(vec![Step::Wait(time), Step::Data(HEL), Step::Data(STOP)])
}

/// A service that has answered often enough, in a tenth of a second, for its lateness to be known.
async fn learned(hedge: Hedge, answers: &[Answer]) -> (lastbyte_retry::Retry<Chat>, Chat) {
    let chat = Chat::new(&vec![after(S / 10); 40]);
    let service = layer().with_hedge(hedge).layer(chat.clone());
    for _ in 0..40 {
        let response = service.clone().oneshot(request(true)).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let mut kept = chat.0.lock().unwrap();
    assert_eq!(kept.asked.len(), 40, "nothing is late before anything is known");
    kept.asked.clear();
    kept.answers.extend(answers.iter().cloned());
    drop(kept);
    (service, chat)
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_asked_for_beside_itself_and_the_first_to_speak_goes_on() {
    let (service, chat) = learned(Hedge::Unkeyed, &[after(50 * S), after(S)]).await;
    let started = Instant::now();
    let response = service.oneshot(request(true)).await.unwrap();
    assert!(started.elapsed() > S && started.elapsed() < S + S / 5, "{:?}", started.elapsed());
    assert_eq!(response.headers()["x-lastbyte-attempts"], "2");
    assert_eq!((chat.asked(), chat.alive()), (2, 1), "the loser is let go");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), [HEL, STOP].concat());
}

#[tokio::test(start_paused = true)]
async fn the_late_one_may_still_be_the_first_to_speak() {
    let (service, chat) = learned(Hedge::Unkeyed, &[after(2 * S), after(50 * S)]).await;
    let response = service.oneshot(request(true)).await.unwrap();
    assert_eq!((chat.asked(), chat.alive()), (2, 1));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), [HEL, STOP].concat());
}

#[tokio::test(start_paused = true)]
async fn of_two_attempts_the_one_that_lasts_decides() {
    let breaks = |time| Answer::Stream(vec![Step::Wait(time), Step::Reset]);
    for answers in [[breaks(S), after(5 * S)], [after(5 * S), breaks(S)]] {
        let (service, chat) = learned(Hedge::Unkeyed, &answers).await;
        let response = service.oneshot(request(true)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), [HEL, STOP].concat());
        assert_eq!(chat.asked(), 2);
    }
    // Where neither lasts there is a third.
    let (service, chat) = learned(Hedge::Unkeyed, &[breaks(S), breaks(2 * S), after(S / 10)]).await;
    let response = service.oneshot(request(true)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), [HEL, STOP].concat());
    assert_eq!(chat.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_paid_once_is_not_asked_for_twice_unless_that_is_chosen() {
    let keyed = || {
        let mut keyed = request(true);
        keyed.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        keyed
    };
    for (hedge, asked) in [(Hedge::Never, 1), (Hedge::Unkeyed, 1), (Hedge::Always, 2)] {
        let (service, chat) = learned(hedge, &[after(2 * S), after(5 * S)]).await;
        service.oneshot(keyed()).await.unwrap();
        assert_eq!(chat.asked(), asked, "{hedge:?}");
    }
}

/// A chat API that takes so many at once, and then so many a second; it says when to come back, or does not.
fn bucket(per_second: f64, burst: f64, retry_after: bool) -> Chat {
    let (mut level, mut at) = (burst, Instant::now());
    Chat::by(move || {
        let now = Instant::now();
        level = (level + per_second * (now - at).as_secs_f64()).min(burst);
        at = now;
        if level < 1.0 {
            let headers: &[_] = if retry_after { &[("retry-after", "1")] } else { &[] };
            return Answer::Status(429, headers, r#"{"error":{"code":"rate_limit_exceeded"}}"#);
        }
        level -= 1.0;
        after(S / 20)
    })
}

/// So many ask at once: how many were answered within 20 s, and when the last one was.
async fn herd(layer: &RetryLayer, chat: &Chat, count: usize) -> (usize, Duration) {
    let (start, service) = (Instant::now(), layer.layer(chat.clone()));
    let caller = || async {
        let response = service.clone().oneshot(request(true)).await.unwrap();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (text == [HEL, STOP].concat()).then(|| start.elapsed())
    };
    let ended = join_all((0..count).map(|_| caller())).await;
    let in_time: Vec<Duration> = ended.into_iter().flatten().filter(|took| *took <= 20 * S).collect();
    (in_time.len(), in_time.into_iter().max().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_herd_is_served_at_the_rate_of_its_upstream_with_few_refusals() {
    for (retry_after, longest) in [(false, 1.2), (true, 1.3)] {
        let chat = bucket(50.0, 50.0, retry_after);
        let (done, last) = herd(&layer(), &chat, 500).await;
        // (500 - 50) / 50 seconds, and an answer.
        let times = last.as_secs_f64() / 9.05;
        assert!(done == 500 && times < longest, "{done} {times}");
        assert!(chat.asked() < 600, "{}", chat.asked());
    }
    let chat = bucket(50.0, 50.0, false);
    herd(&layer().with_pacing(false), &chat, 500).await;
    assert!(chat.asked() > 1_500, "{}", chat.asked());
}

/// Refuses the first for five seconds, and answers the others.
fn refusing() -> Chat {
    let chat = Chat::by(|| after(S / 20));
    let refusal = Answer::Status(429, &[("retry-after", "5")], "{}");
    chat.0.lock().unwrap().answers.push_back(refusal);
    chat
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nobody_asks_before_the_time_it_named() {
    let (start, chat) = (Instant::now(), refusing());
    let service = layer().layer(chat.clone());
    let ask = |wait| {
        let service = service.clone();
        async move {
            tokio::time::sleep(wait).await;
            service.oneshot(request(true)).await.unwrap().status()
        }
    };
    let statuses = join_all([ask(Duration::ZERO), ask(S), ask(3 * S)]).await;
    assert!(statuses.iter().all(StatusCode::is_success), "{statuses:?}");
    let times = chat.times(start);
    assert!(times.len() == 4 && times[1] >= 5 * S, "{times:?}");
    assert!(times[3] < 8 * S, "{times:?}");
    // Without pacing the others do not know of it.
    let (start, chat) = (Instant::now(), refusing());
    let service = layer().with_pacing(false).layer(chat.clone());
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    service.oneshot(request(true)).await.unwrap();
    assert_eq!(chat.times(start)[1], S);
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_in_vain_is_told_at_once_when_to_come_back() {
    let chat = Chat::new(&[Answer::Status(429, &[("retry-after", "50")], "{}")]);
    let service = layer().layer(chat.clone());
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    let mut hurried = request(true);
    hurried.headers_mut().insert("x-request-timeout", "10".parse().unwrap());
    let start = Instant::now();
    let response = service.oneshot(hurried).await.unwrap();
    assert_eq!((start.elapsed(), response.status()), (Duration::ZERO, StatusCode::TOO_MANY_REQUESTS));
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("x-lastbyte-refused-by"), header("x-lastbyte-attempts")),
        ("retry".into(), "0".into())
    );
    let back: u64 = header("retry-after").parse().unwrap();
    assert!((49..=55).contains(&back), "{back}");
    assert_eq!(chat.asked(), 1);
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn behind_a_head_that_left_a_turn_too_late_is_told_in_the_stream() {
    let refusal = Answer::Status(429, &[("retry-after", "8")], "{}");
    let chat = Chat::new(&[refusal.clone(), refusal, after(S)]);
    let service = layer().with_hold_head(S).layer(chat.clone());
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    let mut hurried = request(true);
    hurried.headers_mut().insert("x-request-timeout", "12".parse().unwrap());
    let response = service.oneshot(hurried).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-lastbyte-attempts"]),
        (200, &"0".parse().unwrap())
    );
    first.await.unwrap().unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    let kind = FailureKind::Status(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(*error.ending(), Ending::Failed { kind });
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_many_callers_does_not_keep_another_waiting() {
    let (start, chat) = (Instant::now(), refusing());
    let service = layer().layer(chat.clone());
    let ask = |tenant, wait| {
        let service = service.clone();
        async move {
            tokio::time::sleep(wait).await;
            let mut request = request(true);
            request.extensions_mut().insert(Tenant(tenant));
            service.oneshot(request).await.unwrap();
            start.elapsed()
        }
    };
    let mut callers: Vec<_> = (0..60).map(|_| ask(1, S)).collect();
    callers.push(ask(2, 2 * S));
    callers.push(ask(1, Duration::ZERO));
    let served = join_all(callers).await;
    let before = served[..60].iter().filter(|at| **at < served[60]).count();
    assert!(before <= 4, "{before} of the other tenant were served before");
}

#[tokio::test(start_paused = true)]
async fn what_is_learnt_of_one_upstream_says_nothing_of_another() {
    let (start, chat) = (Instant::now(), refusing());
    let service = layer().layer(chat.clone());
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    let mut other = request(true);
    other.extensions_mut().insert(UpstreamKey::new("another model"));
    service.clone().oneshot(other).await.unwrap();
    assert_eq!(chat.times(start)[1], S);
    // Nor do embeddings have the limits of chat.
    let embeddings = Request::post("/v1/embeddings").body(Full::from("hello")).unwrap();
    service.oneshot(embeddings).await.unwrap();
    assert_eq!(chat.asked(), 3);
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn those_behind_one_that_leaves_the_queue_go_on() {
    let (start, chat) = (Instant::now(), refusing());
    let service = layer().layer(chat.clone());
    let ask = || tokio::spawn(service.clone().oneshot(request(true)));
    let first = ask();
    tokio::time::sleep(S).await;
    let waiting: Vec<_> = (0..10).map(|_| ask()).collect();
    tokio::time::sleep(S).await;
    // Whoever holds the timer for all is among them.
    first.abort();
    waiting[..9].iter().for_each(tokio::task::JoinHandle::abort);
    let last = waiting.into_iter().next_back().unwrap();
    assert!(timeout(10 * S, last).await.unwrap().unwrap().unwrap().status().is_success());
    assert_eq!(chat.asked(), 2, "nobody asks for one that has left");
    // The time that was named, a tenth more at most, and an answer: nobody had to look for itself.
    assert!(start.elapsed() < 5 * S + S * 6 / 10, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_polled_does_not_hold_up_those_behind_it() {
    let chat = refusing();
    let service = layer().layer(chat.clone());
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    // Then the one that nobody polls any more holds the timer.
    first.abort();
    tokio::time::sleep(S).await;
    let mut stuck = Box::pin(service.clone().oneshot(request(true)));
    assert!(stuck.as_mut().now_or_never().is_none());
    let others: Vec<_> = (0..5).map(|_| tokio::spawn(service.clone().oneshot(request(true)))).collect();
    for other in others {
        assert!(timeout(10 * S, other).await.unwrap().unwrap().unwrap().status().is_success());
    }
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_turn_holds_no_place_in_the_service() {
    let chat = refusing();
    let service = layer().layer(ConcurrencyLimit::new(chat.clone(), 1));
    let first = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    let waits = tokio::spawn(service.clone().oneshot(request(true)));
    tokio::time::sleep(S).await;
    let mut other = request(true);
    other.extensions_mut().insert(UpstreamKey::new("another model"));
    let response = timeout(S, service.oneshot(other)).await.expect("the one place is free").unwrap();
    assert!(response.status().is_success());
    drop(response);
    first.abort();
    assert!(waits.await.unwrap().unwrap().status().is_success());
}

#[tokio::test(start_paused = true)]
async fn when_everything_fails_retries_are_a_share_of_the_calls_and_the_last_error_is_handed_on() {
    let chat = Chat::by(|| Answer::Status(503, &[("x-up", "1")], "no healthy upstream"));
    let service = layer().layer(chat.clone());
    let caller = |n: u32| {
        let service = service.clone();
        async move {
            tokio::time::sleep(n * S / 50).await;
            let response = service.oneshot(request(true)).await.unwrap();
            assert_eq!(
                (response.status().as_u16(), &response.headers()["x-up"]),
                (503, &"1".parse().unwrap())
            );
            assert_eq!(response.headers()["x-should-retry"], "false");
            response.into_body().collect().await.unwrap().to_bytes()
        }
    };
    let texts = join_all((0..3_000).map(caller)).await;
    assert!(texts.iter().all(|text| text == "no healthy upstream"));
    // A fifth of the calls, and one a second.
    assert!((3_500..=3_750).contains(&chat.asked()), "{}", chat.asked());
    let chat = Chat::by(|| Answer::Status(503, &[], ""));
    let service = layer().without_budget().with_hold_head(600 * S).layer(chat.clone());
    join_all((0..100).map(|_| service.clone().oneshot(request(true)))).await;
    assert_eq!(chat.asked(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_spend_the_budget_of_failures() {
    for pacing in [true, false] {
        let nothing = || layer().with_budget(0.0, 0.0).unwrap().with_pacing(pacing);
        for (status, asked) in [(429, 2), (529, 2), (503, 1), (500, 1)] {
            let chat = Chat::new(&[Answer::Status(status, &[], "{}"), whole()]);
            nothing().layer(chat.clone()).oneshot(request(true)).await.unwrap();
            assert_eq!(chat.asked(), asked, "{status}");
        }
        let chat = Chat::new(&[Answer::Status(503, &[("retry-after", "1")], "{}"), whole()]);
        nothing().layer(chat.clone()).oneshot(request(true)).await.unwrap();
        assert_eq!(chat.asked(), 2, "it names a time: it is no failure");
    }
    assert!(layer().with_budget(f64::NAN, 0.0).is_none() && layer().with_budget(-0.1, 0.0).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_as_an_attempt_and_the_wait_for_a_turn_does_not() {
    let chat = Chat::by(|| Answer::Status(429, &[], "{}"));
    const TWO: MaxAttempts = MaxAttempts::new(2).unwrap();
    let response = layer().with_max_attempts(TWO).layer(chat.clone()).oneshot(request(true)).await.unwrap();
    assert_eq!((response.status().as_u16(), chat.asked()), (429, 2));
    assert_eq!(response.headers()["x-lastbyte-attempts"], "2");
    assert_eq!(response.headers()["x-should-retry"], "false");
}
