//! What a layer adds to one frame of a long answer.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use lastbyte::core::{Ask, Watch};
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::retry::RetryLayer;
use tower::{Service, ServiceBuilder};

use crate::events;
use crate::rounds::{Subject, sample};

const FRAMES: usize = 512;

pub(crate) const BARE: &str = "bare body";
pub(crate) const WATCHED: &str = "watched (scan and judge)";
pub(crate) const GUARD: &str = "guard";

/// How a body comes, and whether it is scanned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// An event stream of a known format, one event a frame; else bytes that nobody reads.
    pub(crate) scanned: bool,
    /// Every frame is waited for, as from a real upstream; else all of them are there.
    pub(crate) waits: bool,
}

/// A body of so many equal frames.
#[derive(Clone)]
struct Frames {
    chunk: Bytes,
    left: usize,
    waits: bool,
    waited: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.waits {
            self.waited = !self.waited;
            if self.waited {
                return Poll::Pending;
            }
        }
        match self.left.checked_sub(1) {
            None => Poll::Ready(None),
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A chat API that answers with such a body.
#[derive(Clone)]
struct Chat(Kind, Bytes);

impl<A> Service<Request<A>> for Chat {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Frames>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<A>) -> Self::Future {
        let Self(kind, chunk) = self;
        // One more than is measured: what a layer reads to judge the head is not left out of the body.
        let frames = Frames { chunk: chunk.clone(), left: FRAMES + 2, waits: kind.waits, waited: false };
        let content_type = if kind.scanned { "text/event-stream" } else { "application/octet-stream" };
        let response = Response::builder().header(header::CONTENT_TYPE, content_type);
        ready(Ok(response.body(frames).unwrap()))
    }
}

pub(crate) fn subjects(kind: Kind) -> Vec<Subject> {
    let chat = Chat(kind, events::openai(1));
    let mut all = vec![subject(BARE, kind, chat.clone())];
    if kind.scanned {
        let watched = chat.clone();
        let watched = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
            let answer = watched.clone().call(request).into_inner();
            ready(answer.map(|response| Watch::default().strict().response(&ask, response)))
        });
        all.push(subject(WATCHED, kind, watched));
    }
    let stack = ServiceBuilder::new().layer(SealLayer::new()).layer(RetryLayer::new());
    all.extend([
        subject(GUARD, kind, ServiceBuilder::new().layer(GuardLayer::new()).service(chat.clone())),
        subject("seal", kind, ServiceBuilder::new().layer(SealLayer::new()).service(chat.clone())),
        subject("retry", kind, ServiceBuilder::new().layer(RetryLayer::new()).service(chat.clone())),
        subject("seal + retry + guard", kind, stack.layer(GuardLayer::new()).service(chat)),
    ]);
    all
}

fn subject<S, B>(name: &str, kind: Kind, mut service: S) -> Subject
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + 'static,
    B: Body,
{
    Subject::new(name, move || {
        let path = if kind.scanned { "/v1/chat/completions" } else { "/v1/audio/speech" };
        let mut body = pin!(begin(&mut service, path));
        let mut cx = Context::from_waker(Waker::noop());
        let mut frame = || loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Pending => {}
                Poll::Ready(Some(Ok(frame))) => return drop(black_box(frame)),
                Poll::Ready(_) => panic!("the body has more frames"),
            }
        };
        // What was held back for the head's sake.
        frame();
        sample(FRAMES, || (0..FRAMES).for_each(|_| frame()))
    })
}

/// The body of an answer whose head has come.
fn begin<S, B>(service: &mut S, path: &str) -> B
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
{
    let request = Request::post(path).body(Full::default()).unwrap();
    let mut future = pin!(service.call(request));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(response)) => return response.into_body(),
            Poll::Ready(Err(_)) => panic!("the chat API answers"),
            Poll::Pending => {}
        }
    }
}
