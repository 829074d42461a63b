use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use lastbyte_core::{
    Ask, Attempts, BodyError, BoxError, Cause, Dialect, Ending, EndingHandle, FailureKind, PaidOnce,
    REFUSED_BY, Sent, TransportFault, Watch, error_event, is_event_stream,
};
use lastbyte_store::{End, State};
use tower_service::Service;

use crate::RequestBody;
use crate::core::Core;
use crate::kept::Ended;
use crate::pen::{Draft, Lost, Pen};
use crate::running::{Over, Running};
use crate::settings::OnUnknown;
use crate::work::{Work, set_free};

/// Writes one answer, whoever reads it.
pub(crate) struct Driver<S> {
    pub(crate) core: Arc<Core>,
    pub(crate) running: Arc<Running>,
    pub(crate) pen: Pen,
    pub(crate) service: S,
    pub(crate) ask: Ask,
    /// The number of the last event that is written already: more than 0 where it was taken over.
    pub(crate) events: u64,
    pub(crate) claimed: bool,
    pub(crate) attempts_before: u32,
}

/// Takes the answer out of those that run here, also when its driver is dropped or panics.
struct Leave(Arc<Core>, Arc<Running>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.1.over(Over::Broken(Ending::Interrupted));
        self.0.leave(&self.1);
    }
}

impl<S> Driver<S> {
    /// Asks, and writes the answer down to its end.
    pub(crate) async fn run<A, B>(self, request: Request<RequestBody<A>>)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>>,
        S::Error: 'static,
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let _leave = Leave(self.core.clone(), self.running.clone());
        let (core, running) = (self.core.clone(), self.running.clone());
        let (mut pen, dialect) = (self.pen.clone(), self.ask.dialect.unwrap_or(Dialect::OpenAiChat));
        if AssertUnwindSafe(self.drive(request)).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(id = %running.id, "a panic ended an answer");
        let ending = Ending::Interrupted;
        if running.events() == 0 {
            set_free(&core, &mut pen, 0, true).await;
            return running.over(Over::Broken(ending));
        }
        let end = End { state: State::Truncated, detail: Ended::of(&ending).write() };
        // Behind whatever is there: what the panic has left of our own count is not to be trusted.
        if let Some(events) = pen.events().await {
            let last = [error_event(dialect, &ending)];
            let draft = Draft { first: events + 1, events: &last, head: None, attempts: 0 };
            if let Err(lost) = pen.end(draft, end).await {
                tracing::warn!(?lost, id = %running.id, "the end of an answer could not be written");
            }
        }
        running.over(Over::Lost);
    }

    async fn drive<A, B>(mut self, mut request: Request<RequestBody<A>>)
    where
        S: Service<Request<RequestBody<A>>, Response = Response<B>>,
        S::Error: 'static,
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let ask = self.ask;
        // Nobody has to read the body again for it.
        request.extensions_mut().insert(ask);
        let attempts = request.extensions().get::<Attempts>().cloned().unwrap_or_default();
        request.extensions_mut().insert(attempts.clone());
        if self.core.settings.on_unknown == OnUnknown::Refuse {
            request.extensions_mut().insert(PaidOnce);
        }
        if self.claimed
            && let Err(lost) = self.pen.sent().await
        {
            return self.lost(lost);
        }
        let mut service = self.service;
        let call = async move {
            std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        };
        let mut work = Work {
            core: self.core,
            running: self.running,
            pen: self.pen,
            events: self.events,
            attempts,
            attempts_before: self.attempts_before,
            ask,
            unkept: None,
        };
        let answered = match work.keep(call).await {
            Ok(answered) => answered,
            Err(stop) => return work.stop(stop, None).await,
        };
        let response = match answered {
            Ok(response) => response,
            Err(error) => {
                let fault = TransportFault::of_any(&error);
                let ending = Ending::Failed { kind: fault.kind };
                return if work.events > 0 {
                    // What is there already stays. A bad certificate does not heal by waiting.
                    work.refused(ending, fault.passing && matches!(fault.sent, Sent::No)).await;
                } else {
                    work.failed(ending).await;
                };
            }
        };
        let is_stream = response.status().is_success() && is_event_stream(response.headers());
        if is_stream {
            // Its end has to be judged, and an end mark that comes too early is none.
            let (head, body) = Watch::default()
                .max_event(work.core.settings.max_event)
                .strict()
                .response(&ask, response)
                .into_parts();
            return work.stream(head, body).await;
        }
        if work.events > 0 {
            // Nothing that goes on where the answer broke.
            let ending =
                response.extensions().get::<EndingHandle>().and_then(|handle| handle.ending().cloned());
            let passes = passes(&response, ending.as_ref());
            let ending = ending.filter(Ending::is_broken).unwrap_or(Ending::Interrupted);
            return work.refused(ending, passes).await;
        }
        let max = work.core.settings.max_answer;
        let response = Watch::default().max_json(max).response(&ask, response);
        let (head, body) = response.into_parts();
        let collected = match work.keep(collect(body, max)).await {
            Ok(collected) => collected,
            Err(stop) => return work.stop(stop, None).await,
        };
        match collected {
            Ok(body) => work.whole(head, body).await,
            Err(ending) => work.failed(ending).await,
        }
    }

    fn lost(self, lost: Lost) {
        self.running.over(match lost {
            Lost::Fenced => Over::Lost,
            Lost::TooLarge | Lost::Away => Over::Broken(Ending::Interrupted),
        });
    }
}

/// A whole body, or how it broke.
async fn collect<B>(body: B, max: usize) -> Result<Bytes, Ending>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    let mut body = std::pin::pin!(body);
    let mut got = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.ending().clone())?;
        let Ok(data) = frame.into_data() else { continue };
        if got.len() + data.len() > max {
            return Err(Ending::Truncated { cause: Cause::TooLarge, by_caller: false });
        }
        got.extend_from_slice(&data);
    }
    Ok(got.freeze())
}

/// Whether a refusal is one of the moment: too much, too many, nobody there.
fn passes<B>(response: &Response<B>, ending: Option<&Ending>) -> bool {
    let connect = matches!(ending, Some(Ending::Failed { kind: FailureKind::Connect }));
    connect
        || response.headers().contains_key(REFUSED_BY)
        || matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}
