//! A second attempt beside one that is late.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{BoxError, Ending, far};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use super::Machine;
use crate::ReplayBody;
use crate::attempt::{Attempt, Seen};
use crate::pace::Arrived;
use crate::plan::Plan;

/// When a second attempt is due beside the first, and when the two were sent.
#[derive(Debug)]
pub(super) struct Late {
    /// `None` where too little is known, and when it is over.
    timer: Option<Pin<Box<Sleep>>>,
    attempt: Instant,
    hedge: Option<Instant>,
}

impl Late {
    /// Of an attempt that is sent now, where a second one may stand beside it.
    pub(super) fn watch(plan: &Plan) -> Option<Box<Self>> {
        plan.hedge.then(|| {
            let now = Instant::now();
            let timer = plan.upstream.late().map(|after| Box::pin(sleep_until(far(now, after))));
            Box::new(Self { timer, attempt: now, hedge: None })
        })
    }
}

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>, Response = Response<B>>,
    S::Error: 'static,
    A: Body<Data = Bytes> + Unpin + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// What the attempt came to, or, where two are under way, the one that decides.
    #[inline]
    pub(super) fn poll_attempts(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Seen<S::Error, B>> {
        if self.plan.hedge {
            return self.poll_hedged(cx);
        }
        let this = self.as_mut().project();
        match this.attempt.live() {
            Some(attempt) => attempt.poll_seen(cx, this.plan),
            None => Poll::Ready(Seen::Broke(Ending::Interrupted, None)),
        }
    }

    fn poll_hedged(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Seen<S::Error, B>> {
        loop {
            let mut this = self.as_mut().project();
            let upstream = &this.plan.upstream;
            if let Some(attempt) = this.attempt.as_mut().live()
                && let Poll::Ready(seen) = attempt.poll_seen(cx, this.plan)
            {
                if seen.is_good() || this.hedge.is_none() {
                    *this.hedge = None;
                    this.late.iter().for_each(|late| upstream.came(late.attempt.elapsed()));
                    return Poll::Ready(seen);
                }
                // The other one is still on its way: what it comes to holds.
                this.attempt.as_mut().clear();
            }
            match this.hedge.as_mut().map(|hedge| hedge.as_mut().poll_seen(cx, this.plan)) {
                Some(Poll::Ready(seen)) if seen.is_good() || !this.attempt.is_live() => {
                    if let Some(late) = this.late.as_ref().filter(|_| seen.is_good()) {
                        // Of the first one it is known how long it took at least.
                        upstream.came(late.attempt.elapsed());
                        late.hedge.iter().for_each(|at| upstream.came(at.elapsed()));
                    }
                    this.attempt.as_mut().clear();
                    return Poll::Ready(seen);
                }
                Some(Poll::Ready(_)) => {
                    *this.hedge = None;
                    return Poll::Pending;
                }
                Some(Poll::Pending) => return Poll::Pending,
                None if !this.attempt.is_live() => {
                    return Poll::Ready(Seen::Broke(Ending::Interrupted, None));
                }
                None => {}
            }
            let Some(timer) = this.late.as_mut().and_then(|late| late.timer.as_mut()) else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            if let Some(late) = this.late {
                late.timer = None;
            }
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
        if let Some(late) = this.late {
            late.hedge = Some(now);
        }
        true
    }
}
