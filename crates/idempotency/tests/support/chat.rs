//! A chat API that answers by a script, and keeps what it was asked.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tower::Service;

const INVALID: io::ErrorKind = io::ErrorKind::InvalidData;

/// What a client wraps around the error of its TLS.
#[derive(Debug)]
struct Certificate(io::Error);

impl std::fmt::Display for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("handshake")
    }
}

impl std::error::Error for Certificate {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// One thing that an answer's body does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Wait(Duration),
    /// Nothing, until the test says so.
    Gate,
    Trailers,
    Reset,
    Panic,
}

#[derive(Clone, Debug)]
pub(crate) enum Head {
    Status(u16),
    Error(io::ErrorKind),
    /// A connection that did not come about because of the certificate.
    Distrusted,
    Panic,
    Silence,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) wait: Duration,
    pub(crate) head: Head,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

impl Answer {
    pub(crate) fn whole(status: u16, body: &str) -> Self {
        let steps = vec![Step::Data(Bytes::copy_from_slice(body.as_bytes()))];
        Self { wait: Duration::ZERO, head: Head::Status(status), headers: Vec::new(), steps }
    }

    pub(crate) fn stream(steps: Vec<Step>) -> Self {
        let headers = vec![("content-type".into(), "text/event-stream".into())];
        Self { wait: Duration::ZERO, head: Head::Status(200), headers, steps }
    }

    pub(crate) fn none(head: Head) -> Self {
        Self { wait: Duration::ZERO, head, headers: Vec::new(), steps: Vec::new() }
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) head: request::Parts,
    pub(crate) body: Bytes,
}

type Source = Box<dyn FnMut(&Call) -> Answer + Send>;

struct Shared {
    source: Source,
    calls: Vec<Call>,
    /// Held by every call and body.
    alive: Arc<()>,
}

/// The chat API.
#[derive(Clone)]
pub(crate) struct Chat {
    shared: Arc<Mutex<Shared>>,
    /// How many gates are open.
    gates: watch::Sender<usize>,
    asked: watch::Sender<usize>,
}

impl Chat {
    /// One that gives the answers in order, and fails the test behind the last.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        Self::by(move |_| answers.pop_front().unwrap_or_else(|| Answer::whole(418, "asked too often")))
    }

    /// One that decides when it is asked.
    pub(crate) fn by(source: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        let shared = Shared { source: Box::new(source), calls: Vec::new(), alive: Arc::new(()) };
        let (gates, asked) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { shared: Arc::new(Mutex::new(shared)), gates, asked }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.lock().calls.len()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn until_asked(&self, calls: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= calls).await.unwrap();
    }

    /// Lets everything that waits at a gate pass one.
    pub(crate) fn open(&self) {
        self.gates.send_modify(|gates| *gates += 1);
    }

    /// How many calls and bodies are held.
    pub(crate) fn held(&self) -> usize {
        Arc::strong_count(&self.lock().alive) - 1
    }
}

/// A call or a body that is held.
struct Held(#[allow(dead_code, reason = "counted")] Arc<()>);

impl<A> Service<Request<A>> for Chat
where
    A: Body<Data = Bytes> + Send + 'static,
    A::Error: std::fmt::Debug,
{
    type Response = Response<Script>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Script>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let shared = self.shared.clone();
        let held = Held(self.lock().alive.clone());
        let (gates, asked) = (self.gates.subscribe(), self.asked.clone());
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let answer = {
                let mut shared = shared.lock().unwrap();
                let call = Call { head, body };
                shared.calls.push(call.clone());
                (shared.source)(&call)
            };
            asked.send_modify(|asked| *asked += 1);
            if !answer.wait.is_zero() {
                sleep(answer.wait).await;
            }
            let status = match answer.head {
                Head::Status(status) => status,
                Head::Error(kind) => return Err(kind.into()),
                Head::Distrusted => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionRefused,
                        Certificate(INVALID.into()),
                    ));
                }
                Head::Panic => panic!("on purpose"),
                Head::Silence => std::future::pending().await,
            };
            let mut response = Response::builder().status(status);
            for (name, value) in answer.headers {
                response = response.header(name, value);
            }
            let (steps, waiting) = (answer.steps.into_iter(), None);
            Ok(response.body(Script { steps, waiting, gates, passed: 0, _held: held }).unwrap())
        })
    }
}

/// The body of an answer.
pub(crate) struct Script {
    steps: std::vec::IntoIter<Step>,
    waiting: Option<Waiting>,
    gates: watch::Receiver<usize>,
    passed: usize,
    _held: Held,
}

enum Waiting {
    Time(Pin<Box<Sleep>>),
    Gate(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match &mut self.waiting {
                Some(Waiting::Time(time)) => ready!(time.as_mut().poll(cx)),
                Some(Waiting::Gate(gate)) => ready!(gate.as_mut().poll(cx)),
                None => {}
            }
            self.waiting = None;
            match self.steps.next() {
                Some(Step::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Wait(time)) => self.waiting = Some(Waiting::Time(Box::pin(sleep(time)))),
                Some(Step::Gate) => {
                    self.passed += 1;
                    let (mut gates, passed) = (self.gates.clone(), self.passed);
                    self.waiting = Some(Waiting::Gate(Box::pin(async move {
                        let _ = gates.wait_for(|open| *open >= passed).await;
                    })));
                }
                Some(Step::Trailers) => {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-checksum", "1".parse().unwrap());
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Some(Step::Reset) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Step::Panic) => panic!("on purpose"),
                None => return Poll::Ready(None),
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
