use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use lastbyte_core::{Ask, BoxError, Classify, ClassifyChat, Listening, Watch};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::layer::{Config, ResponseBody, Shared, refusal};
use crate::reserved::Call;
use crate::{Denied, Quotas, Reserved, Standing, headers};

pin_project! {
    /// The future of [`Quota`](crate::Quota).
    pub struct ResponseFuture<S, Q, A>
    where
        S: Service<Request<A>>,
        Q: Quotas,
    {
        #[pin]
        kind: Kind<S, Q, A>,
        ask: Ask,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<S, Q, A>
    where
        S: Service<Request<A>>,
        Q: Quotas,
    {
        Calling {
            // Before `reserved`: what it holds is dropped first.
            #[pin]
            inner: S::Future,
            watch: Watch,
            reserved: Option<Reserved<Q>>,
            standing: Option<Standing>,
        },
        // In a box: only where the allowances are kept elsewhere.
        Late { late: Pin<Box<Late<S, Q, A>>> },
        Refused { denied: Denied },
    }
}

/// What is reserved once it was granted.
type Reserve<Q> = (Arc<Shared<Q>>, Call);

pin_project! {
    /// A call that waits to hear whether it may.
    pub(crate) struct Late<S, Q, A>
    where
        Q: Quotas,
    {
        #[pin]
        pub(crate) later: Q::Later,
        pub(crate) service: S,
        pub(crate) request: Option<Request<A>>,
        pub(crate) reserve: Option<Reserve<Q>>,
        pub(crate) config: Config,
    }
}

impl<S, Q, A> ResponseFuture<S, Q, A>
where
    S: Service<Request<A>>,
    Q: Quotas,
{
    #[inline]
    pub(crate) fn calling(
        inner: S::Future,
        ask: Ask,
        watch: Watch,
        reserved: Option<Reserved<Q>>,
        standing: Option<Standing>,
    ) -> Self {
        Self { kind: Kind::Calling { inner, watch, reserved, standing }, ask }
    }

    pub(crate) fn late(late: Late<S, Q, A>, ask: Ask) -> Self {
        Self { kind: Kind::Late { late: Box::pin(late) }, ask }
    }

    #[cold]
    pub(crate) fn refused(denied: Denied, ask: Ask) -> Self {
        Self { kind: Kind::Refused { denied }, ask }
    }
}

impl<S, Q, A> fmt::Debug for ResponseFuture<S, Q, A>
where
    S: Service<Request<A>>,
    Q: Quotas,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, Q, A, B> Future for ResponseFuture<S, Q, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: 'static,
    Q: Quotas,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B, Q>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.kind.as_mut().project() {
                KindProj::Calling { inner, watch, reserved, standing } => {
                    let answer = ready!(inner.poll(cx));
                    let mut reserved = reserved.take();
                    let response = match answer {
                        Ok(response) => response,
                        Err(error) => {
                            if let Some(reserved) = reserved {
                                reserved.failed(&ClassifyChat::default().ending(&error));
                            }
                            return Poll::Ready(Err(error));
                        }
                    };
                    let (mut head, body) = response.into_parts();
                    if let Some(reserved) = &mut reserved {
                        reserved.answered(this.ask.is_answered_by_stream(&head));
                    }
                    if let Some(standing) = standing {
                        headers::write(standing, &mut head.headers);
                    }
                    let body = watch.body(this.ask, &mut head, body);
                    return Poll::Ready(Ok(Response::from_parts(head, Listening::new(body, reserved))));
                }
                KindProj::Late { late } => {
                    let next = ready!(late.as_mut().poll_granted(cx));
                    this.kind.set(next);
                }
                KindProj::Refused { denied } => {
                    let (refusal, standing) = refusal(denied);
                    let mut response = refusal.dialect(this.ask.dialect).into_response();
                    headers::write(&standing, response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

impl<S, Q, A> Late<S, Q, A>
where
    S: Service<Request<A>>,
    Q: Quotas,
{
    /// The call itself, once it may, or why it may not.
    fn poll_granted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Kind<S, Q, A>> {
        let this = self.project();
        let standing = match ready!(this.later.poll(cx)) {
            Ok(standing) => standing,
            Err(denied) => return Poll::Ready(Kind::Refused { denied }),
        };
        let (Some(request), Some(reserve)) = (this.request.take(), this.reserve.take()) else {
            return Poll::Pending;
        };
        let (shared, call) = reserve;
        let Config { watch, headers, .. } = *this.config;
        let reserved = Some(Reserved::new(shared, call));
        let inner = this.service.call(request);
        Poll::Ready(Kind::Calling { inner, watch, reserved, standing: headers.then_some(standing) })
    }
}
