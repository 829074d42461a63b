//! A chat API whose events say when they were sent, and who reads them. It has a thread and a runtime of its
//! own, in this process, so that both go by one clock.

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
use memchr::memmem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{Done, runtime};

/// How many digits a stamp has: microseconds since the epoch of a [`Stamping`].
const DIGITS: usize = 12;

/// Before a stamp.
const CONTENT: &[u8] = b"\"content\":\"";

/// The last event of a whole answer.
const DONE: &[u8] = b"data: [DONE]\n\n";

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    /// The answer to a request with this body, with stamps that count from that moment.
    pub(crate) answer: fn(&[u8], Instant) -> Done<Body>,
    /// What a connection keeps that is not taken yet, in bytes; `None`: what hyper keeps.
    pub(crate) buffer: Option<usize>,
}

/// It runs; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Stamping {
    pub(crate) url: String,
    /// What stamps count from.
    pub(crate) epoch: Instant,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stamping {
    pub(crate) fn start(answers: Answers) -> Done<Self> {
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
                    () = accept(listener, answers, epoch) => {}
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{}", told.recv()??);
        Ok(Self { url, epoch, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Stamping {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, answers: Answers, epoch: Instant) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, answers, epoch));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, answers: Answers, epoch: Instant) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, answers, epoch));
    let mut builder = http1::Builder::new();
    if let Some(buffer) = answers.buffer {
        builder.max_buf_size(buffer);
    }
    // Readers that leave break their connections.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, answers: Answers, epoch: Instant) -> Done<Response<Body>> {
    let body = request.into_body().collect().await?.to_bytes();
    let body = (answers.answer)(&body, epoch)?;
    Ok(Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body)?)
}

pub(crate) fn framed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

/// How a paced answer goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) first_event: Duration,
    pub(crate) interval: Duration,
    pub(crate) events: u32,
}

impl Pace {
    /// The events from now on: each is what `event` makes of the stamp that has to stand at its beginning.
    pub(crate) fn events(
        self,
        epoch: Instant,
        event: fn(&str) -> String,
    ) -> impl Stream<Item = Bytes> + Send {
        let asked = Instant::now();
        stream::iter(0..self.events).then(move |number| async move {
            sleep_until(asked + self.first_event + self.interval * number).await;
            let now = epoch.elapsed().as_micros();
            Bytes::from(event(&format!("{now:0DIGITS$}")))
        })
    }
}

/// Finds the stamps in an answer, wherever its pieces are cut.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    bytes: Vec<u8>,
    pub(crate) found: usize,
}

impl Stamps {
    /// How late the events are that are whole with `data`, in seconds.
    pub(crate) fn push(&mut self, data: &[u8], now: Duration) -> Vec<f64> {
        self.bytes.extend_from_slice(data);
        let (mut late, mut done) = (Vec::new(), 0);
        while let Some(at) = memmem::find(&self.bytes[done..], CONTENT) {
            let begin = done + at + CONTENT.len();
            let Some(digits) = self.bytes.get(begin..begin + DIGITS) else { break };
            // The chunk with the finish reason has no text.
            let digits = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            late.extend(digits.map(|sent| now.saturating_sub(Duration::from_micros(sent)).as_secs_f64()));
            done = begin;
        }
        self.bytes.drain(..done);
        self.found += late.len();
        late
    }

    /// Whether what came ends as a whole answer does.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.ends_with(DONE)
    }
}
