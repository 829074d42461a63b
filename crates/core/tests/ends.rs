//! Ends of a watched body that are no `None`: trailers, a panic, an error that others have boxed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Ask, BodyError, Cause, Ending, EndingHandle, TransportEnd, Watch, Watched};

const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";

fn watched<B>(path: &str, body: B) -> (Watched<B>, EndingHandle)
where
    B: Body<Data = Bytes, Error = Infallible>,
{
    let response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
    let response = Watch::default().strict().response(&Ask::from_path(path), response);
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    (response.into_body(), handle)
}

fn with_trailers(text: &'static str) -> impl Body<Data = Bytes, Error = Infallible> {
    Full::new(Bytes::from(text)).with_trailers(async { Some(Ok(HeaderMap::new())) })
}

#[tokio::test]
async fn trailers_end_a_body_and_do_not_make_a_cut_stream_whole() {
    let (mut body, handle) = watched("/v1/chat/completions", Box::pin(with_trailers(HEL)));
    assert!(body.frame().await.unwrap().unwrap().is_data());
    assert_eq!(handle.ending(), None);
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.ending(), &Ending::Truncated { cause: Cause::Eof, by_caller: false });

    let (mut body, handle) = watched("/v1/other", Box::pin(with_trailers("la")));
    body.frame().await;
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    assert_eq!(handle.ending(), Some(&Ending::Opaque { ok: true }), "hyper asks for nothing behind them");
}

struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a panic on purpose");
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[test]
fn a_body_that_panicked_was_interrupted_and_not_abandoned() {
    let (mut body, handle) = watched("/v1/chat/completions", Panics);
    let mut poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err());
    // Somebody further out has caught the panic, and drops the body in peace.
    drop(body);
    assert_eq!(handle.ending(), Some(&Ending::Interrupted));
}

/// What a framework makes of the errors of a body between two of its layers.
#[derive(Debug)]
struct Boxed(BodyError);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("boxed")
    }
}

impl Error for Boxed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_that_was_boxed_on_its_way_still_says_what_the_reader_knows() {
    let told = Boxed(BodyError::new(Ending::Interrupted).told());
    assert_eq!(BodyError::find(&told).map(BodyError::ending), Some(&Ending::Interrupted));
    assert!(BodyError::with_source(Ending::Interrupted, told).is_told());
    let untold = Boxed(BodyError::new(Ending::Interrupted));
    assert!(!BodyError::with_source(Ending::Interrupted, untold).is_told());
}

#[test]
fn behind_an_event_that_is_too_large_nothing_counts_any_more() {
    let (head, ()) =
        Response::builder().header("content-type", "text/event-stream").body(()).unwrap().into_parts();
    let mut judge = Watch::default().max_event(80).judge(&Ask::from_path("/v1/chat/completions"), &head);
    let long = format!("data: {}\n\n", "a".repeat(100));
    assert_eq!(judge.chunk(&Bytes::from(long)), Some(0));
    judge.chunk(&Bytes::from("data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\n"));
    let too_large = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
    assert_eq!(judge.end(TransportEnd::Clean), too_large);
}
