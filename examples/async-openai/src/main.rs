//! `cargo run -p async-openai-client`: async-openai over the layers, so that it tells a cut answer from a
//! short one.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequest};
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use lastbyte::ServiceBuilderExt;
use lastbyte::core::{Ask, BoxError};
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
) -> impl Service<Request<ReplayBody<Body>>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync {
    service_fn(move |request: Request<ReplayBody<Body>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(Body::wrap))?;
            Ok(Response::from(client.execute(request).await?))
        }
    })
}

/// What async-openai sends its requests through: the layers, around reqwest.
fn layered(
    client: reqwest::Client,
) -> impl Service<HttpRequestFactory, Response = reqwest::Response, Error = OpenAIError, Future: Send>
+ Clone
+ Send
+ Sync {
    let layers = ServiceBuilder::new().retry_answers().guard().service(transport(client));
    service_fn(move |factory: HttpRequestFactory| {
        let layers = layers.clone();
        async move {
            let (mut head, body) = Request::try_from(factory.build().await?)?.into_parts();
            // Whether a stream is asked for stands in the body; the guard wants to know before a head comes.
            let ask = Ask::of(&head).read(body.as_bytes().unwrap_or_default());
            head.extensions.insert(ask);
            let response = layers.oneshot(Request::from_parts(head, body)).await?;
            // A stream, since a reqwest body has to be `Sync` and ours need not be.
            let response = response.map(|body| Body::wrap_stream(body.into_data_stream()));
            Ok(reqwest::Response::from(response))
        }
    })
}

/// Asks, and tells how the answer looked to one who reads it with async-openai.
async fn ask(client: &Client<OpenAIConfig>) -> Result<String, OpenAIError> {
    let question = CreateChatCompletionRequest {
        model: "m".into(),
        messages: vec![ChatCompletionRequestUserMessage::from("Hello").into()],
        ..Default::default()
    };
    let mut stream = client.chat().create_stream(question).await?;
    let mut events = 0;
    while let Some(event) = stream.next().await {
        match event {
            Ok(_) => events += 1,
            Err(error) => return Ok(format!("{events} events, then an error: {error}")),
        }
    }
    Ok(format!("{events} events, then the end, and no error"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A chat API in this process that cuts each answer in the middle, cleanly.
    let faults = Faults::read(br#"{"cut": 1}"#)?;
    let chat_api = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await?;
    let config = OpenAIConfig::new().with_api_base(chat_api.url()).with_api_key("none");

    let alone = Client::with_config(config.clone());
    println!("alone: {}", ask(&alone).await?);
    let over_the_layers = Client::with_config(config).with_http_service(layered(reqwest::Client::new()));
    println!("over the layers: {}", ask(&over_the_layers).await?);
    Ok(())
}
