//! `cargo run -p hyper-client`: the layers around hyper-util's client; two calls fail, and nobody notices.

use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lastbyte::ServiceBuilderExt;
use lastbyte::core::{BoxError, EndingHandle};
use lastbyte_mock::{Faults, Mock, MockConfig};
use tower::{ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A chat API in this process. It resets the first call; to the second it says 200, and nothing more.
    let faults = Faults::read(br#"{"script": ["reset_before_head", {"kind": "cut", "after": 0}]}"#)?;
    let chat_api = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await?;

    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = ServiceBuilder::new().retry_answers().guard().service(client);

    let question = r#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}"#;
    let request = http::Request::post(format!("{}/chat/completions", chat_api.url()))
        .header("content-type", "application/json")
        .body(Full::from(question))?;
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
