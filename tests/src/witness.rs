//! A witness between every two layers: it changes nothing, and tells of what no layer may do to the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use lastbyte::core::{BodyError, BoxError, EndingHandle};
use pin_project_lite::pin_project;
use tower::Service;

use crate::boxed::{AnswerBody, Boxed, RequestBody};
use crate::chat::ChatError;
use crate::violations::Violations;

/// The place behind one layer.
#[derive(Clone, Debug)]
pub struct Border {
    /// The layer further in.
    pub behind: &'static str,
    /// Whether no layer stands further out: a test may poll as it likes.
    pub outermost: bool,
    /// Where violations go.
    pub violations: Violations,
    /// The endings that were handed out here, one for each answer.
    pub endings: Arc<Mutex<Vec<EndingHandle>>>,
}

impl Border {
    fn tell(&self, what: &str) {
        self.violations.add(format!("behind {}: {what}", self.behind));
    }
}

/// The service of a [`Border`].
#[derive(Clone, Debug)]
pub struct Witness {
    inner: Boxed,
    border: Border,
}

impl Witness {
    /// Watches what comes out of `inner`.
    pub fn new(inner: Boxed, border: Border) -> Self {
        Self { inner, border }
    }
}

impl Service<Request<RequestBody>> for Witness {
    type Response = Response<WitnessBody>;
    type Error = ChatError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<WitnessBody>, ChatError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ChatError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let is_head = *request.method() == Method::HEAD;
        let border = self.border.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            match response.extensions().get::<EndingHandle>() {
                Some(handle) => {
                    border.endings.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
                }
                None => border.tell("an answer without an ending"),
            }
            let told = response.headers().get(header::CONTENT_LENGTH);
            let told = told.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if let (Some(told), Some(exact), false) = (told, response.body().size_hint().exact(), is_head)
                && told != exact
            {
                border.tell("a content-length that is not the length of the body");
            }
            Ok(response.map(|inner| WitnessBody { inner, border, seen: Seen::default() }))
        })
    }
}

pin_project! {
    /// The body that a [`Witness`] watches.
    pub struct WitnessBody {
        #[pin]
        inner: AnswerBody,
        border: Border,
        seen: Seen,
    }
}

#[derive(Debug, Default)]
struct Seen {
    bytes: u64,
    /// What the hints have promised of the whole.
    least: u64,
    most: Option<u64>,
    trailers: bool,
    said_over: bool,
    over: bool,
}

impl Seen {
    fn hint(&mut self, hint: &SizeHint) {
        self.least = self.least.max(self.bytes + hint.lower());
        if let Some(upper) = hint.upper() {
            let most = self.bytes + upper;
            self.most = Some(self.most.map_or(most, |known| known.min(most)));
        }
    }

    fn ended(&self) -> Option<&'static str> {
        let outside = self.bytes < self.least || self.most.is_some_and(|most| self.bytes > most);
        outside.then_some("another length than its size hint had told")
    }
}

impl Body for WitnessBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let (border, seen, mut inner) = (&*this.border, this.seen, this.inner);
        if seen.over && !border.outermost {
            border.tell("a body was polled behind its end");
        }
        seen.hint(&inner.size_hint());
        seen.said_over |= inner.is_end_stream();
        let polled = ready!(inner.as_mut().poll_frame(cx));
        match &polled {
            Some(Ok(frame)) => {
                if seen.said_over && frame.is_data() {
                    border.tell("data came behind `is_end_stream`");
                }
                if seen.trailers {
                    border.tell("a frame came behind the trailers");
                }
                if seen.over {
                    border.tell("a frame came behind the end");
                }
                seen.trailers |= frame.is_trailers();
                seen.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                seen.said_over |= inner.is_end_stream();
            }
            Some(Err(error)) => {
                if seen.said_over {
                    border.tell("an error came behind `is_end_stream`");
                }
                seen.over = true;
                match error.downcast_ref::<BodyError>() {
                    None => border.tell("an error that is no `BodyError`"),
                    Some(error) => {
                        let source = std::error::Error::source(error);
                        if source.is_some_and(|source| source.is::<BodyError>()) {
                            border.tell("a `BodyError` inside a `BodyError`");
                        }
                    }
                }
            }
            None => {
                if let Some(wrong) = seen.ended().filter(|_| !seen.over) {
                    border.tell(wrong);
                }
                seen.over = true;
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
