use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{BodyError, BoxError, EndingHandle, Watched};

/// What a layer has to do with an answer that it does not change: a permit that goes back at the last byte, a
/// count that is settled by the ending.
///
/// It is dropped as soon as the body is over or has been dropped itself.
pub trait Listen {
    /// Told after each frame, at the end, and when the body was dropped: what is known by then is in
    /// `handle`, which costs two atomic loads to read.
    fn hear(&mut self, handle: &EndingHandle);
}

pin_project! {
    /// The body of an answer that a layer listens to, or an answer of the layer's own.
    ///
    /// What it holds is dropped before the listener is told: by then the ending is known.
    pub struct Listening<B, L: Listen> {
        #[pin]
        kind: Kind<B, L>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B, L: Listen> {
        Passed {
            // Before `listener`: fields are dropped in this order.
            #[pin]
            body: Watched<B>,
            listener: Listener<L>,
        },
        Own { bytes: Option<Bytes> },
    }
}

struct Listener<L: Listen> {
    handle: EndingHandle,
    /// `None` once the body is over.
    listener: Option<L>,
}

impl<L: Listen> Listener<L> {
    fn hear(&mut self) {
        if let Some(listener) = &mut self.listener {
            listener.hear(&self.handle);
        }
    }
}

impl<L: Listen> Drop for Listener<L> {
    fn drop(&mut self) {
        self.hear();
    }
}

impl<B, L: Listen> Listening<B, L> {
    /// The body of an answer, and who listens to it. What its head has told already is told at once.
    pub fn new(body: Watched<B>, listener: Option<L>) -> Self
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let mut listener = Listener { handle: body.handle().clone(), listener };
        listener.hear();
        if body.is_end_stream() {
            listener.listener = None;
        }
        Self { kind: Kind::Passed { body, listener } }
    }
}

impl<B, L: Listen> From<Bytes> for Listening<B, L> {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B, L: Listen> fmt::Debug for Listening<B, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl<B, L: Listen> Body for Listening<B, L>
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
        match self.project().kind.project() {
            KindProj::Own { bytes } => Poll::Ready(bytes.take().map(|own| Ok(Frame::data(own)))),
            KindProj::Passed { mut body, listener } => {
                let polled = body.as_mut().poll_frame(cx);
                if let (Poll::Ready(frame), Some(_)) = (&polled, &listener.listener) {
                    listener.hear();
                    if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                        listener.listener = None;
                    }
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body, .. } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body, .. } => body.size_hint(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::Response;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::{Ask, Ending, Watch};

    /// What it heard: `None` where the ending was not known yet, and when it was dropped.
    #[derive(Clone, Default)]
    struct Ear(Arc<Mutex<Vec<Option<Ending>>>>);

    impl Listen for Ear {
        fn hear(&mut self, handle: &EndingHandle) {
            self.0.lock().unwrap().push(handle.ending().cloned());
        }
    }

    fn listened(text: &'static str) -> (Listening<Full<Bytes>, Ear>, Ear) {
        let response =
            Response::builder().header("content-type", "text/event-stream").body(Full::from(text)).unwrap();
        let ask = Ask::from_path("/v1/chat/completions");
        let ear = Ear::default();
        let body = Watch::default().strict().response(&ask, response).into_body();
        (Listening::new(body, Some(ear.clone())), ear)
    }

    #[tokio::test]
    async fn the_end_is_told_once_and_the_listener_let_go_then() {
        let (body, ear) = listened("data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\n\n");
        let mut body = Box::pin(body);
        while body.frame().await.is_some() {}
        assert_eq!(Arc::strong_count(&ear.0), 1, "it is gone before its body is");
        let heard = ear.0.lock().unwrap().clone();
        assert!(matches!(heard.last(), Some(Some(Ending::Complete { .. }))), "{heard:?}");
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_has_told_how_it_ended() {
        let (body, ear) = listened("data: {\"choices\":[]}\n\n");
        drop(body);
        assert_eq!(ear.0.lock().unwrap().last(), Some(&Some(Ending::Abandoned)));
    }
}
