use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Headers whose values let whoever reads them do what the sender may do.
///
/// Credentials of HTTP (RFC 9110, RFC 6265), and the names under which chat APIs, clouds and gateways before them take
/// a key or hand on who has signed in (DPoP: RFC 9449). With an idempotency key an answer can be read that another one
/// has paid for. Browsers that speak OpenAI's realtime API have no other place for their key than the WebSocket's
/// protocol.
pub const SENSITIVE: [&str; 40] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
    "cf-aig-authorization",
    "helicone-auth",
    "x-portkey-api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-forwarded-access-token",
    "x-vault-token",
    "idempotency-key",
    "sec-websocket-protocol",
    "apikey",
    "x-litellm-api-key",
    "x-openai-api-key",
    "x-functions-key",
    "private-token",
    "x-gitlab-token",
    "x-session-token",
    "x-refresh-token",
    "x-auth-request-access-token",
    "x-forwarded-authorization",
    "x-original-authorization",
    "x-serverless-authorization",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-goog-iap-jwt-assertion",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
    "x-ms-token-aad-refresh-token",
    "dpop",
];

/// Those of responses alone: cookies (RFC 6265), what goes on with an authentication (RFC 9110, section 11.6.3), the
/// tokens of OpenStack's sign-in, and where a redirect leads: signed URLs and OAuth (RFC 6749, section 4.2.2) have their
/// token there.
pub const SENSITIVE_IN_RESPONSES: [&str; 5] =
    ["set-cookie", "authentication-info", "proxy-authentication-info", "x-subject-token", "location"];

/// Marks the values of sensitive headers, so that `Debug` shows `Sensitive` in their place, and HTTP/2 does not keep
/// them in its compression tables (RFC 7541, section 7.1.3).
#[derive(Clone, Debug)]
pub struct SensitiveHeadersLayer {
    names: Arc<[HeaderName]>,
    on: On,
}

#[derive(Clone, Copy, Debug)]
enum On {
    Requests,
    Responses,
}

impl SensitiveHeadersLayer {
    /// For requests: goes outside of the layer that logs them.
    #[must_use]
    pub fn requests() -> Self {
        Self { names: SENSITIVE.map(HeaderName::from_static).into(), on: On::Requests }
    }

    /// For responses: goes inside of the layer that logs them. What an API echoes of a request is marked, too.
    #[must_use]
    pub fn responses() -> Self {
        let names = SENSITIVE.into_iter().chain(SENSITIVE_IN_RESPONSES).map(HeaderName::from_static);
        Self { names: names.collect(), on: On::Responses }
    }

    /// Marks these, too.
    #[must_use]
    pub fn with(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.names = self.names.iter().cloned().chain(names).collect();
        self
    }
}

impl<S> Layer<S> for SensitiveHeadersLayer {
    type Service = SensitiveHeaders<S>;

    fn layer(&self, inner: S) -> SensitiveHeaders<S> {
        SensitiveHeaders { inner, layer: self.clone() }
    }
}

/// The service of [`SensitiveHeadersLayer`].
#[derive(Clone, Debug)]
pub struct SensitiveHeaders<S> {
    inner: S,
    layer: SensitiveHeadersLayer,
}

impl<S, A, B> Service<Request<A>> for SensitiveHeaders<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = MarkedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let SensitiveHeadersLayer { names, on } = &self.layer;
        let names = match on {
            On::Requests => {
                mark(request.headers_mut(), names);
                None
            }
            On::Responses => Some(names.clone()),
        };
        MarkedFuture { inner: self.inner.call(request), names }
    }
}

/// Of the headers that are there each is asked for: there are fewer of them than of sensitive names.
fn mark(headers: &mut HeaderMap, names: &[HeaderName]) {
    for (name, value) in headers {
        if names.contains(name) {
            value.set_sensitive(true);
        }
    }
}

pin_project! {
    /// The future of [`SensitiveHeaders`].
    pub struct MarkedFuture<F> {
        #[pin]
        inner: F,
        // Those to mark in the response.
        names: Option<Arc<[HeaderName]>>,
    }
}

impl<F> fmt::Debug for MarkedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarkedFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for MarkedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(names) = this.names {
            mark(response.headers_mut(), names);
        }
        Poll::Ready(Ok(response))
    }
}
