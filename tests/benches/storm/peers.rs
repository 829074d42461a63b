//! Retries of other projects, as their users run them.

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use http::header;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use tokio::time::Instant;

use super::policy::{Asking, Client, Reply};
use crate::support::Done;
use crate::support::answer::{Reading, request};

/// As `reqwest::Client::new()`, without what the environment says of proxies: a proxy between here and the
/// loopback address would be measured with it.
fn http() -> Done<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

/// async-openai's client with nothing changed: its own retry layer, on by default.
pub(crate) struct AsyncOpenai(async_openai::Client<OpenAIConfig>);

impl AsyncOpenai {
    pub(crate) fn new(base: &str) -> Done<Self> {
        let config = OpenAIConfig::new().with_api_base(base).with_api_key("none");
        Ok(Self(async_openai::Client::with_config(config).with_http_client(http()?)))
    }

    fn request(question: &str) -> Result<CreateChatCompletionRequest, String> {
        let told = |error: async_openai::error::OpenAIError| error.to_string();
        let message =
            ChatCompletionRequestUserMessageArgs::default().content(question).build().map_err(told)?;
        let mut request = CreateChatCompletionRequestArgs::default();
        request.model("mock-1").messages([message.into()]).build().map_err(told)
    }
}

impl Client for AsyncOpenai {
    fn ask(&self, question: &str) -> Asking {
        let (client, request) = (self.0.clone(), Self::request(question));
        Box::pin(async move {
            let stream = client.chat().create_stream(request?).await;
            let mut stream = stream.map_err(|error| error.to_string())?;
            let (mut reply, mut finished) = (Reply { text: String::new(), first: None }, false);
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| error.to_string())?;
                for choice in chunk.choices {
                    let content = choice.delta.content.unwrap_or_default();
                    if !content.is_empty() && reply.first.is_none() {
                        reply.first = Some(Instant::now());
                    }
                    reply.text += &content;
                    finished |= choice.finish_reason.is_some();
                }
            }
            if finished { Ok(reply) } else { Err("an answer that is not whole".into()) }
        })
    }
}

/// reqwest-middleware with reqwest-retry, as the README has it: three retries.
pub(crate) struct ReqwestRetry {
    client: ClientWithMiddleware,
    url: String,
}

impl ReqwestRetry {
    pub(crate) fn new(url: &str) -> Done<Self> {
        let policy = ExponentialBackoff::builder().build_with_max_retries(3);
        let retry = RetryTransientMiddleware::new_with_policy(policy);
        Ok(Self { client: ClientBuilder::new(http()?).with(retry).build(), url: url.to_owned() })
    }
}

impl Client for ReqwestRetry {
    fn ask(&self, question: &str) -> Asking {
        let json = (header::CONTENT_TYPE, "application/json");
        let request = self.client.post(&self.url).header(json.0, json.1).body(request(question));
        Box::pin(async move {
            let mut response = request.send().await.map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Err(response.status().to_string());
            }
            let mut reading = Reading::default();
            while let Some(data) = response.chunk().await.map_err(|error| error.to_string())? {
                reading.push(&data);
            }
            let answer = reading.end();
            if !answer.whole {
                return Err("an answer that is not whole".into());
            }
            Ok(Reply { text: answer.text, first: reading.first() })
        })
    }
}
