//! Whether there is another attempt, and when.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{BoxError, Ending, ErrorKind, FailureKind, Resume, far};
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::{Machine, Step};
use crate::pace::Arrived;
use crate::pacer::Told;
use crate::plan::{Came, GivenUp};
use crate::seam::Seam;
use crate::{Decision, Failed, ReplayBody, Stop};

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Decides whether there is another attempt, and if so waits for it.
    pub(super) fn again(mut self: Pin<&mut Self>, failed: Failed<'_>) -> bool {
        let mut this = self.as_mut().project();
        let now = Instant::now();
        // The wall clock: what a date is compared with.
        let date = SystemTime::now();
        let refusal = refusal(failed, date);
        let mut pass = this.attempt.as_mut().take_pass();
        if pass.is_none() {
            pass = this.hedge.as_mut().and_then(|hedge| hedge.as_mut().take_pass());
        }
        let plan = this.plan;
        let decision = plan.policy.decide(failed, date);
        // All others have to know of it too, but for a time that none of them would wait: who asks then
        // hears it from the upstream.
        let is_over_cap = matches!(decision, Decision::Stop { why: Stop::OverCap, .. });
        if let (Some(pass), Some(refusal)) = (&mut pass, refusal.filter(|_| !is_over_cap)) {
            pass.tell(now, refusal);
        }
        let asked = match decision {
            Decision::Retry { after } => after,
            Decision::Stop { why, hint } => {
                let is = matches!(why, Stop::OverCap | Stop::Ambiguous | Stop::Deadline);
                *this.given_up = GivenUp { is, retry_after: hint.filter(|_| is) };
                return false;
            }
        };
        let attempts = plan.attempts();
        let random = plan.config.random();
        let wait = match asked {
            Some(asked) => plan.config.backoff.asked(asked, random),
            None => plan.config.backoff.wait(attempts, random),
        };
        *this.given_up = GivenUp { is: true, retry_after: Some(asked.unwrap_or(wait)) };
        if attempts >= plan.config.max_attempts.as_u32() {
            return false;
        }
        let Some(kept) = this.kept.as_mut().filter(|kept| kept.is_replayable()) else { return false };
        let last_start = plan.last_start(kept);
        let paced = pass.filter(|_| refusal.is_some()).and_then(|pass| pass.again(now, last_start));
        match paced {
            // The queue's wait is instead of one's own.
            Some(Arrived::TooLate(come_back)) => {
                this.given_up.retry_after = Some(asked.unwrap_or(come_back));
                return false;
            }
            Some(arrived) => self.as_mut().take_place(Some(arrived)),
            None => {
                let at = far(now, wait);
                // A refusal is bounded by the time it takes, and does not spend what failures may cost.
                if at > last_start || !(refusal.is_some() || plan.upstream.try_retry(now)) {
                    return false;
                }
                *this.step = Step::Wait;
                *this.timer = Some(Box::pin(sleep_until(at)));
            }
        }
        *self.project().given_up = GivenUp::default();
        true
    }

    /// What joins the attempts at the answer that is handed on.
    pub(crate) fn seam(self: Pin<&mut Self>) -> Option<Box<Seam>> {
        let this = self.project();
        let kept = this.kept.as_ref().filter(|_| this.plan.splices());
        this.seam.take().or_else(|| this.plan.seam(kept?.bytes()))
    }

    /// The request for the rest of an answer of which this was shown elsewhere. `None`: there is no way.
    pub(super) fn take_over(self: Pin<&mut Self>, resume: &Resume) -> Option<Request<ReplayBody<A>>> {
        let this = self.project();
        let kept = this.kept.as_mut()?;
        let mut seam = this.plan.seam(kept.bytes())?;
        seam.resume(resume);
        kept.set_body(seam.next()?);
        *this.seam = Some(seam);
        kept.request()
    }

    /// The attempt that was handed on broke behind its content, so: whether there may be another one. It is
    /// over in any case.
    pub(crate) fn may_go_on(mut self: Pin<&mut Self>, ending: &Ending) -> bool {
        let this = self.as_mut().project();
        this.attempt.clear();
        *this.hedge = None;
        let heals = matches!(
            this.plan.config.policy.decide(Failed::Ended(ending), SystemTime::now()),
            Decision::Retry { .. }
        );
        heals && this.plan.attempts() < this.plan.config.max_attempts.as_u32() && this.kept.is_some()
    }

    /// Goes on with a request that has this body, where time and budget allow it.
    pub(crate) fn go_on(self: Pin<&mut Self>, body: Bytes) -> bool {
        let this = self.project();
        let now = Instant::now();
        let Some(kept) = this.kept else { return false };
        kept.set_body(body);
        this.plan.broke(now);
        let at = far(now, this.plan.config.backoff.wait(this.plan.attempts(), this.plan.config.random()));
        if at > this.plan.last_start(kept) || !this.plan.upstream.try_retry(now) {
            return false;
        }
        *this.step = Step::Wait;
        *this.timer = Some(Box::pin(sleep_until(at)));
        true
    }

    /// The next attempt's time has come: it takes its place among all callers.
    pub(super) fn arrive(self: Pin<&mut Self>) -> Option<Arrived> {
        let this = self.project();
        this.plan.arrive(Instant::now(), this.kept.as_mut())
    }

    /// What becomes of an attempt that has come to the pacer, where there is one.
    pub(super) fn take_place(self: Pin<&mut Self>, arrived: Option<Arrived>) {
        let this = self.project();
        *this.step = match arrived {
            None => Step::Send,
            Some(Arrived::Go(pass)) => {
                *this.pass = Some(Box::new(pass));
                Step::Send
            }
            Some(Arrived::Wait(turn)) => {
                *this.turn = Some(Box::new(turn));
                Step::Turn
            }
            Some(Arrived::TooLate(come_back)) => Step::TooLate(come_back),
        };
    }

    /// The turn would come behind the deadline.
    pub(super) fn too_late(mut self: Pin<&mut Self>, come_back: Duration) -> Came<S::Error, B> {
        if self.spare.is_some() {
            return self.hand_on_spare(Some(come_back));
        }
        let refusal = self.plan.too_late(come_back);
        self.as_mut().stop();
        Came::Refused(refusal)
    }
}

/// What a failure tells the pacer, where it is a refusal for being too much.
fn refusal(failed: Failed<'_>, date: SystemTime) -> Option<Told> {
    match failed {
        Failed::Status { status, headers, body } => Told::refusal(status, headers, body, date),
        Failed::Ended(Ending::Failed { kind: FailureKind::Event { kind: ErrorKind::RateLimited, .. } }) => {
            Some(Told::Refused { retry_after: None })
        }
        _ => None,
    }
}
