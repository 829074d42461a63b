//! One layer under test, its types forgotten, so that it can stand anywhere in an order.

use std::convert::Infallible;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::Route;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte::core::BodyError;
use tower::{Layer, Service};

use crate::boxed::{Boxed, Inside, RequestBody, boxed};
use crate::chat::ChatError;

/// What a layer does to an answer, as far as a check has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Holds an event stream to its ending: a broken one ends with an error.
    Judges,
    /// Limits the time of a call.
    Limits,
    /// Tells the reader of a broken end, keeps a silent one alive, turns a panic into an end.
    Seals,
    /// Rewrites requests and answers: it sends a request of its own, forwards whole events, and tells no length.
    Rewrites,
    /// Asks again, [`ATTEMPTS`] times in all, where no content was forwarded.
    Retries,
}

/// How often a retry of the suite asks.
pub const ATTEMPTS: usize = 2;

/// How large an event, a request or an answer may be that is kept, in every layer of the suite.
pub const CAP: usize = 64 << 10;

/// A layer by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in the tests and in the matrix.
    pub name: &'static str,
    /// Makes it, with fresh state.
    pub make: fn() -> Subject,
}

/// One value of a layer.
pub struct Subject {
    /// What it does.
    pub does: &'static [Does],
    around: Box<dyn Fn(Boxed) -> Boxed>,
    mount: Box<dyn Fn(Router) -> Router>,
}

impl Subject {
    /// Any layer that keeps the types of the contract: the error of the service stays what it is, the
    /// errors of the body are [`BodyError`]s, and it mounts in axum.
    pub fn new<L, B>(layer: L, does: &'static [Does]) -> Self
    where
        L: Layer<Inside> + Layer<Route> + Clone + Send + Sync + 'static,
        <L as Layer<Inside>>::Service: Service<Request<RequestBody>, Response = Response<B>, Error = ChatError>
            + Clone
            + Send
            + Sync
            + 'static,
        <<L as Layer<Inside>>::Service as Service<Request<RequestBody>>>::Future: Send + 'static,
        B: Body<Data = Bytes, Error = BodyError> + Send + 'static,
        <L as Layer<Route>>::Service:
            Service<Request<axum::body::Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        <<L as Layer<Route>>::Service as Service<Request<axum::body::Body>>>::Response:
            IntoResponse + 'static,
        <<L as Layer<Route>>::Service as Service<Request<axum::body::Body>>>::Future: Send + 'static,
    {
        let mounted = layer.clone();
        Self::with_errors(layer, does, Box::new(move |router| router.layer(mounted.clone())))
    }

    /// A layer whose body errors are not known to be [`BodyError`]s, and that need not mount.
    pub(crate) fn with_errors<L, B>(
        layer: L,
        does: &'static [Does],
        mount: Box<dyn Fn(Router) -> Router>,
    ) -> Self
    where
        L: Layer<Inside> + 'static,
        L::Service: Service<Request<RequestBody>, Response = Response<B>, Error = ChatError>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<RequestBody>>>::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<lastbyte::core::BoxError>,
    {
        let around = Box::new(move |inner: Boxed| boxed(layer.layer(Inside::from(inner))));
        Self { does, around, mount }
    }

    /// A service with this layer around `inner`.
    pub fn around(&self, inner: Boxed) -> Boxed {
        (self.around)(inner)
    }

    /// A router with this layer around each of its routes.
    pub fn mount(&self, router: Router) -> Router {
        (self.mount)(router)
    }
}
