use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header, request};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Dialect, Refusal, Resume, Tenant, WholeBody, is_encoded};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::layer::MaskLayer;
use super::request::Unread;
use super::wire::Wire;
use super::{Map, MaskedBody, ResponseBody, Unreadable, answer, request as masking};

/// Headers that speak of the very bytes of a body.
pub(super) const DIGESTS: [HeaderName; 5] = [
    header::ETAG,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

pin_project! {
    /// The future of [`Mask`](super::Mask).
    pub struct ResponseFuture<S, A>
    where
        S: Service<Request<MaskedBody<A>>>,
        A: Body,
    {
        #[pin]
        state: State<S, A>,
        ask: Ask,
        layer: MaskLayer,
        masked: Option<(Arc<Map>, Wire)>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, A>
    where
        S: Service<Request<MaskedBody<A>>>,
        A: Body,
    {
        // `None` while it turns into another state.
        Reading { reading: Option<Reading<S, A>> },
        Calling { #[pin] future: S::Future },
    }
}

/// A request that is read before it is sent.
pub(super) struct Reading<S, A> {
    service: S,
    head: request::Parts,
    body: A,
    dialect: Dialect,
    kept: Vec<Bytes>,
    size: usize,
    trailers: Option<HeaderMap>,
}

impl<S, A> Reading<S, A> {
    pub(super) fn new(service: S, request: Request<A>, dialect: Dialect) -> Self {
        let (head, body) = request.into_parts();
        Self { service, head, body, dialect, kept: Vec::new(), size: 0, trailers: None }
    }
}

/// How reading a request ended.
enum Read<E> {
    Whole,
    Unread(Unread),
    Broken(E),
}

impl<S, A> Reading<S, A>
where
    A: Body<Data = Bytes> + Unpin,
{
    fn poll(&mut self, max: usize, cx: &mut Context<'_>) -> Poll<Read<A::Error>> {
        if is_encoded(&self.head.headers) {
            return Poll::Ready(Read::Unread(Unread::Compressed));
        }
        loop {
            if self.size as u64 + self.body.size_hint().lower() > max as u64 {
                return Poll::Ready(Read::Unread(Unread::TooLarge));
            }
            if self.body.is_end_stream() {
                return Poll::Ready(Read::Whole);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(Read::Whole),
                Some(Err(error)) => return Poll::Ready(Read::Broken(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.size += data.len();
                        self.kept.push(data);
                    }
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        return Poll::Ready(Read::Whole);
                    }
                },
            }
        }
    }

    /// What is sent instead, where something was masked in it.
    fn mask(&mut self, read: &Read<A::Error>, layer: &MaskLayer) -> Result<Option<(Bytes, Map)>, Unread> {
        match read {
            Read::Unread(why) => return Err(*why),
            Read::Whole if self.size > 0 => {}
            Read::Whole | Read::Broken(_) => return Ok(None),
        }
        let whole = match &mut self.kept[..] {
            [one] => std::mem::take(one),
            several => several.iter().fold(BytesMut::with_capacity(self.size), joined).freeze(),
        };
        let tenant = Tenant::of(&self.head.extensions).0.to_string();
        let masked = masking::mask(&layer.shared.masker.for_tenant(&tenant), &whole);
        self.kept = vec![whole];
        masked.map(|(body, map)| body.map(|body| (Bytes::from(body), map)))
    }
}

fn joined(mut all: BytesMut, part: &Bytes) -> BytesMut {
    all.extend_from_slice(part);
    all
}

impl<S, A> ResponseFuture<S, A>
where
    S: Service<Request<MaskedBody<A>>>,
    A: Body<Data = Bytes> + Unpin,
{
    pub(super) fn passing(future: S::Future, ask: Ask, layer: &MaskLayer) -> Self {
        Self { state: State::Calling { future }, ask, layer: layer.clone(), masked: None }
    }

    pub(super) fn reading(reading: Reading<S, A>, ask: Ask, layer: &MaskLayer) -> Self {
        Self { state: State::Reading { reading: Some(reading) }, ask, layer: layer.clone(), masked: None }
    }
}

/// Sends a request that was read.
fn send<S, A>(
    mut reading: Reading<S, A>,
    read: Read<A::Error>,
    layer: &MaskLayer,
) -> Result<(S::Future, Option<(Arc<Map>, Wire)>), Refusal>
where
    S: Service<Request<MaskedBody<A>>>,
    A: Body<Data = Bytes> + Unpin,
{
    let totals = &layer.shared.totals;
    let masked = match reading.mask(&read, layer) {
        Ok(masked) => masked,
        Err(_) if layer.config.unreadable == Unreadable::Pass => {
            totals.pass();
            None
        }
        Err(why) => {
            totals.refuse();
            return Err(why.refusal().dialect(Some(reading.dialect)));
        }
    };
    let Reading { mut service, mut head, body, dialect, mut kept, trailers, .. } = reading;
    let Some((masked, map)) = masked else {
        let mut answered = None;
        let body = match read {
            Read::Broken(error) => MaskedBody::broken(error),
            Read::Unread(_) => MaskedBody::begun(kept, body),
            Read::Whole => {
                let whole = kept.pop().unwrap_or_default();
                let wire = Wire::asked(dialect, &whole);
                if wire.is_continued {
                    // Its answer can have stand-ins of earlier requests: they stay, and are counted.
                    head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
                    answered = Some((Arc::new(Map::default()), wire));
                }
                if trailers.is_none() {
                    head.extensions.insert(WholeBody(whole.clone()));
                }
                MaskedBody::whole(whole, trailers)
            }
        };
        return Ok((service.call(Request::from_parts(head, body)), answered));
    };
    totals.mask(map.len());
    for name in DIGESTS {
        head.headers.remove(name);
    }
    if head.headers.contains_key(header::CONTENT_LENGTH) {
        head.headers.insert(header::CONTENT_LENGTH, masked.len().into());
    }
    // Nothing can be restored in what is compressed.
    head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let (map, wire) = (Arc::new(map), Wire::asked(dialect, &masked));
    if let Some(resume) = head.extensions.get_mut::<Resume>() {
        *resume = answer::hide(&map, wire, resume);
    }
    if trailers.is_none() {
        // Who goes on with an answer that is taken over has to read the request first.
        head.extensions.insert(WholeBody(masked.clone()));
    }
    let request = Request::from_parts(head, MaskedBody::whole(masked, trailers));
    Ok((service.call(request), Some((map, wire))))
}

impl<S, A, B> Future for ResponseFuture<S, A>
where
    S: Service<Request<MaskedBody<A>>, Response = Response<B>>,
    A: Body<Data = Bytes> + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Reading { reading } => {
                    let Some(now) = reading else { return Poll::Pending };
                    let read = ready!(now.poll(this.layer.config.max_body, cx));
                    let Some(now) = reading.take() else { return Poll::Pending };
                    match send(now, read, this.layer) {
                        Ok((future, masked)) => {
                            *this.masked = masked;
                            this.state.set(State::Calling { future });
                        }
                        Err(refusal) => return Poll::Ready(Ok(refusal.into_response())),
                    }
                }
                StateProj::Calling { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(ResponseBody::around(
                        response,
                        this.ask,
                        this.layer,
                        this.masked.take(),
                    )));
                }
            }
        }
    }
}
