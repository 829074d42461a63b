//! A chat API driven by hand: it answers when it is told to, and counts what is held of it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request};
use http_body_util::BodyExt;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tower::Service;

use crate::alive::{Alive, Held, What};
use crate::body::{Double, Feed, Item, Manner};
use crate::boxed::RequestBody;
use crate::violations::Violations;

/// The error of the chat API, which no layer may make another one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatError(pub usize);

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the chat API failed with number {}", self.0)
    }
}

impl std::error::Error for ChatError {}

/// One call, as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which one, from 0.
    pub number: usize,
    /// When.
    pub at: Instant,
    /// Its head.
    pub head: request::Parts,
    /// Its whole body.
    pub body: Bytes,
    /// What came behind the body.
    pub trailers: Option<HeaderMap>,
}

/// What comes back.
pub enum Reply {
    /// A head, and a body behind it.
    Answer(Response<()>, Manner, Vec<Item>),
    /// An error instead of a head.
    Error(ChatError),
    /// A panic instead of a head.
    Panic,
    /// Nothing.
    Silence,
}

/// The test's side of the chat API.
#[derive(Clone)]
pub struct Chat {
    /// What is held of it.
    pub alive: Alive,
    /// What was done to it that may not be done.
    pub violations: Violations,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    broken: Option<ChatError>,
    panics: bool,
    queue: Vec<Waker>,
    calls: Vec<Call>,
    waiting: VecDeque<Asked>,
    script: Option<Box<dyn FnMut(&Call) -> Reply + Send>>,
}

/// A call that waits to be answered by hand.
pub struct Asked {
    /// What came.
    pub call: Call,
    chat: Chat,
    reply: oneshot::Sender<Result<Response<Double>, ChatError>>,
}

impl Chat {
    /// A chat API that is ready, and answers by hand.
    pub fn new(violations: Violations) -> Self {
        Self { alive: Alive::default(), violations, shared: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The layers' side of it.
    pub fn service(&self) -> ChatService {
        ChatService { chat: self.clone(), place: None }
    }

    /// Lets a script answer from now on.
    pub fn script(&self, script: impl FnMut(&Call) -> Reply + Send + 'static) {
        self.state().script = Some(Box::new(script));
    }

    /// Whether it is ready for another call.
    pub fn open(&self, open: bool) {
        let queue = {
            let mut state = self.state();
            state.closed = !open;
            std::mem::take(&mut state.queue)
        };
        queue.into_iter().for_each(Waker::wake);
    }

    /// Never becomes ready again.
    pub fn break_down(&self, error: ChatError) {
        self.state().broken = Some(error);
    }

    /// Panics in the next call, before there is a future.
    pub fn panic_in_call(&self) {
        self.state().panics = true;
    }

    /// The calls so far whose whole request has come.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Waits for the next call that is to be answered by hand.
    pub async fn asked(&self) -> Asked {
        loop {
            let came = self.shared.asked.notified();
            if let Some(asked) = self.state().waiting.pop_front() {
                return asked;
            }
            came.await;
        }
    }

    /// The body of a request, which is counted.
    pub fn request_body(&self, items: Vec<Item>, manner: Manner) -> RequestBody {
        let held = self.alive.hold(What::Request);
        Double::new(items, manner, held, self.violations.clone()).0.boxed_unsync()
    }

    fn answer(&self, head: Response<()>, manner: Manner, items: Vec<Item>) -> (Response<Double>, Feed) {
        let held = self.alive.hold(What::Body);
        let (body, feed) = Double::new(items, manner, held, self.violations.clone());
        (head.map(|()| body), feed)
    }
}

impl Asked {
    /// A head; the body behind it is told what to do.
    pub fn head(self, head: Response<()>, manner: Manner) -> Feed {
        let (response, feed) = self.chat.answer(head, manner, Vec::new());
        let _ = self.reply.send(Ok(response));
        feed
    }

    /// An error instead of a head.
    pub fn error(self, error: ChatError) {
        let _ = self.reply.send(Err(error));
    }
}

/// The layers' side: it is as strict as a service may be.
pub struct ChatService {
    chat: Chat,
    place: Option<Held>,
}

impl Clone for ChatService {
    /// A clone has reserved nothing.
    fn clone(&self) -> Self {
        self.chat.service()
    }
}

impl Service<Request<RequestBody>> for ChatService {
    type Response = Response<Double>;
    type Error = ChatError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Double>, ChatError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ChatError>> {
        let mut state = self.chat.state();
        if let Some(error) = state.broken {
            return Poll::Ready(Err(error));
        }
        if state.closed {
            state.queue.push(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        if self.place.is_none() {
            self.place = Some(self.chat.alive.hold(What::Place));
        }
        Poll::Ready(Ok(()))
    }

    #[expect(clippy::panic, reason = "faults that were asked for")]
    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        if self.place.take().is_none() {
            self.chat.violations.add("a service was called that had not been made ready");
        }
        if std::mem::take(&mut self.chat.state().panics) {
            panic!("{}", crate::ON_PURPOSE);
        }
        let (chat, held) = (self.chat.clone(), self.chat.alive.hold(What::Call));
        Box::pin(async move {
            let _held = held;
            let at = Instant::now();
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| ChatError(usize::MAX))?;
            let trailers = body.trailers().cloned();
            let body = body.to_bytes();
            let (reply, answered) = {
                let mut state = chat.state();
                let call = Call { number: state.calls.len(), at, head, body, trailers };
                state.calls.push(call.clone());
                match state.script.take() {
                    Some(mut script) => {
                        // Not under the lock: a script may look at the chat API.
                        drop(state);
                        let reply = script(&call);
                        chat.state().script.get_or_insert(script);
                        (Some(reply), None)
                    }
                    None => {
                        let (reply, answered) = oneshot::channel();
                        state.waiting.push_back(Asked { call, chat: chat.clone(), reply });
                        (None, Some(answered))
                    }
                }
            };
            if let Some(answered) = answered {
                chat.shared.asked.notify_one();
                return answered.await.unwrap_or(Err(ChatError(usize::MAX)));
            }
            match reply {
                Some(Reply::Answer(head, manner, items)) => Ok(chat.answer(head, manner, items).0),
                Some(Reply::Error(error)) => Err(error),
                Some(Reply::Panic) => panic!("{}", crate::ON_PURPOSE),
                Some(Reply::Silence) | None => std::future::pending().await,
            }
        })
    }
}
