//! The wait between the error event and the failed transport.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use http_body_util::Channel;
use lastbyte_core::{BodyError, BoxError, Cause, Ending, Flushed, Flusher};
use lastbyte_guard::{SealBody, SealLayer};
use support::{HEL, Script, Step, event_stream, request};
use tower::{Layer, ServiceExt, service_fn};

/// A broken answer on a connection that is driven by hand.
struct Broken<B> {
    body: Pin<Box<SealBody<B>>>,
    connection: Flusher,
}

enum Came {
    Data(Bytes),
    Waits,
    Failed(BodyError),
    End,
}

impl Broken<Script> {
    /// Cut behind one event.
    async fn on(version: Version, layer: SealLayer) -> Self {
        Self::of(version, layer, event_stream(&[Step::Data(HEL)])).await
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Broken<B> {
    async fn of(version: Version, layer: SealLayer, response: Response<B>) -> Self {
        let (connection, flushed) = Flushed::new();
        let mut request = request();
        *request.version_mut() = version;
        request.extensions_mut().insert(flushed);
        let mut response = Some(response);
        let chat = service_fn(move |_: Request<()>| {
            let response = response.take().unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let response = layer.layer(chat).oneshot(request).await.unwrap();
        Self { body: Box::pin(response.into_body()), connection }
    }

    fn poll(&mut self) -> Came {
        match self.body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Came::Waits,
            Poll::Ready(None) => Came::End,
            Poll::Ready(Some(Ok(frame))) => Came::Data(frame.into_data().unwrap()),
            Poll::Ready(Some(Err(error))) => Came::Failed(error),
        }
    }

    #[track_caller]
    fn data(&mut self) -> Bytes {
        match self.poll() {
            Came::Data(data) => data,
            _ => panic!("no data"),
        }
    }

    fn turn(&self, full: bool) {
        self.connection.begin(&mut Context::from_waker(Waker::noop()));
        self.connection.writing();
        if !full {
            self.connection.flushed();
        }
        self.connection.end();
    }
}

#[tokio::test(start_paused = true)]
async fn the_transport_fails_only_once_the_event_was_written() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut broken = Broken::on(version, SealLayer::new()).await;
        assert_eq!(broken.data(), HEL);
        let mut event = broken.data().to_vec();
        if version == Version::HTTP_2 {
            let last = broken.data();
            assert_eq!(last, "\n", "a single byte, which says that there is window for all before it");
            event.extend_from_slice(&last);
        }
        assert!(event.starts_with(b"data: {\"error\":") && event.ends_with(b"}\n\n"));
        // The turn that is under way when the event was taken in may have begun before it.
        broken.connection.begin(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(broken.poll(), Came::Waits));
        broken.connection.end();
        assert!(matches!(broken.poll(), Came::Waits));
        broken.turn(true);
        assert!(matches!(broken.poll(), Came::Waits), "the transport is full");
        broken.turn(false);
        assert!(matches!(broken.poll(), Came::Waits), "the reader may read it");
        tokio::time::advance(Duration::from_millis(501)).await;
        let Came::Failed(error) = broken.poll() else { panic!("it goes on waiting") };
        assert_eq!(error.ending(), &Ending::Truncated { cause: Cause::Eof, by_caller: false });
        assert!(matches!(broken.poll(), Came::End));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_waited_for_so_long() {
    let timeout = Duration::from_secs(30);
    let mut broken = Broken::on(Version::HTTP_11, SealLayer::new().with_stall_timeout(timeout)).await;
    broken.data();
    broken.data();
    for _ in 0..29 {
        broken.turn(true);
        assert!(matches!(broken.poll(), Came::Waits));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(matches!(broken.poll(), Came::Waits));
    tokio::time::advance(Duration::from_millis(1001)).await;
    assert!(matches!(broken.poll(), Came::Failed(_)));
}

#[tokio::test(start_paused = true)]
async fn without_the_seal_there_is_nothing_to_wait_for() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut broken = Broken::on(version, SealLayer::new().with_seal(false)).await;
        assert_eq!(broken.data(), HEL);
        assert!(broken.data().ends_with(b"}\n\n"));
        assert!(matches!(broken.poll(), Came::End));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_told_already_is_only_waited_for() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (mut sender, body) = Channel::<Bytes, BodyError>::new(4);
        let response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
        let mut broken = Broken::of(version, SealLayer::new(), response).await;
        sender.send_data(Bytes::from_static(HEL.as_bytes())).await.unwrap();
        assert_eq!(broken.data(), HEL);
        sender.abort(BodyError::new(Ending::Interrupted).told());
        if version == Version::HTTP_2 {
            // Whether there is window for what told it can only be seen behind it.
            assert_eq!([broken.data(), broken.data()], [": ping", "\n"]);
        }
        assert!(matches!(broken.poll(), Came::Waits));
        broken.turn(false);
        assert!(matches!(broken.poll(), Came::Waits), "the reader may read it");
        tokio::time::advance(Duration::from_millis(501)).await;
        assert!(matches!(broken.poll(), Came::Failed(error) if error.is_told()));
    }
}
