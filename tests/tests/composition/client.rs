//! Around hyper-util's client, as an application has them.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use lastbyte::core::{BodyError, Ending, EndingHandle};
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::retry::{Backoff, RetryLayer};
use lastbyte_mock::{Fault, Kind};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};

use super::support::{cut, fault, mock, read, request, until};
use std::time::Duration;

type AnswerBody = UnsyncBoxBody<Bytes, BodyError>;
type Stack = BoxCloneSyncService<Request<Full<Bytes>>, Response<AnswerBody>, Error>;

fn stack<S, B>(service: S) -> Stack
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error = BodyError> + Send + 'static,
{
    Stack::new(service.map_response(|response: Response<B>| response.map(BodyExt::boxed_unsync)))
}

fn client<B>() -> Client<hyper_util::client::legacy::connect::HttpConnector, B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<lastbyte::core::BoxError>,
{
    Client::builder(TokioExecutor::new()).build_http()
}

fn retry() -> RetryLayer {
    RetryLayer::new().with_backoff(Backoff::new(Duration::from_millis(5), Duration::from_millis(20)))
}

/// Orders that an application may come upon, each with its own types.
fn orders() -> Vec<(&'static str, Stack)> {
    let (seal, guard) = (SealLayer::new(), GuardLayer::new());
    let build = ServiceBuilder::new;
    vec![
        ("seal", stack(build().layer(seal).service(client()))),
        ("guard", stack(build().layer(guard).service(client()))),
        ("retry", stack(build().layer(retry()).service(client()))),
        ("seal > guard", stack(build().layer(seal).layer(guard).service(client()))),
        ("guard > seal", stack(build().layer(guard).layer(seal).service(client()))),
        ("retry > guard", stack(build().layer(retry()).layer(guard).service(client()))),
        ("guard > retry", stack(build().layer(guard).layer(retry()).service(client()))),
        ("seal > retry > guard", stack(build().layer(seal).layer(retry()).layer(guard).service(client()))),
        ("retry > seal > guard", stack(build().layer(retry()).layer(seal).layer(guard).service(client()))),
        ("guard > retry > seal", stack(build().layer(guard).layer(retry()).layer(seal).service(client()))),
    ]
}

#[tokio::test]
async fn a_whole_answer_comes_through_every_order() {
    let mock = mock(&[]).await;
    for (name, stack) in orders() {
        let response = stack.oneshot(request(&mock.addr().to_string())).await.unwrap();
        let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
        read(response).await.assert_whole(name);
        assert!(matches!(handle.ending(), Some(Ending::Complete { .. })), "{name}: {:?}", handle.ending());
    }
    until(&mock, "all answers were whole", |stats| stats.active == 0 && stats.answers == stats.requests)
        .await;
}

#[tokio::test]
async fn a_fault_before_content_is_asked_again_where_there_is_a_retry() {
    let faults = [
        Fault { code: Some(503), ..fault(Kind::Status) },
        Fault { code: Some(429), retry_after_ms: Some(10), ..fault(Kind::Status) },
        fault(Kind::ResetBeforeHead),
        Fault { after: Some(0), ..fault(Kind::Cut) },
        Fault { after: Some(0), ..fault(Kind::ErrorEvent) },
    ];
    for (name, stack) in orders().into_iter().filter(|(name, _)| name.contains("retry")) {
        for fault in &faults {
            let mock = mock(std::slice::from_ref(fault)).await;
            let what = format!("{name}, {:?}", fault.kind);
            let response = stack.clone().oneshot(request(&mock.addr().to_string())).await.expect(&what);
            assert_eq!(response.headers()["x-lastbyte-attempts"], "2", "{what}");
            read(response).await.assert_whole(&what);
            assert_eq!(mock.stats().requests, 2, "{what}");
        }
    }
}

#[tokio::test]
async fn a_cut_answer_ends_with_an_error_in_every_order() {
    for (name, stack) in orders() {
        let mock = mock(&[cut()]).await;
        let response = stack.oneshot(request(&mock.addr().to_string())).await.unwrap();
        let handle = response.extensions().get::<EndingHandle>().unwrap().clone();
        let got = read(response).await;
        assert!(got.failed, "{name}: it looks whole: {}", got.bytes);
        assert_eq!(got.code().is_some(), name.contains("seal"), "{name}: {}", got.bytes);
        assert!(matches!(handle.ending(), Some(Ending::Truncated { .. })), "{name}: {:?}", handle.ending());
        assert_eq!(mock.stats().requests, 1, "{name}: what was shown is not asked for again");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_call_upstream() {
    for (name, stack) in orders() {
        let stall = Fault { after: Some(3), ..fault(Kind::Stall) };
        let mock = mock(&[stall]).await;
        let response = stack.oneshot(request(&mock.addr().to_string())).await.unwrap();
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().is_ok(), "{name}");
        assert_eq!(mock.stats().active, 1, "{name}");
        drop(body);
        until(&mock, name, |stats| stats.active == 0 && stats.cancelled == 1).await;
    }
}
