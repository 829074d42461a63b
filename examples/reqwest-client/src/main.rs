//! `cargo run -p reqwest-client`: the layers around reqwest, by a small adapter.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use lastbyte::ServiceBuilderExt;
use lastbyte::core::{BoxError, EndingHandle};
use lastbyte::guard::GuardLayer;
use lastbyte::retry::ReplayBody;
use lastbyte_mock::{Faults, Mock, MockConfig};
use reqwest::Body;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Takes the layers' requests to reqwest, and its answers back.
///
/// The error is boxed: in a box the layers see what is below it, a connection that was never had above
/// all; reqwest's own type they do not know.
fn transport(
    client: reqwest::Client,
) -> impl Service<Request<ReplayBody<Body>>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone
{
    service_fn(move |request: Request<ReplayBody<Body>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(Body::wrap))?;
            Ok(Response::from(client.execute(request).await?))
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A chat API in this process. To the first call it says nothing; the second it asks to come back.
    let faults = br#"{"script": ["stall", {"kind": "status", "code": 429, "retry_after": 1}]}"#;
    let faults = Faults::read(faults)?;
    let chat_api = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await?;

    // A model that answers within a second; the default is a minute.
    let guard = GuardLayer::new().with_first_event(Duration::from_secs(1));
    let service =
        ServiceBuilder::new().retry_answers().layer(guard).service(transport(reqwest::Client::new()));

    let question = r#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}"#;
    let request = Request::post(format!("{}/chat/completions", chat_api.url()))
        .header("content-type", "application/json")
        .body(Body::from(question))?;
    let response = service.oneshot(request).await?;
    println!("{}, attempts: {:?}", response.status(), response.headers()["x-lastbyte-attempts"]);
    let ending = response.extensions().get::<EndingHandle>().cloned().ok_or("no handle")?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        print!("{}", String::from_utf8_lossy(&frame?.into_data().unwrap_or_default()));
    }
    println!("At the last byte: {}.", ending.wait().await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use lastbyte::core::{FailureKind, Sent, TransportFault};
    use lastbyte::retry::{MaxAttempts, RetryLayer};
    use tower::Layer;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_was_never_had_is_seen_in_the_box() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
        drop(listener);
        let once = RetryLayer::new().with_max_attempts(MaxAttempts::new(1).unwrap());
        let service = once.layer(transport(reqwest::Client::new()));
        let request = Request::post(url).body(Body::from("")).unwrap();
        let Err(error) = service.oneshot(request).await else { panic!("nobody listens there") };
        let fault = TransportFault::of_any(&error);
        assert_eq!((fault.kind, fault.sent), (FailureKind::Connect, Sent::No));
    }
}
