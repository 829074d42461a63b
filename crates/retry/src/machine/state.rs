//! What can be said of the attempts, and ending them.

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, response};
use http_body::{Body, SizeHint};
use lastbyte_core::{BoxError, EndingHandle};
use tower_service::Service;

use super::{Machine, Step};
use crate::ReplayBody;
use crate::attempt::Attempt;

impl<S, A, B> Machine<S, A, B>
where
    S: Service<Request<ReplayBody<A>>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn attempted(&self) -> Option<&Attempt<S::Future, B>> {
        Some(&self.attempt).filter(|attempt| attempt.is_live()).or(self.hedge.as_deref())
    }

    /// What is handed on is the refusal of a layer further in: that attempt never went out.
    pub(crate) fn take_back(self: Pin<&mut Self>) {
        self.project().plan.take_back();
    }

    /// Lets the head of a stream go before its content is there, where one has come.
    pub(crate) fn take_head(self: Pin<&mut Self>) -> Option<response::Parts> {
        let this = self.project();
        this.attempt.live().or(this.hedge.as_mut().map(Pin::as_mut))?.take_head()
    }

    /// Whether the head may be let go early: what came or was asked for is a stream.
    pub(crate) fn is_stream(&self) -> bool {
        let came = self.attempted().and_then(Attempt::is_stream);
        came.unwrap_or(self.plan.ask.stream == Some(true) && self.plan.ask.dialect.is_some())
    }

    /// How what is handed on goes, and whether it is a stream whose ending may be changed.
    pub(crate) fn handed_on(&self) -> Option<(EndingHandle, bool)> {
        match &self.left {
            Some(left) => Some((left.end.clone(), false)),
            None => self.attempted()?.handle(),
        }
    }

    /// Whether frames are held that were not forwarded.
    pub(crate) fn holds(&self) -> bool {
        self.left.as_ref().is_some_and(|left| !left.frames.is_empty())
            || self.attempted().is_some_and(|attempt| !attempt.held().is_empty())
    }

    /// Ends everything that is still going on.
    pub(crate) fn stop(self: Pin<&mut Self>) {
        let this = self.project();
        *this.step = Step::Left;
        this.attempt.clear();
        *this.hedge = None;
        (*this.left, *this.timer, *this.late) = (None, None, None);
        (*this.turn, *this.pass) = (None, None);
        (*this.first, *this.kept, *this.spare) = (None, None, None);
    }

    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        match self.attempted() {
            Some(attempt) => attempt.is_over(),
            None => self.step == Step::Left && !self.holds(),
        }
    }

    /// How much more comes.
    pub(crate) fn rest_hint(&self) -> SizeHint {
        match self.attempted() {
            Some(attempt) => attempt.rest_hint(),
            None => {
                let none = SizeHint::with_exact(0);
                self.left.as_ref().map_or(none, |left| left.frames.before(none))
            }
        }
    }
}
