//! A body that follows a script, under paused time.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use lastbyte_core::{Ask, BodyError, Dialect, EndingHandle};
use tokio::time::{Sleep, sleep};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Data(&'static str),
    Wait(Duration),
    Reset,
    Panic,
    Silence,
}

pub(crate) struct Script {
    steps: std::vec::IntoIter<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Script {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps: steps.into_iter(), waiting: None }
    }
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
            return match self.steps.next() {
                Some(Step::Data(data)) => {
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))))
                }
                Some(Step::Wait(time)) => {
                    self.waiting = Some(Box::pin(sleep(time)));
                    continue;
                }
                Some(Step::Reset) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Step::Panic) => panic!("a fault put in on purpose"),
                Some(Step::Silence) => {
                    self.waiting = Some(Box::pin(sleep(Duration::from_secs(1_000_000))));
                    continue;
                }
                None => Poll::Ready(None),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::default()
    }
}

pub(crate) const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub(crate) const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
pub(crate) const LO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n";
pub(crate) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const DONE: &str = "data: [DONE]\n\n";

pub(crate) fn event_stream(steps: &[Step]) -> Response<Script> {
    Response::builder().header("content-type", "text/event-stream").body(Script::new(steps.to_vec())).unwrap()
}

pub(crate) fn request() -> Request<()> {
    let mut request = Request::post("/v1/chat/completions").body(()).unwrap();
    request.extensions_mut().insert(Ask {
        dialect: Some(Dialect::OpenAiChat),
        stream: Some(true),
        body: true,
    });
    request
}

pub(crate) struct Read {
    pub(crate) text: String,
    pub(crate) error: Option<BodyError>,
    pub(crate) handle: EndingHandle,
}

/// Reads an answer to its end.
pub(crate) async fn read<B>(response: Response<B>) -> Read
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
    let mut body = Box::pin(response.into_body());
    let (mut text, mut error) = (String::new(), None);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
            Err(told) => {
                error = Some(told);
                break;
            }
        }
    }
    assert!(error.is_none() || body.frame().await.is_none(), "an error is the end");
    drop(body);
    Read { text, error, handle }
}
