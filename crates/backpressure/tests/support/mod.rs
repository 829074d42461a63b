//! Upstreams that do what they are told.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::panic, reason = "on purpose")]

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Empty};
use lastbyte_core::{Ask, BoxError, Dialect};
use tower::util::BoxCloneService;

pub(crate) const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
pub(crate) const WHOLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Api = BoxCloneService<Request<Empty<Bytes>>, Response<AnswerBody>, BoxError>;

pub(crate) fn stream(body: AnswerBody) -> Response<AnswerBody> {
    Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body).unwrap()
}

/// Answers one call so.
pub(crate) fn once(response: Response<AnswerBody>) -> Api {
    let response = Arc::new(Mutex::new(Some(response)));
    api(move || response.lock().unwrap().take().unwrap())
}

/// Answers each call so.
pub(crate) fn api(answer: impl Fn() -> Response<AnswerBody> + Clone + Send + 'static) -> Api {
    BoxCloneService::new(tower::service_fn(move |_: Request<Empty<Bytes>>| {
        let answer = answer();
        async move { Ok(answer) }
    }))
}

pub(crate) fn call() -> Request<Empty<Bytes>> {
    let mut request = Request::post("http://api.test/v1/chat/completions").body(Empty::new()).unwrap();
    request.extensions_mut().insert(Ask {
        dialect: Some(Dialect::OpenAiChat),
        stream: Some(true),
        body: true,
    });
    request
}

/// A body that is fed by hand. Its stream ends when the sender is dropped.
pub(crate) fn channel() -> (Sender, AnswerBody) {
    let (sender, body) = Channel::<Bytes, BoxError>::new(16);
    (Sender(Mutex::new(sender)), body.boxed_unsync())
}

pub(crate) struct Sender(Mutex<http_body_util::channel::Sender<Bytes, BoxError>>);

impl Sender {
    pub(crate) async fn send(&self, text: &'static str) {
        let sent = self.0.lock().unwrap().try_send(Frame::data(Bytes::from(text)));
        assert!(sent.is_ok());
        tokio::task::yield_now().await;
    }
}

/// Events without an end, as fast as anybody takes them.
#[derive(Clone, Default)]
pub(crate) struct Endless {
    held: Arc<()>,
    produced: Arc<AtomicUsize>,
}

impl Endless {
    pub(crate) fn body(&self) -> AnswerBody {
        EndlessBody { _held: self.held.clone(), produced: self.produced.clone() }.boxed_unsync()
    }

    /// Whether a body of it is still there.
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.held) > 1
    }

    pub(crate) fn produced(&self) -> usize {
        self.produced.load(Ordering::Relaxed)
    }
}

struct EndlessBody {
    _held: Arc<()>,
    produced: Arc<AtomicUsize>,
}

impl Body for EndlessBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.produced.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(EVENT.as_bytes())))))
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A body that panics.
pub(crate) fn panicking() -> AnswerBody {
    struct Panics;

    impl Body for Panics {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("a panic on purpose")
        }

        fn is_end_stream(&self) -> bool {
            false
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::default()
        }
    }

    Panics.boxed_unsync()
}
