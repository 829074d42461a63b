//! A second attempt beside one that is late.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{BoxError, Ending};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::Machine;
use crate::ReplayBody;
use crate::attempt::{Attempt, Seen};
use crate::pace::Arrived;
use crate::plan::Plan;
use crate::upstream::Upstream;

/// When each of the two was sent, where it is of interest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    attempt: Option<Instant>,
    hedge: Option<Instant>,
}

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// What the attempt seen to, or, where two are under way, the one that decides.
    pub(super) fn poll_attempts(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Seen<S::Error, B>> {
        loop {
            let mut this = self.as_mut().project();
            if let Some(attempt) = this.attempt.as_mut().as_pin_mut()
                && let Poll::Ready(seen) = attempt.poll_seen(cx, this.plan)
            {
                if seen.is_good() || this.hedge.is_none() {
                    *this.hedge = None;
                    this.sent.tell(&this.plan.upstream, |sent| sent.attempt);
                    return Poll::Ready(seen);
                }
                // The other one is still on its way: what it comes to holds.
                this.attempt.set(None);
            }
            match this.hedge.as_mut().map(|hedge| hedge.as_mut().poll_seen(cx, this.plan)) {
                Some(Poll::Ready(seen)) => {
                    if seen.is_good() || this.attempt.is_none() {
                        if seen.is_good() {
                            // Of the first one it is known how long it took at least.
                            this.sent.tell(&this.plan.upstream, |sent| sent.attempt);
                            this.sent.tell(&this.plan.upstream, |sent| sent.hedge);
                        }
                        this.attempt.set(None);
                        return Poll::Ready(seen);
                    }
                    *this.hedge = None;
                    return Poll::Pending;
                }
                Some(Poll::Pending) => return Poll::Pending,
                None if this.attempt.is_none() => {
                    return Poll::Ready(Seen::Broke(Ending::Interrupted, None));
                }
                None => {}
            }
            let Some(late) = this.late else { return Poll::Pending };
            ready!(late.as_mut().poll(cx));
            *this.late = None;
            if !self.as_mut().hedge(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Asks a second time beside an attempt that is late, where nothing speaks against it.
    fn hedge(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let now = Instant::now();
        let Some(kept) = this.kept.as_mut().filter(|kept| kept.is_replayable()) else { return false };
        if this.plan.attempts() >= this.plan.config.max_attempts.as_u32()
            || now > this.plan.last_start(kept)
            || !matches!(this.service.poll_ready(cx), Poll::Ready(Ok(())))
        {
            return false;
        }
        // It does not queue: where others wait for their turn nothing is asked for twice.
        let pass = match this.plan.arrive(now, Some(kept)) {
            None => None,
            Some(Arrived::Go(pass)) => Some(pass),
            Some(_) => return false,
        };
        let Some(request) = kept.request().filter(|_| this.plan.upstream.try_retry(now)) else {
            return false;
        };
        this.plan.begin();
        let future = this.service.call(request);
        *this.hedge = Some(Box::pin(Attempt::new(future, pass)));
        this.sent.hedge = Some(now);
        true
    }
}

impl Sent {
    /// The first of the two is sent now.
    pub(super) fn first(&mut self, plan: &Plan, late: &mut Option<Pin<Box<Sleep>>>) {
        if plan.hedge {
            let now = Instant::now();
            let sleep = |after| Box::pin(sleep_until(lastbyte_core::far(now, after)));
            *late = plan.upstream.late().map(sleep);
            *self = Self { attempt: Some(now), hedge: None };
        }
    }

    fn tell(self, upstream: &Upstream, which: impl Fn(Self) -> Option<Instant>) {
        if let Some(sent) = which(self) {
            upstream.came(sent.elapsed());
        }
    }
}
