use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, Version, header};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Ending, Flushed, Refusal, Watch};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

mod body;

pub use body::SealBody;
use body::{Connection, Settings, Stream};

/// Headers that speak of the very bytes of a body, which an event of ours would change.
const DIGESTS: [HeaderName; 5] = [
    header::ETAG,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

/// Ends a broken answer so that nobody takes it for a whole one, and keeps a silent one alive.
///
/// A panic further in, on the way to a head or inside the body, is such a break too: it ends this answer
/// and no other one.
#[derive(Clone, Copy, Debug)]
pub struct SealLayer {
    settings: Settings,
    watch: Watch,
}

impl Default for SealLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl SealLayer {
    /// A heartbeat every 10 s, the transport failed at a broken end, 30 s for a reader to take the rest.
    pub fn new() -> Self {
        Self { settings: Settings::default(), watch: Watch::default().strict() }
    }

    /// How long nothing may be sent before a heartbeat is. Zero: none.
    #[must_use]
    pub fn with_heartbeat(mut self, every: Duration) -> Self {
        self.settings.heartbeat = Some(every).filter(|every| !every.is_zero());
        self
    }

    /// Whether the transport is failed behind the error event. Without that a reader that does not read
    /// error events takes the answer for a whole one.
    #[must_use]
    pub fn with_seal(mut self, seal: bool) -> Self {
        self.settings.seal = seal;
        self
    }

    /// How long a reader may take to take what was written for it before the transport is failed.
    #[must_use]
    pub fn with_stall_timeout(mut self, timeout: Duration) -> Self {
        self.settings.stall_timeout = timeout;
        self
    }

    /// How large one event may be, in bytes: what is held back of an event that is cut across chunks.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.settings.max_event = bytes;
        self.watch = self.watch.max_event(bytes);
        self
    }
}

impl<S> Layer<S> for SealLayer {
    type Service = Seal<S>;

    fn layer(&self, inner: S) -> Seal<S> {
        Seal { inner, layer: *self }
    }
}

/// The service of [`SealLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Seal<S> {
    inner: S,
    layer: SealLayer,
}

impl<S, A, B> Service<Request<A>> for Seal<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<SealBody<B>>;
    type Error = S::Error;
    type Future = SealFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let ask = Ask::of_request(request.method(), request.uri(), request.extensions());
        let connection = Connection {
            flushed: request.extensions().get::<Flushed>().cloned(),
            multiplexed: request.version() == Version::HTTP_2,
        };
        // A panic here is one of building the future; the future itself is not there yet.
        let mut inner = None;
        let _ = catch_unwind(AssertUnwindSafe(|| inner = Some(self.inner.call(request))));
        SealFuture { inner, ask, connection, layer: self.layer }
    }
}

pin_project! {
    /// The future of [`Seal`].
    pub struct SealFuture<F> {
        // `None` after a panic.
        #[pin]
        inner: Option<F>,
        ask: Ask,
        connection: Connection,
        layer: SealLayer,
    }
}

impl<F, B, E> Future for SealFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<SealBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut polled = None;
        if let Some(inner) = this.inner.as_mut().as_pin_mut() {
            let _ = catch_unwind(AssertUnwindSafe(|| polled = Some(inner.poll(cx))));
        }
        let (mut head, body) = match polled {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(Err(error))) => return Poll::Ready(Err(error)),
            Some(Poll::Ready(Ok(response))) => response.into_parts(),
            None => {
                this.inner.set(None);
                let refusal = Refusal::failed(Ending::Interrupted).dialect(this.ask.dialect);
                return Poll::Ready(Ok(refusal.into_response()));
            }
        };
        let body = this.layer.watch.body(this.ask, &mut head, body);
        let stream = this.ask.dialect.filter(|_| body.is_judging()).map(|dialect| {
            for name in DIGESTS {
                head.headers.remove(name);
            }
            let connection = std::mem::take(this.connection);
            Box::new(Stream::new(dialect, connection, this.layer.settings))
        });
        Poll::Ready(Ok(Response::from_parts(head, SealBody::new(body, stream))))
    }
}
