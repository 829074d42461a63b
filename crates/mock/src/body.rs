use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::stats::Running;

/// One step of an answer.
#[derive(Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Wait(Duration),
    Reset,
    Panic,
}

/// An answer that goes step by step; dropped before its end it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Steps {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    running: Option<Running>,
    whole: bool,
}

impl Steps {
    pub(crate) fn new(steps: VecDeque<Step>, running: Option<Running>, whole: bool) -> Self {
        Self { steps, waiting: None, running, whole }
    }

    pub(crate) fn one(data: impl Into<Bytes>) -> Self {
        Self::new([Step::Data(data.into())].into(), None, true)
    }

    /// The same as a part of `running`, which it ends.
    pub(crate) fn run(mut self, running: Running) -> Self {
        self.running = Some(running);
        self
    }

    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            if self.whole { running.whole() } else { running.other() }
        }
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = io::Error;

    #[expect(clippy::panic, reason = "a fault that was asked for")]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.pop_front() {
                Some(Step::Data(data)) => {
                    if self.steps.is_empty() {
                        // Where a length was announced the end is not asked for.
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Step::Wait(time)) => self.waiting = Some(Box::pin(sleep(time))),
                Some(Step::Reset) => {
                    self.end();
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
                Some(Step::Panic) => {
                    self.end();
                    panic!("a panic on demand");
                }
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (self.steps.len(), self.steps.front()) {
            (0, _) => SizeHint::with_exact(0),
            (1, Some(Step::Data(data))) => SizeHint::with_exact(data.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
