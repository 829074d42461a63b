//! A chat API that answers by a script, under paused time.

#![allow(dead_code, reason = "no test uses all of it")]

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Ask, Dialect, Ending, EndingHandle, Scope};
use lastbyte_retry::{ReplayBody, RetryLayer};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, Service, ServiceExt};

pub(crate) const S: Duration = Duration::from_secs(1);
pub(crate) const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub(crate) const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
pub(crate) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const WHOLE: &str =
    r#"{"choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
pub(crate) const CUT: &str = r#"{"choices":[{"index":0,"message":{"content":"Hel"},"finish_reason":null}]}"#;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Data(&'static str),
    Wait(Duration),
    Reset,
}

pub(crate) struct Script {
    steps: std::vec::IntoIter<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    /// Dropped with the body.
    _alive: Arc<()>,
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                std::task::ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.next() {
                Some(Step::Data(data)) => {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))));
                }
                Some(Step::Reset) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Step::Wait(time)) => self.waiting = Some(Box::pin(sleep(time))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::default()
    }
}

/// One answer of the chat API.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Stream(Vec<Step>),
    Json(&'static str),
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    Error(io::ErrorKind),
    Silence,
}

/// A chat API that gives the answers in order, and keeps what it was asked.
#[derive(Clone)]
pub(crate) struct Chat(pub(crate) Arc<Mutex<Kept>>);

pub(crate) struct Kept {
    pub(crate) answers: VecDeque<Answer>,
    /// What it answers when those are used up.
    pub(crate) source: Option<Box<dyn FnMut() -> Answer + Send>>,
    pub(crate) asked: Vec<(Instant, Bytes)>,
    pub(crate) alive: Arc<()>,
}

impl Chat {
    pub(crate) fn new(answers: &[Answer]) -> Self {
        let answers = answers.iter().cloned().collect();
        Self(Arc::new(Mutex::new(Kept { answers, source: None, asked: Vec::new(), alive: Arc::new(()) })))
    }

    /// One that decides when it is asked.
    pub(crate) fn by(source: impl FnMut() -> Answer + Send + 'static) -> Self {
        let chat = Self::new(&[]);
        chat.0.lock().unwrap().source = Some(Box::new(source));
        chat
    }

    /// When it was asked, since `start`.
    pub(crate) fn times(&self, start: Instant) -> Vec<Duration> {
        self.0.lock().unwrap().asked.iter().map(|(at, _)| *at - start).collect()
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    /// How many bodies are held.
    pub(crate) fn alive(&self) -> usize {
        Arc::strong_count(&self.0.lock().unwrap().alive) - 1
    }
}

impl Service<Request<ReplayBody<Full<Bytes>>>> for Chat {
    type Response = Response<Script>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Script>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let (answer, alive) = {
                let mut kept = this.0.lock().unwrap();
                kept.asked.push((Instant::now(), body));
                let answer = match kept.answers.pop_front() {
                    Some(answer) => answer,
                    None => kept.source.as_mut().unwrap()(),
                };
                (answer, kept.alive.clone())
            };
            let script = |steps: Vec<Step>| Script { steps: steps.into_iter(), waiting: None, _alive: alive };
            let response = Response::builder();
            Ok(match answer {
                Answer::Silence => std::future::pending().await,
                Answer::Error(kind) => return Err(kind.into()),
                Answer::Stream(steps) => {
                    response.header("content-type", "text/event-stream").body(script(steps)).unwrap()
                }
                Answer::Json(json) => response
                    .header("content-type", "application/json")
                    .body(script(vec![Step::Data(json)]))
                    .unwrap(),
                Answer::Status(status, headers, text) => {
                    let response = headers
                        .iter()
                        .fold(response, |response, (name, value)| response.header(*name, *value));
                    response.status(status).body(script(vec![Step::Data(text)])).unwrap()
                }
            })
        })
    }
}

pub(crate) fn request(stream: bool) -> Request<Full<Bytes>> {
    let mut request = Request::post("/v1/chat/completions").body(Full::from("hello")).unwrap();
    let ask = Ask { dialect: Some(Dialect::OpenAiChat), stream: Some(stream), body: true };
    request.extensions_mut().insert(ask);
    request
}

pub(crate) fn layer() -> RetryLayer {
    RetryLayer::new().with_seed(1)
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
    pub(crate) error: Option<Ending>,
    pub(crate) ending: Option<Ending>,
}

pub(crate) async fn get(layer: RetryLayer, chat: &Chat, request: Request<Full<Bytes>>) -> Got {
    let response = layer.layer(chat.clone()).oneshot(request).await.unwrap();
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    let (head, body) = response.into_parts();
    let mut body = Box::pin(body);
    let (mut text, mut error) = (String::new(), None);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
            Err(broke) => error = Some(broke.ending().clone()),
        }
    }
    if head.status.is_success() {
        assert_eq!(handle.scope(), Scope::Answer);
    }
    Got { status: head.status, headers: head.headers, text, error, ending: handle.ending().cloned() }
}

pub(crate) fn whole() -> Answer {
    Answer::Stream(vec![Step::Data(ROLE), Step::Data(HEL), Step::Data(STOP)])
}
