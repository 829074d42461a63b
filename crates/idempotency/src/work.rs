use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, response};
use http_body::Body;
use lastbyte_core::{
    Ask, Attempts, BodyError, Cause, Dialect, Ending, EndingHandle, FailureKind, Refusal, Scope, error_event,
};
use lastbyte_store::{End, State};
use tokio::time::{Instant, sleep_until};

use crate::core::Core;
use crate::kept::{AnswerHead, Ended, state_of};
use crate::pen::{Draft, Lost, Pen};
use crate::running::{Asked, Came, Over, Running, Whole};
use crate::settings::{OnError, OnUnknown, count};
use crate::stream::{Closed, Streaming};

/// Why the service is not waited for any longer.
pub(crate) enum Stop {
    Lost(Lost),
    /// Somebody has ended the answer.
    Cancelled,
    /// Nobody reads it.
    Unread,
    /// This process goes.
    Interrupted,
}

impl From<Asked> for Stop {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Cancelled => Self::Cancelled,
            Asked::Interrupted => Self::Interrupted,
        }
    }
}

/// A driver whose call is under way.
pub(crate) struct Work {
    pub(crate) core: Arc<Core>,
    pub(crate) running: Arc<Running>,
    pub(crate) pen: Pen,
    pub(crate) events: u64,
    pub(crate) attempts: Attempts,
    pub(crate) attempts_before: u32,
    pub(crate) ask: Ask,
    /// The store was away for too long, and the answer goes on without it: how many of its events are there.
    pub(crate) unkept: Option<u64>,
}

impl Work {
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts_before + self.attempts.count()
    }

    fn dialect(&self) -> Dialect {
        self.ask.dialect.unwrap_or(Dialect::OpenAiChat)
    }

    /// When the lease has to be renewed, or it has to be asked who reads elsewhere.
    pub(crate) fn renew_at(&self) -> Instant {
        let at = self.pen.renew_at();
        self.core.settings.attend_every().map_or(at, |every| at.min(self.pen.looked() + every))
    }

    /// What a renewal has brought.
    pub(crate) fn renewed(&mut self, renewed: Result<Option<Duration>, Lost>) -> Result<(), Stop> {
        match renewed {
            Ok(attended) if is_unread(&self.core, &self.running, attended) => Err(Stop::Unread),
            Ok(_) => Ok(()),
            Err(lost) => self.lost(lost).map_err(Stop::Lost),
        }
    }

    /// Nothing can be written any more. `Ok`: the answer goes on all the same.
    pub(crate) fn lost(&mut self, lost: Lost) -> Result<(), Lost> {
        if matches!(lost, Lost::Away) && self.core.settings.on_error == OnError::Pass {
            self.unkept.get_or_insert(self.events);
            return Ok(());
        }
        Err(lost)
    }

    /// Waits for `work`, and keeps the lease meanwhile.
    pub(crate) async fn keep<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let running = self.running.clone();
        let mut work = std::pin::pin!(work);
        let mut let_go = running.let_go();
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                asked = &mut let_go => return Err(asked.into()),
                () = sleep_until(self.renew_at()), if self.unkept.is_none() => {}
            }
            let renewed = tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                asked = &mut let_go => return Err(asked.into()),
                renewed = self.pen.renew() => renewed,
            };
            self.renewed(renewed)?;
        }
    }

    /// There is no answer but ours, which says so.
    pub(crate) async fn failed(self, ending: Ending) {
        let refusal = Refusal::failed(ending).should_retry(false).dialect(self.ask.dialect);
        let (head, body) = refusal.attempts(self.attempts.count()).into_response().into_parts();
        self.whole(head, body).await;
    }

    /// An answer in one piece.
    pub(crate) async fn whole(mut self, head: response::Parts, body: Bytes) {
        let ending = head.extensions.get::<EndingHandle>().and_then(|handle| handle.ending().cloned());
        let ending = ending.unwrap_or(Ending::Opaque { ok: true });
        let mut whole = Whole {
            status: head.status,
            headers: head.headers,
            body,
            ending: EndingHandle::ended(Scope::Reading, ending.clone()),
            kept: false,
        };
        // An error in the place of an answer is none, whatever its status says.
        let is_answer = whole.status.is_success() && !matches!(ending, Ending::Failed { .. });
        let too_large = matches!(ending, Ending::Truncated { cause: Cause::TooLarge, .. });
        let stores = is_answer
            || too_large
            || (self.core.settings.store_server_errors
                && whole.status.is_server_error()
                && is_of_upstream(&whole.headers));
        if !stores {
            let attempts = self.attempts();
            set_free(&self.core, &mut self.pen, attempts, is_ambiguous(&ending)).await;
            return self.running.came(Came::Whole(Arc::new(whole)));
        }
        let kept = AnswerHead::of(whole.status, &whole.headers, false);
        let (events, attempts) = ([whole.body.clone()], self.attempts());
        let last = Draft { first: 1, events: &events, head: Some(kept.write()), attempts };
        let state = if is_answer && !ending.is_broken() { State::Complete } else { state_of(&ending) };
        let end = End { state, detail: Ended::of(&ending).write() };
        match self.pen.end(last, end.clone()).await {
            Ok(()) => whole.kept = true,
            // What somebody else is writing is the answer.
            Err(Lost::Fenced) => {
                count(&self.core.counts.fenced);
                return self.running.over(Over::Lost);
            }
            // It is paid for, and here: whoever waits for it gets it, though the next one may not.
            Err(Lost::TooLarge | Lost::Away) => {
                whole.headers.insert("x-lastbyte-degraded", HeaderValue::from_static("store"));
                self.running.came(Came::Whole(Arc::new(whole)));
                let last = Draft { first: 1, events: &events, head: Some(kept.write()), attempts };
                return self.pen.insist(last, end).await;
            }
        }
        self.running.came(Came::Whole(Arc::new(whole)));
    }

    /// A stream.
    pub(crate) async fn stream<B>(mut self, head: response::Parts, body: B)
    where
        B: Body<Data = Bytes, Error = BodyError>,
    {
        let kept = AnswerHead::of(head.status, &head.headers, true)
            .in_dialect(self.ask.dialect)
            .after(self.attempts());
        let kept = Arc::new(kept);
        let handle = head.extensions.get::<EndingHandle>().cloned();
        let write_head = (self.events == 0).then(|| kept.write());
        let mut streaming = Streaming::new(&self, handle, write_head);
        self.running.came(Came::Stream(kept));
        let mut body = std::pin::pin!(body);
        let closed = streaming.run(&mut self, body.as_mut()).await;
        // Though it broke, what has content is written down.
        let keep = streaming.has_content(&self);
        let (rest, head) = streaming.into_rest();
        match closed {
            Closed::Broken(ending) if !keep => self.broken(ending, Vec::new(), head).await,
            Closed::Complete(ending) => self.end(&ending, rest, head).await,
            Closed::Broken(ending) => self.broken(ending, rest, head).await,
            Closed::Stopped(stop) => self.stop(stop, head).await,
        }
    }

    /// The last events and the end.
    async fn end(mut self, ending: &Ending, mut last: Vec<Bytes>, head: Option<Bytes>) {
        let attempts = self.attempts();
        if let Some(kept) = self.unkept {
            self.running.publish(&mut last);
            self.running.over(Over::Ended(ending.clone()));
            // Where the store is back, it says at least that nobody has to ask again.
            let events = [error_event(self.dialect(), &Ending::Interrupted)];
            let end = End { state: State::Truncated, detail: Ended::of(&Ending::Interrupted).write() };
            let _ = self.pen.end(Draft { first: kept + 1, events: &events, head, attempts }, end).await;
            return;
        }
        let first = self.events + 1;
        let draft = Draft { first, events: &last, head: head.clone(), attempts };
        let end = End { state: state_of(ending), detail: Ended::of(ending).write() };
        match self.pen.end(draft, end.clone()).await {
            Ok(()) => {
                self.running.publish(&mut last);
                self.running.over(Over::Ended(ending.clone()));
            }
            Err(Lost::Fenced) => {
                count(&self.core.counts.fenced);
                self.running.over(Over::Lost);
            }
            Err(Lost::TooLarge | Lost::Away) => {
                if self.core.settings.on_error == OnError::Pass {
                    self.running.publish(&mut last.clone());
                    self.running.over(Over::Ended(ending.clone()));
                } else {
                    self.running.over(Over::Broken(Ending::Interrupted));
                }
                self.pen.insist(Draft { first, events: &last, head, attempts }, end).await;
            }
        }
    }

    /// Nothing comes that goes on with it: for the moment, where that `passes`.
    pub(crate) async fn refused(self, ending: Ending, passes: bool) {
        if passes {
            // Not now. When the lease is out it is tried again, by whoever comes first.
            return self.running.over(Over::Lost);
        }
        self.broken(ending, Vec::new(), None).await;
    }

    /// It broke: with an event that says so, where it has any; else nothing was answered.
    pub(crate) async fn broken(mut self, ending: Ending, mut last: Vec<Bytes>, head: Option<Bytes>) {
        let too_large = matches!(ending, Ending::Truncated { cause: Cause::TooLarge, .. });
        if self.events == 0 && last.is_empty() && !too_large {
            let attempts = self.attempts();
            set_free(&self.core, &mut self.pen, attempts, is_ambiguous(&ending)).await;
            return self.running.over(Over::Broken(ending));
        }
        last.push(error_event(self.dialect(), &ending));
        self.end(&ending, last, head).await;
    }

    /// The service is let go of before its answer was over.
    pub(crate) async fn stop(mut self, stop: Stop, head: Option<Bytes>) {
        match stop {
            Stop::Lost(Lost::Fenced) | Stop::Cancelled => {
                count(&self.core.counts.fenced);
                self.running.over(Over::Lost);
            }
            Stop::Lost(Lost::TooLarge) => {
                let ending = Ending::Truncated { cause: Cause::TooLarge, by_caller: false };
                self.broken(ending, Vec::new(), head).await;
            }
            Stop::Lost(Lost::Away) => self.running.over(Over::Broken(Ending::Interrupted)),
            // Also where there is nothing to keep but the fact.
            Stop::Unread => {
                let last = vec![error_event(self.dialect(), &Ending::Cancelled)];
                self.end(&Ending::Cancelled, last, head).await;
            }
            Stop::Interrupted => {
                self.pen.relinquish().await;
                self.running.over(Over::Broken(Ending::Interrupted));
            }
        }
    }
}

/// Sets the key free, for nothing was answered; or keeps that nobody knows, where that is what is wanted.
pub(crate) async fn set_free(core: &Core, pen: &mut Pen, attempts: u32, is_ambiguous: bool) {
    let written = if is_ambiguous && core.settings.on_unknown == OnUnknown::Refuse {
        let end = End { state: State::Failed, detail: Ended::unknown().write() };
        pen.end(Draft { first: 1, events: &[], head: None, attempts }, end).await
    } else {
        count(&core.counts.released);
        pen.release().await
    };
    if let Err(lost) = written {
        tracing::debug!(?lost, "a key could not be set free, its lease will run out");
    }
}

/// Whether nobody has read the answer for as long as it is worth to go on, neither here nor elsewhere.
fn is_unread(core: &Core, running: &Running, attended: Option<Duration>) -> bool {
    let Some(patience) = core.settings.when_unread else { return false };
    running.unread_since().is_some_and(|since| Instant::now().duration_since(since) >= patience)
        && attended.is_none_or(|ago| ago >= patience)
}

/// Whether a failure leaves open whether there was an answer.
fn is_ambiguous(ending: &Ending) -> bool {
    matches!(
        ending,
        Ending::Truncated { .. }
            | Ending::Interrupted
            | Ending::Failed {
                kind: FailureKind::Reset | FailureKind::Timeout { .. } | FailureKind::Garbage
            }
    )
}

/// Whether an error is the chat API's own, and none of a layer of ours.
fn is_of_upstream(headers: &HeaderMap) -> bool {
    !headers.contains_key(lastbyte_core::REFUSED_BY)
}
