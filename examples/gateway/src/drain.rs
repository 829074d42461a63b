//! Ending in two steps: no new work, and, when the patience is over, an honest end of what is open.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use lastbyte::core::{BodyError, BoxError, Ending, EndingHandle};
use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Both steps, for everything that has to know of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drain {
    begin: CancellationToken,
    interrupt: CancellationToken,
}

impl Drain {
    pub(crate) fn begin(&self) {
        self.begin.cancel();
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.begin.is_cancelled()
    }

    pub(crate) async fn begun(&self) {
        self.begin.cancelled().await;
    }

    pub(crate) fn interrupt(&self) {
        self.interrupt.cancel();
    }

    pub(crate) async fn interrupted(&self) {
        self.interrupt.cancelled().await;
    }

    /// A body that can be interrupted.
    pub(crate) fn watch<B>(&self, response: Response<B>) -> Response<Interruptible<B>> {
        let ending = response.extensions().get::<EndingHandle>().cloned();
        let interrupted = Box::pin(self.interrupt.clone().cancelled_owned());
        response.map(|inner| Interruptible { inner, ending, interrupted: Some(interrupted) })
    }
}

pin_project! {
    /// Passes everything on, until it is interrupted; then it fails with that ending.
    pub(crate) struct Interruptible<B> {
        #[pin]
        inner: B,
        ending: Option<EndingHandle>,
        interrupted: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    }
}

impl<B: Body> Body for Interruptible<B>
where
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        // What is there goes first: an answer that is just ending is not interrupted.
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(interrupted) = this.interrupted else { return Poll::Pending };
        ready!(interrupted.as_mut().poll(cx));
        *this.interrupted = None;
        if let Some(ending) = this.ending {
            ending.because(Ending::Interrupted);
        }
        Poll::Ready(Some(Err(BodyError::new(Ending::Interrupted).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Channel};

    use super::*;

    #[tokio::test]
    async fn an_open_body_is_interrupted_behind_what_it_had() {
        let drain = Drain::default();
        let (mut sender, body) = Channel::<Bytes>::new(4);
        let mut body = Box::pin(drain.watch(Response::new(body)).into_body());
        sender.send_data(Bytes::from_static(b"a")).await.unwrap();
        drain.begin();
        drain.interrupt();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref::<BodyError>().unwrap().ending(), &Ending::Interrupted);
    }
}
