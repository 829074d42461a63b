//! The guard's limits and the seal's end, on a scripted body under paused time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Cause, Deadline, Ending, FailureKind};
use lastbyte_guard::{GuardLayer, SealLayer};
use support::{DONE, HEL, LO, ROLE, Read, STOP, Script, Step, event_stream, read, request};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

const S: Duration = Duration::from_secs(1);

fn guard() -> GuardLayer {
    GuardLayer::new().with_first_event(5 * S).with_idle(2 * S).with_total(60 * S)
}

async fn guarded(steps: &[Step]) -> Read {
    let steps = steps.to_vec();
    let chat = service_fn(move |_: Request<()>| {
        let response = event_stream(&steps);
        async move { Ok::<_, Infallible>(response) }
    });
    read(guard().layer(chat).oneshot(request()).await.unwrap()).await
}

async fn sealed(layer: SealLayer, steps: &[Step]) -> Read {
    let steps = steps.to_vec();
    let chat = service_fn(move |_: Request<()>| {
        let response = event_stream(&steps);
        async move { Ok::<_, Infallible>(response) }
    });
    read(layer.layer(chat).oneshot(request()).await.unwrap()).await
}

fn truncated(cause: Cause) -> Option<Ending> {
    Some(Ending::Truncated { cause, by_caller: false })
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_passes_byte_for_byte() {
    let read = guarded(&[Step::Data(ROLE), Step::Data(HEL), Step::Data(STOP), Step::Data(DONE)]).await;
    assert_eq!(read.text, [ROLE, HEL, STOP, DONE].concat());
    assert!(read.error.is_none());
    assert!(matches!(read.handle.ending(), Some(Ending::Complete { .. })));
}

#[tokio::test(start_paused = true)]
async fn role_chunks_and_comments_do_not_put_off_the_first_event() {
    let started = Instant::now();
    let ping = [Step::Wait(S), Step::Data(": ping\n\n")];
    let mut steps = vec![Step::Data(ROLE)];
    (0..20).for_each(|_| steps.extend_from_slice(&ping));
    let read = guarded(&steps).await;
    assert_eq!(read.handle.ending().cloned(), truncated(Cause::FirstEvent));
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!(read.error.unwrap().ending().code(), "first_event_timeout");
}

#[tokio::test(start_paused = true)]
async fn comments_put_off_the_idle_limit_and_silence_does_not() {
    let started = Instant::now();
    let ping = [Step::Wait(S + S / 2), Step::Data(": ping\n\n")];
    let mut steps = vec![Step::Data(HEL)];
    (0..10).for_each(|_| steps.extend_from_slice(&ping));
    steps.push(Step::Silence);
    let read = guarded(&steps).await;
    assert_eq!(read.handle.ending().cloned(), truncated(Cause::Idle));
    assert_eq!(started.elapsed().as_secs(), 17);
}

#[tokio::test(start_paused = true)]
async fn the_total_ends_an_answer_that_never_falls_silent() {
    let started = Instant::now();
    let steps: Vec<Step> = (0..200).flat_map(|_| [Step::Data(HEL), Step::Wait(S)]).collect();
    let read = guarded(&steps).await;
    assert_eq!(read.handle.ending().cloned(), truncated(Cause::Total));
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_clean_cut_is_an_error_and_so_is_a_reset() {
    for (steps, cause) in [
        (&[Step::Data(HEL)][..], Cause::Eof),
        (&[Step::Data(HEL), Step::Reset], Cause::Reset),
        (&[Step::Data(HEL), Step::Data("data: {\"cho")], Cause::HalfEvent),
        (&[Step::Data(HEL), Step::Data(DONE)], Cause::Eof),
    ] {
        let read = guarded(steps).await;
        assert_eq!(read.handle.ending().cloned(), truncated(cause));
        assert_eq!(Some(read.error.unwrap().ending()), truncated(cause).as_ref());
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_behind_the_finish_takes_nothing_away() {
    let read = guarded(&[Step::Data(HEL), Step::Data(STOP), Step::Reset]).await;
    assert!(read.error.is_none());
    assert!(matches!(read.handle.ending(), Some(Ending::Complete { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_comes_is_a_504_with_the_limit_that_ended_it() {
    let chat = service_fn(|_: Request<()>| std::future::pending::<Result<Response<Script>, Infallible>>());
    let started = Instant::now();
    let response = guard().layer(chat).oneshot(request()).await.unwrap();
    assert_eq!((response.status(), started.elapsed()), (StatusCode::GATEWAY_TIMEOUT, 5 * S));
    let mut shorter = request();
    shorter.headers_mut().insert("x-request-timeout", "1.5".parse().unwrap());
    let response = guard().layer(chat).oneshot(shorter).await.unwrap();
    let read = read(response).await;
    assert!(read.text.contains("total_timeout"), "{}", read.text);
    let by_caller = Ending::Failed { kind: FailureKind::Timeout { by_caller: true } };
    assert_eq!(read.handle.ending(), Some(&by_caller));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shortens_the_total_and_never_lengthens_it() {
    let chat = service_fn(|_: Request<()>| std::future::pending::<Result<Response<Script>, Infallible>>());
    for (deadline, waited, by_caller) in [(3 * S, 3 * S, true), (90 * S, 60 * S, false)] {
        let started = Instant::now();
        let mut request = request();
        request.extensions_mut().insert(Deadline { at: started + deadline, by_caller: true });
        let layer = guard().with_first_event(90 * S);
        let read = read(layer.layer(chat).oneshot(request).await.unwrap()).await;
        let ending = Ending::Failed { kind: FailureKind::Timeout { by_caller } };
        assert_eq!((started.elapsed(), read.handle.ending()), (waited, Some(&ending)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_is_told_apart_from_a_break() {
    let chat = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(event_stream(&[Step::Silence])) });
    let response = guard().layer(chat).oneshot(request()).await.unwrap();
    let handle = response.extensions().get::<lastbyte_core::EndingHandle>().unwrap().clone();
    assert_eq!(handle.ending(), None);
    drop(response);
    assert_eq!(handle.ending(), Some(&Ending::Abandoned));
}

#[tokio::test(start_paused = true)]
async fn the_seal_tells_of_a_break_and_then_fails_the_transport() {
    let read = sealed(SealLayer::new(), &[Step::Data(HEL), Step::Data("data: {\"cho"), Step::Reset]).await;
    let event = read.text.strip_prefix(HEL).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(event.strip_prefix("data: ").unwrap().trim_end()).unwrap();
    assert_eq!(
        (&json["error"]["code"], &json["error"]["type"]),
        (&"stream_truncated".into(), &"server_error".into())
    );
    assert!(event.ends_with("\n\n"));
    assert!(read.error.unwrap().is_told());
}

#[tokio::test(start_paused = true)]
async fn alone_the_transport_fails_one_poll_behind_the_event() {
    let chat = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(event_stream(&[Step::Data(HEL)])) });
    let response = SealLayer::new().layer(chat).oneshot(request()).await.unwrap();
    let mut body = std::pin::pin!(response.into_body());
    for _ in ["the text", "the event"] {
        assert!(body.frame().await.unwrap().is_ok());
    }
    let told = Instant::now();
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(told.elapsed(), Duration::ZERO, "nobody says when the event is written");
}

#[tokio::test(start_paused = true)]
async fn without_the_seal_the_transport_ends_cleanly_behind_the_event() {
    let read = sealed(SealLayer::new().with_seal(false), &[Step::Data(HEL)]).await;
    assert!(read.text.contains("stream_truncated"));
    assert!(read.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_error_event_of_the_provider_becomes_ours() {
    let error = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let read = sealed(SealLayer::new(), &[Step::Data(HEL), Step::Data(error)]).await;
    assert_eq!(read.text.matches("\"error\"").count(), 1);
    assert!(read.text.contains("upstream_error") && read.text.contains("boom"), "{}", read.text);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_stand_between_events_and_never_inside_one() {
    let steps = [
        Step::Data(ROLE),
        Step::Wait(25 * S),
        Step::Data("data: {\"choices\":[{\"index\":0,\"delta\":"),
        Step::Wait(25 * S),
        Step::Data("{\"content\":\"Hel\"}}]}\n\n"),
        Step::Data(STOP),
    ];
    let read = sealed(SealLayer::new(), &steps).await;
    assert_eq!(read.text, [ROLE, ": ping\n: ping\n", HEL, STOP].concat());
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_ends_this_answer_with_an_error_event() {
    let read = sealed(SealLayer::new(), &[Step::Data(HEL), Step::Panic]).await;
    assert!(read.text.starts_with(HEL) && read.text.contains("\"interrupted\""), "{}", read.text);
    assert!(read.error.unwrap().is_told());
    assert_eq!(read.handle.ending(), Some(&Ending::Interrupted));
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_the_way_to_a_head_is_a_502() {
    let chat = service_fn(|_: Request<()>| async {
        if true {
            panic!("a fault put in on purpose");
        }
        Ok::<_, Infallible>(event_stream(&[]))
    });
    let response = SealLayer::new().layer(chat).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_the_bound_ends_the_answer() {
    let seal = SealLayer::new().with_max_event(1024);
    let large: &'static str = Box::leak(format!("data: {}", "x".repeat(2000)).into_boxed_str());
    let read = sealed(seal, &[Step::Data(HEL), Step::Data(large), Step::Data(LO)]).await;
    assert!(read.text.starts_with(HEL) && read.text.contains("answer_too_large"), "{}", read.text);
    assert_eq!(read.handle.ending().cloned(), truncated(Cause::TooLarge));
}

#[tokio::test(start_paused = true)]
async fn trailers_come_behind_what_was_held_back() {
    // The last event has no blank line, and is whole all the same.
    let text = [HEL, STOP, DONE.trim_end()].concat();
    let sent = text.clone();
    let chat = service_fn(move |_: Request<()>| {
        let body = Full::new(Bytes::from(sent.clone())).with_trailers(async { Some(Ok(HeaderMap::new())) });
        let response = Response::builder().header("content-type", "text/event-stream").body(body);
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    let response = SealLayer::new().layer(chat).oneshot(request()).await.unwrap();
    let mut body = std::pin::pin!(response.into_body());
    let (mut got, mut trailers) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(data) => got.extend_from_slice(&data),
            Err(_) => trailers = got.len(),
        }
    }
    assert_eq!((got, trailers), (text.clone().into_bytes(), text.len()));
}
