//! Marks on headers.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use lastbyte_redact::tower::{SENSITIVE, SENSITIVE_IN_RESPONSES, SensitiveHeadersLayer};
use tower::{Layer, ServiceBuilder, ServiceExt as _};

/// Two values of each of these names.
fn headers() -> HeaderMap {
    let more = ["x-user-id", "content-type", "x-request-id"];
    let names = SENSITIVE.into_iter().chain(SENSITIVE_IN_RESPONSES).chain(more).map(HeaderName::from_static);
    names
        .flat_map(|name| ["one", "two"].map(|value| (name.clone(), HeaderValue::from_static(value))))
        .collect()
}

fn marked(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<_> = headers
        .keys()
        .filter(|name| {
            let mut values = headers.get_all(*name).iter();
            let first = values.next().unwrap().is_sensitive();
            assert!(values.all(|value| value.is_sensitive() == first), "{name}");
            first
        })
        .map(ToString::to_string)
        .collect();
    names.sort();
    names
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

/// What is marked in a request further in, and in its response further out.
async fn through<L>(layer: L) -> [Vec<String>; 2]
where
    L: Layer<tower::util::BoxCloneSyncService<Request<()>, Response<Vec<String>>, Infallible>>,
    L::Service: tower::Service<Request<()>, Response = Response<Vec<String>>, Error = Infallible>,
{
    let service = tower::service_fn(async |request: Request<()>| {
        let mut response = Response::new(marked(request.headers()));
        *response.headers_mut() = headers();
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::new(());
    *request.headers_mut() = headers();
    let response =
        layer.layer(tower::util::BoxCloneSyncService::new(service)).oneshot(request).await.unwrap();
    let out = marked(response.headers());
    [response.into_body(), out]
}

#[tokio::test]
async fn each_side_marks_its_own() {
    let both = [&SENSITIVE[..], &SENSITIVE_IN_RESPONSES].concat();
    assert_eq!(through(SensitiveHeadersLayer::requests()).await, [sorted(&SENSITIVE), vec![]]);
    assert_eq!(through(SensitiveHeadersLayer::responses()).await, [vec![], sorted(&both)]);
    let more = SensitiveHeadersLayer::requests().with([HeaderName::from_static("x-user-id")]);
    assert_eq!(through(more).await, [sorted(&[&SENSITIVE[..], &["x-user-id"]].concat()), vec![]]);
}

#[tokio::test]
async fn between_the_two_no_log_shows_a_value() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let log = seen.clone();
    let trace = tower::util::MapRequestLayer::new(move |request: Request<()>| {
        log.lock().unwrap().push_str(&format!("{:?}", request.headers()));
        request
    });
    let log = seen.clone();
    let trace_back = tower::util::MapResponseLayer::new(move |response: Response<()>| {
        log.lock().unwrap().push_str(&format!("{:?}", response.headers()));
        response
    });
    let service = ServiceBuilder::new()
        .layer(SensitiveHeadersLayer::requests())
        .layer(trace)
        .layer(trace_back)
        .layer(SensitiveHeadersLayer::responses())
        .service_fn(async |request: Request<()>| {
            assert_eq!(request.headers()["authorization"], "Bearer sk-secret", "further in it can be used");
            Ok::<_, Infallible>(Response::builder().header("set-cookie", "id=secret").body(()).unwrap())
        });
    let request = Request::builder().header("authorization", "Bearer sk-secret").body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["set-cookie"], "id=secret");
    let seen = seen.lock().unwrap();
    assert!(
        seen.contains("\"authorization\": Sensitive") && seen.contains("\"set-cookie\": Sensitive"),
        "{seen}"
    );
    assert!(!seen.contains("secret"), "{seen}");
}

#[test]
fn keys_of_gateways_and_tokens_of_sign_ins_are_among_them() {
    for name in ["apikey", "x-litellm-api-key", "cf-access-jwt-assertion", "x-amzn-oidc-data", "dpop"] {
        assert!(SENSITIVE.contains(&name), "{name}");
    }
    for name in ["location", "x-subject-token"] {
        assert!(SENSITIVE_IN_RESPONSES.contains(&name), "{name}");
    }
}
