use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use lastbyte::core::{BoxError, Ending, EndingReporter};
use tokio::time::{Sleep, sleep};

use super::Mistake;

type Inner = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of an answer with a mistake.
pub(super) struct WrongBody {
    // `None` once it was leaked.
    inner: Option<Inner>,
    mistake: Mistake,
    timer: Option<Pin<Box<Sleep>>>,
    reporter: Option<EndingReporter>,
    held: BytesMut,
    next: Option<Result<Frame<Bytes>, BoxError>>,
    over: bool,
}

impl WrongBody {
    pub(super) fn new<B>(body: B, mistake: Mistake) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        let (timer, reporter, held, next) = (None, None, BytesMut::new(), None);
        Self { inner: Some(Box::pin(body)), mistake, timer, reporter, held, next, over: false }
    }

    pub(super) fn reports(&mut self, reporter: EndingReporter) {
        self.reporter = Some(reporter);
    }
}

impl Drop for WrongBody {
    fn drop(&mut self) {
        if self.mistake == Mistake::LeaksTheBody {
            std::mem::forget(self.inner.take());
        }
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl WrongBody {
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Polled {
        let mistake = self.mistake;
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match mistake {
            Mistake::SwallowsPanics => {
                catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll_frame(cx))).unwrap_or(Poll::Ready(None))
            }
            Mistake::SkipsTheTurn => loop {
                // Whoever waits a moment is simply asked again.
                let polled = inner.as_mut().poll_frame(cx);
                if polled.is_ready() || !self.held.starts_with(b"data: {\"error\"") {
                    return polled;
                }
            },
            Mistake::Collects => loop {
                match ready!(inner.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            self.held.extend_from_slice(&data);
                        }
                    }
                    other if self.held.is_empty() => return Poll::Ready(other),
                    _ => {
                        self.over = true;
                        return Poll::Ready(Some(Ok(Frame::data(self.held.split().freeze()))));
                    }
                }
            },
            _ => inner.as_mut().poll_frame(cx),
        }
    }
}

impl Body for WrongBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        if let Some(next) = this.next.take() {
            return Poll::Ready(Some(next));
        }
        if this.over {
            return Poll::Ready(None);
        }
        if this.mistake == Mistake::TimerBeforeData {
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(60))));
            if timer.as_mut().poll(cx).is_ready() {
                this.over = true;
                return Poll::Ready(None);
            }
        }
        let polled = ready!(this.poll_inner(cx));
        this.over |= !matches!(polled, Some(Ok(_)));
        Poll::Ready(match (polled, this.mistake) {
            (Some(Ok(frame)), Mistake::DropsTrailers) if frame.is_trailers() => None,
            (Some(Ok(frame)), Mistake::SkipsTheTurn) => {
                this.held = frame.data_ref().map_or_else(BytesMut::new, |data| data[..].into());
                Some(Ok(frame))
            }
            (Some(Ok(frame)), Mistake::PingsAnywhere) => {
                this.next = Some(Ok(Frame::data(Bytes::from_static(b": ping\n"))));
                Some(Ok(frame))
            }
            (Some(Ok(frame)), Mistake::ReadsEverything) => {
                Some(Ok(frame.map_data(|data| String::from_utf8_lossy(&data).into_owned().into())))
            }
            (Some(Err(error)), Mistake::BoxesBodyErrors) => Some(Err(std::io::Error::other(error).into())),
            (Some(Err(_)), Mistake::EndsCleanly) => None,
            (Some(Err(error)), Mistake::ForgesTheEndMark) => {
                this.next = Some(Err(error));
                Some(Ok(Frame::data(Bytes::from_static(b"data: [DONE]\n\n"))))
            }
            (Some(Err(error)), Mistake::TellsTwice) => {
                this.next = Some(Err(error));
                Some(Ok(Frame::data(Bytes::from_static(b"data: {\"error\":{}}\n\n"))))
            }
            (None, Mistake::SeesTheEndOnlyAtNone) => {
                if let Some(reporter) = &mut this.reporter {
                    reporter.report(Ending::Opaque { ok: true });
                }
                None
            }
            (polled, _) => polled,
        })
    }

    fn is_end_stream(&self) -> bool {
        let over = self.inner.as_ref().is_none_or(|inner| inner.is_end_stream());
        over && self.next.is_none() && self.held.is_empty() && self.mistake != Mistake::HidesTheLength
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) if self.mistake != Mistake::HidesTheLength => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
