use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{BodyError, BoxError, Watched};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::limits::{Limit, Limits};
use crate::timer::Timer;

pin_project! {
    /// The body of an answer under [`GuardLayer`](crate::GuardLayer)'s limits.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Guarded {
            #[pin]
            body: Watched<B>,
            timer: Timer,
            limits: Limits,
            // Since when nothing has come; not counted while the reader does not ask.
            silent: Option<Instant>,
            over: bool,
        },
        // An answer of ours.
        Own { bytes: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(crate) fn guarded(body: Watched<B>, timer: Timer, limits: Limits) -> Self {
        Self { kind: Kind::Guarded { body, timer, limits, silent: None, over: false } }
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (mut body, timer, limits, silent, over) = match self.project().kind.project() {
            KindProj::Own { bytes } => return Poll::Ready(bytes.take().map(|own| Ok(Frame::data(own)))),
            KindProj::Guarded { body, timer, limits, silent, over } => (body, timer, limits, silent, over),
        };
        if *over {
            return Poll::Ready(None);
        }
        // The body first: what is there is never thrown away for a timer that was polled late.
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            *silent = None;
            return Poll::Ready(frame);
        }
        let limit = if body.is_judging() {
            let since = *silent.get_or_insert_with(Instant::now);
            limits.stream(body.handle().phase(), since)
        } else {
            limits.total()
        };
        ready!(timer.poll(limit.at, cx));
        let Limit { cause, by_caller, .. } = limit;
        *over = true;
        Poll::Ready(body.limit(cause, by_caller).err().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Guarded { body, over, .. } => *over || body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Guarded { body, .. } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
        }
    }
}
