use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame, SizeHint};
use lastbyte_core::{Ask, BodyError, BoxError, Cause, Watched, is_json};
use pin_project_lite::pin_project;

use super::events::Events;
use super::future::DIGESTS;
use super::lanes::Way;
use super::layer::{MaskLayer, Shared};
use super::wire::Wire;
use super::{Map, answer};

pin_project! {
    /// The body of an answer in which the values are restored.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: Watched<B> },
        Restoring {
            #[pin]
            body: Watched<B>,
            how: Box<How>,
        },
        // An answer of ours.
        Own { bytes: Option<Bytes> },
    }
}

/// An answer that is restored.
struct How {
    text: Text,
    shared: Arc<Shared>,
    /// What comes behind all that was held.
    last: Option<Last>,
    has_begun: bool,
    is_over: bool,
}

enum Text {
    Events(Events),
    Json(Json),
}

/// An answer that is not streamed. It is restored when all of it has come.
struct Json {
    map: Arc<Map>,
    wire: Wire,
    kept: BytesMut,
    /// How large it may be; then it passes.
    max: usize,
    passes: bool,
}

enum Last {
    Trailers(HeaderMap),
    Error(BodyError),
    End,
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The answer to a request in which a map was masked.
    pub(super) fn around(
        response: Response<B>,
        ask: &Ask,
        layer: &MaskLayer,
        masked: Option<(Arc<Map>, Wire)>,
    ) -> Response<Self> {
        let (mut head, body) = response.into_parts();
        let config = &layer.config;
        let body = config.watch.body(ask, &mut head, body);
        let passing = |body| Self { kind: Kind::Passing { body } };
        let (Some((map, wire)), false) = (masked, body.is_end_stream()) else {
            return Response::from_parts(head, passing(body));
        };
        let text = if ask.is_answered_by_stream(&head) {
            Text::Events(Events::new(wire, map, Way::Restore, config.max_event))
        } else if is_json(&head.headers) {
            Text::Json(Json { map, wire, kept: BytesMut::new(), max: config.max_answer, passes: false })
        } else {
            layer.shared.totals.unread();
            return Response::from_parts(head, passing(body));
        };
        head.headers.remove(header::CONTENT_LENGTH);
        for name in DIGESTS {
            head.headers.remove(name);
        }
        let shared = layer.shared.clone();
        let how = Box::new(How { text, shared, last: None, has_begun: false, is_over: false });
        Response::from_parts(head, Self { kind: Kind::Restoring { body, how } })
    }
}

impl How {
    /// Takes a chunk in, and gives what may leave.
    fn push(&mut self, chunk: Bytes) -> Result<Option<Bytes>, ()> {
        self.has_begun = true;
        match &mut self.text {
            Text::Events(events) => events.push(chunk).map_err(|_| ()),
            Text::Json(json) if json.passes => Ok(Some(chunk)),
            Text::Json(json) => {
                json.kept.extend_from_slice(&chunk);
                if json.kept.len() <= json.max {
                    return Ok(None);
                }
                json.passes = true;
                self.shared.totals.unread();
                Ok(Some(json.kept.split().freeze()))
            }
        }
    }

    /// All that was held, and then that.
    fn finish(&mut self, last: Last) -> Option<Bytes> {
        let left = match &mut self.text {
            Text::Events(events) => events.finish(),
            Text::Json(json) => {
                let kept = json.kept.split().freeze();
                let (restored, counts) = answer::restore(&json.map, json.wire, &kept);
                self.shared.totals.answer(counts);
                Some(restored.map_or(kept, Bytes::from)).filter(|left| !left.is_empty())
            }
        };
        self.last = Some(last);
        left
    }
}

impl Drop for How {
    fn drop(&mut self) {
        if let Text::Events(events) = &self.text {
            self.shared.totals.answer(events.counts());
        }
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
        let (mut body, how) = match self.project().kind.project() {
            KindProj::Own { bytes } => return Poll::Ready(bytes.take().map(|own| Ok(Frame::data(own)))),
            KindProj::Passing { body } => return body.poll_frame(cx),
            KindProj::Restoring { body, how } => (body, how),
        };
        loop {
            if how.is_over {
                return Poll::Ready(None);
            }
            if let Some(last) = how.last.take() {
                how.is_over = true;
                return Poll::Ready(match last {
                    Last::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
                    Last::Error(error) => Some(Err(error)),
                    Last::End => None,
                });
            }
            let last = match ready!(body.as_mut().poll_frame(cx)) {
                None => Last::End,
                Some(Err(error)) => Last::Error(error),
                Some(Ok(frame)) => match frame.into_data().map_err(Frame::into_trailers) {
                    Ok(data) => match how.push(data) {
                        Ok(None) => continue,
                        Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                        Err(()) => match body.as_mut().limit(Cause::TooLarge, false) {
                            Ok(()) => Last::End,
                            Err(error) => Last::Error(error),
                        },
                    },
                    Err(Ok(trailers)) => Last::Trailers(trailers),
                    // There is no third kind of frame.
                    Err(Err(_)) => continue,
                },
            };
            if let Some(left) = how.finish(last) {
                return Poll::Ready(Some(Ok(Frame::data(left))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Restoring { body, how } => how.is_over || !how.has_begun && body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            // What is restored has another length.
            Kind::Restoring { .. } => SizeHint::default(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |own| own.len() as u64)),
        }
    }
}
