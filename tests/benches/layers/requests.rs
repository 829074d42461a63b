//! Requests as hyper parses them, and a chat API that answers them at once.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Service;

/// Twelve headers, as OpenAI's Python SDK sends them.
const HEAD: &str = "host: api.example.com\r\n\
    accept: application/json\r\n\
    accept-encoding: gzip, deflate\r\n\
    content-type: application/json\r\n\
    content-length: 4096\r\n\
    user-agent: OpenAI/Python 1.99.9\r\n\
    authorization: Bearer sk-0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEF\r\n\
    x-stainless-lang: python\r\n\
    x-stainless-package-version: 1.99.9\r\n\
    x-stainless-os: Linux\r\n\
    x-stainless-runtime: CPython\r\n\
    x-stainless-retry-count: 0\r\n\r\n";

pub(crate) const HEADERS: usize = 12;
pub(crate) const BODY: usize = 4096;

/// One request that really came over a connection: its header values are slices of what hyper read.
pub(crate) fn parse(runtime: &tokio::runtime::Runtime, path: &str) -> Request<Full<Bytes>> {
    let parsed = Arc::new(Mutex::new(None));
    let kept = parsed.clone();
    runtime.block_on(async move {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let kept = kept.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                *kept.lock().unwrap() = Some(Request::from_parts(head, Full::new(body)));
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
            }
        });
        let serve = hyper::server::conn::http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(server), service);
        let talk = async {
            let head = format!("POST {path} HTTP/1.1\r\n{HEAD}");
            client.write_all(head.as_bytes()).await.unwrap();
            client.write_all(&[b'x'; BODY]).await.unwrap();
            client.read_to_end(&mut Vec::new()).await.unwrap();
        };
        let (served, ()) = futures_util::join!(serve, talk);
        served.unwrap();
    });
    let request = parsed.lock().unwrap().take().unwrap();
    assert_eq!((request.headers().len(), request.extensions().len()), (HEADERS, 0));
    request
}

/// Something that an HTTP client puts into the extensions of its responses.
#[derive(Clone, Copy, Debug)]
struct Remote(#[allow(dead_code, reason = "there for its size")] std::net::SocketAddr);

/// What the chat API answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
    /// Whether the response carries an extension already, as those of hyper-util's client do.
    pub(crate) extensions: bool,
    /// Whether the head and the body are each waited for once, as real ones are.
    pub(crate) waits: bool,
}

impl Answer {
    pub(crate) fn response(self) -> Response<Paced> {
        let mut response = Response::new(Paced { body: Full::from(self.text), waits: self.waits });
        let content_type = http::HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
        if self.extensions {
            response.extensions_mut().insert(Remote(([127, 0, 0, 1], 443).into()));
        }
        response
    }
}

/// A body of one frame, which may have to be waited for.
#[derive(Debug)]
pub(crate) struct Paced {
    body: Full<Bytes>,
    waits: bool,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.waits) { Poll::Pending } else { Pin::new(&mut self.body).poll_frame(cx) }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

thread_local! {
    // Made before a batch, so that making them is not measured.
    static ANSWERS: RefCell<Vec<Response<Paced>>> = const { RefCell::new(Vec::new()) };
}

/// The responses for the next batch.
pub(crate) fn prepare(answers: impl Iterator<Item = Response<Paced>>) {
    ANSWERS.with_borrow_mut(|ready| ready.extend(answers));
}

/// The bare service: reads the body of the request and gives a response that is there already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare;

impl<A: Body<Data = Bytes>> Service<Request<A>> for Bare {
    type Response = Response<Paced>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Answering {
        drain(request.into_body());
        let response = ANSWERS.with_borrow_mut(Vec::pop).unwrap();
        Answering { waits: response.body().waits, response: Some(response) }
    }
}

/// A response on its way.
#[derive(Debug)]
pub(crate) struct Answering {
    waits: bool,
    response: Option<Response<Paced>>,
}

impl Future for Answering {
    type Output = Result<Response<Paced>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.waits) {
            Poll::Pending
        } else {
            Poll::Ready(Ok(self.response.take().unwrap()))
        }
    }
}

/// Reads a body to its end, as hyper does: not beyond a frame behind which it says that nothing comes.
pub(crate) fn drain(body: impl Body) {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => drop(std::hint::black_box(frame)),
            Poll::Ready(_) => break,
            Poll::Pending => {}
        }
    }
}
