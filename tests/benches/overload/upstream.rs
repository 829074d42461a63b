//! A chat API that pushes 50 MB at whoever asks for them, and paces the answers of the others: the mock makes
//! an answer as a whole before it sends it, which is too much for hundreds of this size.
//!
//! It has a thread and a runtime of its own.

use std::convert::Infallible;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::support::{Done, runtime};

/// How large an answer is that is pushed, in bytes.
const PUSHED: usize = 50 << 20;

/// As many bytes at once.
const PIECE: usize = 16 << 10;

/// What a connection keeps that is not taken yet.
const BUFFER: usize = 64 << 10;

/// What a question begins with that is answered by a push; behind it the size of an event.
const PUSH: &str = "push ";

/// How a paced answer goes.
pub(crate) const FIRST_EVENT: Duration = Duration::from_millis(50);
pub(crate) const INTERVAL: Duration = Duration::from_millis(300);
pub(crate) const EVENTS: u32 = 12;

/// How many digits a stamp has: microseconds since the epoch of a [`Pushing`].
pub(crate) const DIGITS: usize = 12;

/// What fills a paced event up to about 240 bytes.
const FILL: usize = 120;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The question that is answered by 50 MB in events of about that size.
pub(crate) fn push(event: usize) -> String {
    format!("{PUSH}{event}")
}

/// It runs; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Pushing {
    pub(crate) url: String,
    /// What the stamps in paced answers count from.
    pub(crate) epoch: Instant,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pushing {
    pub(crate) fn start() -> Done<Self> {
        let epoch = Instant::now();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let bound = runtime().and_then(|runtime| {
                let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
                let addr = listener.local_addr()?;
                Ok((runtime, listener, addr))
            });
            let (runtime, listener) = match bound {
                Ok((runtime, listener, addr)) => {
                    let _ = tell.send(Ok(addr));
                    (runtime, listener)
                }
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, epoch) => {}
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{}", told.recv()??);
        Ok(Self { url, epoch, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, epoch: Instant) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, epoch));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, epoch: Instant) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, epoch));
    let mut builder = http1::Builder::new();
    // Readers that leave break their connections.
    let _ = builder.max_buf_size(BUFFER).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, epoch: Instant) -> Done<Response<Body>> {
    let body = request.into_body().collect().await?.to_bytes();
    let asked: serde_json::Value = serde_json::from_slice(&body)?;
    let question = asked["messages"][0]["content"].as_str().unwrap_or_default();
    let body = match question.strip_prefix(PUSH) {
        Some(size) => framed(pushed(size.parse()?)),
        None => framed(paced(Instant::now(), epoch)),
    };
    Ok(Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body)?)
}

fn framed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

fn event(text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\
         \"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn pushed(size: usize) -> impl Stream<Item = Bytes> + Send {
    let empty = event("", "null").len();
    let one = event(&"x".repeat(size.saturating_sub(empty).max(1)), "null");
    let piece = Bytes::from(one.repeat((PIECE / one.len()).max(1)));
    let times = PUSHED / piece.len();
    stream::repeat(piece).take(times).chain(end())
}

/// Each event begins with when it was sent.
fn paced(asked: Instant, epoch: Instant) -> impl Stream<Item = Bytes> + Send {
    let events = stream::iter(0..EVENTS).then(move |number| async move {
        sleep_until(asked + FIRST_EVENT + INTERVAL * number).await;
        let now = epoch.elapsed().as_micros();
        Bytes::from(event(&format!("{now:0DIGITS$}{}", "x".repeat(FILL)), "null"))
    });
    events.chain(end())
}

fn end() -> impl Stream<Item = Bytes> + Send {
    stream::iter([Bytes::from(event("", "\"stop\"") + "data: [DONE]\n\n")])
}
