//! Readers that stop, read slowly, or wait for an upstream that is silent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use lastbyte_backpressure::{MemoryBudget, WatchdogBody, WatchdogLayer};
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle, Hangup};
use support::*;
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, ServiceExt};

const S: Duration = Duration::from_secs(1);

type Read = WatchdogBody<AnswerBody>;

/// The body of one answer behind the layer.
async fn answer(layer: &WatchdogLayer, body: AnswerBody) -> (Pin<Box<Read>>, EndingHandle) {
    let (body, handle, _) = hung(layer, body).await;
    (body, handle)
}

async fn hung(layer: &WatchdogLayer, body: AnswerBody) -> (Pin<Box<Read>>, EndingHandle, Hangup) {
    let hangup = Hangup::new();
    let mut request = call();
    request.extensions_mut().insert(hangup.clone());
    let response = layer.layer(once(stream(body))).oneshot(request).await.unwrap();
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    (Box::pin(response.into_body()), handle, hangup)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_is_let_go_and_everything_with_it() {
    let layer = WatchdogLayer::new(S * 8);
    let upstream = Endless::default();
    let (mut body, handle, hangup) = hung(&layer, upstream.body()).await;
    assert!(body.frame().await.unwrap().is_ok());
    let began = Instant::now();
    sleep(S * 7).await;
    assert!(upstream.is_held());
    let ending = handle.wait().await;
    assert_eq!(ending, Ending::Stalled);
    assert!(!upstream.is_held(), "the call upstream is over");
    let took = began.elapsed();
    assert!(took >= S * 8 && took <= S * 10, "{took:?}");
    hangup.asked().now_or_never().expect("the connection is to be closed");
    assert!(!body.is_end_stream());
    let error: BodyError = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.ending(), &Ending::Stalled, "an end would look like that of a whole answer");
    assert!(body.frame().await.is_none() && body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_begins_to_read_is_let_go() {
    let layer = WatchdogLayer::new(S * 8);
    let upstream = Endless::default();
    let (_body, handle) = answer(&layer, upstream.body()).await;
    assert_eq!(handle.wait().await, Ending::Stalled);
    assert!(!upstream.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_is_not_let_go() {
    let layer = WatchdogLayer::new(S * 8);
    let upstream = Endless::default();
    let (mut body, handle) = answer(&layer, upstream.body()).await;
    for _ in 0..20 {
        sleep(S * 7).await;
        assert!(body.frame().await.unwrap().is_ok());
    }
    assert_eq!(handle.ending(), None);
    drop(body);
    assert_eq!(handle.ending(), Some(&Ending::Abandoned));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_upstream_is_nobodys_stall() {
    let layer = WatchdogLayer::new(S * 8);
    let (sender, body) = channel();
    let (mut body, handle) = answer(&layer, body).await;
    assert!(body.frame().now_or_never().is_none());
    advance(S * 3600).await;
    sleep(S * 60).await;
    assert_eq!(handle.ending(), None);
    sender.send(WHOLE).await;
    assert!(body.frame().await.unwrap().is_ok());
    drop(sender);
    assert!(body.frame().await.is_none());
    assert!(matches!(handle.ending(), Some(Ending::Complete { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_clock_stops_with_the_last_body_and_starts_with_the_next() {
    let layer = WatchdogLayer::new(S * 8);
    for _ in 0..3 {
        let upstream = Endless::default();
        let (body, _) = answer(&layer, upstream.body()).await;
        let (other, handle) = answer(&layer, upstream.body()).await;
        assert_eq!(layer.watched(), 2);
        drop(body);
        assert_eq!(handle.wait().await, Ending::Stalled);
        drop(other);
        sleep(S * 2).await;
        assert_eq!(layer.watched(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_is_bounded_in_events() {
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 1 << 20);
    let upstream = Endless::default();
    let (mut body, _) = answer(&layer, upstream.body()).await;
    sleep(S).await;
    assert_eq!(upstream.produced(), 100, "the buffer is full, and the upstream is read no further");
    for taken in 1..=50 {
        assert!(body.frame().await.unwrap().is_ok());
        tokio::task::yield_now().await;
        assert_eq!(upstream.produced(), 100 + taken);
    }
    drop(body);
    sleep(S).await;
    assert!(!upstream.is_held(), "the pump ends with its reader");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_is_bounded_in_bytes() {
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 10 * EVENT.len());
    let upstream = Endless::default();
    let (_body, _) = answer(&layer, upstream.body()).await;
    sleep(S).await;
    assert_eq!(upstream.produced(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_answer_read_ahead_comes_out_as_it_was_and_its_reading_ends_when_it_is_read() {
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 1 << 20);
    let (sender, body) = channel();
    let (body, reading) = answer(&layer, body).await;
    sender.send(EVENT).await;
    sender.send(WHOLE).await;
    drop(sender);
    sleep(S).await;
    assert_eq!(reading.ending(), None, "the answer is complete, and its reading has not begun");
    let all = body.collect().await.unwrap().to_bytes();
    assert_eq!(all, [EVENT, WHOLE].concat());
    assert!(matches!(reading.ending(), Some(Ending::Complete { .. })));
    assert_eq!(reading.events() as usize, [EVENT, WHOLE].concat().matches("data: {").count());
}

#[tokio::test(start_paused = true)]
async fn an_answer_read_ahead_that_breaks_ends_with_its_error_behind_what_came() {
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 1 << 20);
    let (sender, body) = channel();
    let (mut body, reading) = answer(&layer, body).await;
    sender.send(EVENT).await;
    drop(sender);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), EVENT);
    let error: BodyError = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.ending().code(), "stream_truncated");
    assert_eq!(reading.ending(), Some(error.ending()));
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_before_a_full_buffer_is_let_go() {
    let layer = WatchdogLayer::new(S * 8).with_read_ahead(100, 1 << 20);
    let upstream = Endless::default();
    let (mut body, reading) = answer(&layer, upstream.body()).await;
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(reading.wait().await, Ending::Stalled);
    sleep(S).await;
    assert!(!upstream.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_buffer_is_taken_from_the_memory_there_is() {
    let budget = MemoryBudget::new(1500);
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 1000).with_memory(budget.clone());
    let upstream = Endless::default();
    let (first, _) = answer(&layer, upstream.body()).await;
    let (mut second, _) = answer(&layer, upstream.body()).await;
    assert_eq!(budget.used(), 1000);
    sleep(S).await;
    let produced = upstream.produced();
    assert!(second.frame().await.unwrap().is_ok());
    assert_eq!(upstream.produced(), produced + 1, "without a buffer it is read at its reader's pace");
    drop(first);
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_body_read_ahead_ends_its_reading() {
    let layer = WatchdogLayer::new(S * 60).with_read_ahead(100, 1000);
    let (mut body, _) = answer(&layer, panicking()).await;
    let error: BodyError = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.ending(), &Ending::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn what_has_a_length_keeps_it() {
    let layer = WatchdogLayer::default().with_read_ahead(100, 1000);
    let body = http_body_util::Full::new(Bytes::from_static(b"{}")).map_err(|never| match never {});
    let response = http::Response::new(body.boxed_unsync());
    let response = layer.layer(once(response)).oneshot(call()).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
}

/// A body without an end that panics when it is dropped.
struct Grudge;

impl Body for Grudge {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(EVENT.as_bytes())))))
    }
}

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_when_it_is_let_go_takes_no_other_with_it() {
    let layer = WatchdogLayer::new(S * 8);
    let (mut grudge, _) = answer(&layer, Grudge.boxed_unsync()).await;
    grudge.frame().await.unwrap().unwrap();
    let upstream = Endless::default();
    let (mut stalled, handle) = answer(&layer, upstream.body()).await;
    stalled.frame().await.unwrap().unwrap();
    sleep(S * 10).await;
    assert!(!upstream.is_held(), "the other one that stalled is let go");
    assert_eq!(handle.ending(), Some(&Ending::Stalled));
}

#[test]
fn a_layer_outlives_the_runtime_that_it_was_first_used_in() {
    let layer = WatchdogLayer::new(S);
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap()
    };
    let upstream = Endless::default();
    let open = async || {
        let (mut body, handle) = answer(&layer, upstream.body()).await;
        body.frame().await.unwrap().unwrap();
        (body, handle)
    };
    // Still open when its runtime is gone.
    let first = runtime().block_on(open());
    let second = runtime().block_on(async {
        let second = open().await;
        sleep(S * 2).await;
        second
    });
    assert!(!upstream.is_held(), "both are let go");
    for (_, handle) in [first, second] {
        assert_eq!(handle.ending(), Some(&Ending::Stalled));
    }
}
