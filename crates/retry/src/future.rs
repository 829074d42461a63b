use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body::Body;
use lastbyte_core::{ATTEMPTS, BoxError, EndingHandle, REFUSED_BY, Refusal};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use crate::ReplayBody;
use crate::body::{Answer, ResponseBody};
use crate::machine::Machine;
use crate::plan::{Came, GivenUp};

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

pin_project! {
    /// The future of [`Retry`](crate::Retry).
    pub struct ResponseFuture<S, A, B>
    where
        S: Service<Request<ReplayBody<A>>>,
    {
        // In a box, for it moves on into the body.
        machine: Option<Pin<Box<Machine<S, A, B>>>>,
        #[pin]
        release: Option<Sleep>,
    }
}

impl<S, A, B> ResponseFuture<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    pub(crate) fn new(machine: Pin<Box<Machine<S, A, B>>>) -> Self {
        Self { machine: Some(machine), release: None }
    }
}

impl<S, A, B> fmt::Debug for ResponseFuture<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, A, B> Future for ResponseFuture<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<S, A, B>>, S::Error>;

    #[expect(clippy::panic, reason = "a future that was ready is polled again: the caller's bug")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(machine) = this.machine.as_mut() else { panic!("polled after it was ready") };
        let came = machine.as_mut().poll_came(cx);
        if let Poll::Ready(Came::Passing(head, ..)) = &came
            && head.headers.contains_key(&REFUSED_BY)
            && head.headers.get(&ATTEMPTS).is_some_and(|attempts| attempts == "0")
        {
            machine.as_mut().take_back();
        }
        let attempts = machine.plan.attempts();
        let (dialect, given_up) = (machine.plan.ask.dialect, machine.given_up);
        let mut response = match came {
            Poll::Ready(Came::Error(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Came::Broken(error)) => {
                // The head has not left: the failure still has a status.
                let refusal = Refusal::failed(error.ending().clone()).dialect(dialect);
                *this.machine = None;
                refusal.into_response()
            }
            Poll::Ready(Came::Refused(refusal)) => {
                *this.machine = None;
                refusal.into_response()
            }
            Poll::Ready(Came::Passing(head, body, pass)) => {
                *this.machine = None;
                Response::from_parts(head, ResponseBody::passing(body, pass))
            }
            Poll::Ready(Came::Head(head)) => {
                let attempt = machine.handed_on();
                let Some(machine) = this.machine.take() else { panic!("polled after it was ready") };
                let head = head.unwrap_or_else(stream_head);
                Response::from_parts(head, ResponseBody::answer(Answer::came(machine, attempt)))
            }
            Poll::Pending => {
                // The call's clock starts here, unless it did before.
                let release_at = machine.as_mut().release_at();
                if !machine.is_stream() {
                    return Poll::Pending;
                }
                if this.release.is_none() {
                    this.release.set(Some(sleep_until(release_at)));
                }
                match this.release.as_mut().as_pin_mut().map(|release| release.poll(cx)) {
                    Some(Poll::Ready(())) => {}
                    _ => return Poll::Pending,
                }
                let head = machine.as_mut().take_head().unwrap_or_else(stream_head);
                let Some(machine) = this.machine.take() else { panic!("polled after it was ready") };
                Response::from_parts(head, ResponseBody::answer(Answer::waiting(machine)))
            }
        };
        mark(&mut response, attempts, given_up);
        Poll::Ready(Ok(response))
    }
}

/// The head of a stream whose own one has not come in time.
fn stream_head() -> http::response::Parts {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.into_parts().0
}

/// The counts there can be, at no cost but the entry in the map.
const COUNTS: [HeaderValue; 6] = [
    HeaderValue::from_static("0"),
    HeaderValue::from_static("1"),
    HeaderValue::from_static("2"),
    HeaderValue::from_static("3"),
    HeaderValue::from_static("4"),
    HeaderValue::from_static("5"),
];

/// Says in the head what was done, and puts the handle of the whole answer in.
fn mark<S, A, B>(response: &mut Response<ResponseBody<S, A, B>>, attempts: u32, given_up: GivenUp)
where
    S: Service<Request<ReplayBody<A>>>,
{
    if let Some(handle) = response.body().handle() {
        let extensions = response.extensions_mut();
        match extensions.get_mut::<EndingHandle>() {
            // In the place of the attempt's.
            Some(attempt) => *attempt = handle,
            None => drop(extensions.insert(handle)),
        }
    }
    let headers = response.headers_mut();
    let count = COUNTS.get(attempts as usize).cloned();
    headers.insert(ATTEMPTS, count.unwrap_or_else(|| attempts.into()));
    if given_up.is {
        // OpenAI's and Anthropic's SDKs would multiply what was tried here.
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        if let Some(wait) = given_up.retry_after {
            // In both spellings, beside the one that the upstream may have used.
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            headers.entry(RETRY_AFTER_MS).or_insert_with(|| millis.into());
            headers.entry(header::RETRY_AFTER).or_insert_with(|| millis.div_ceil(1000).into());
        }
    }
}
