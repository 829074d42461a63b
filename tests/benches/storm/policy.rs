//! The policies that are compared: each a client of its own, with connections of its own.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client as HyperClient};
use hyper_util::rt::TokioExecutor;
use lastbyte::retry::RetryLayer;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

use super::peers;
use crate::support::Done;
use crate::support::answer::{Reading, request};
use crate::support::mock::MockThread;

/// What a caller was told.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) first: Option<Instant>,
}

/// The future of one question. An error is why there is no answer.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Reply, String>> + Send>>;

/// Asks a chat API, under some policy.
pub(crate) trait Client: Send + Sync {
    fn ask(&self, question: &str) -> Asking;
}

/// How failures are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    NoRetry,
    SourceDesign,
    FullJitter,
    AsyncOpenai,
    ReqwestRetry,
    OursUnpaced,
    Ours,
}

impl Policy {
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::NoRetry,
            Self::SourceDesign,
            Self::FullJitter,
            Self::AsyncOpenai,
            Self::ReqwestRetry,
            Self::OursUnpaced,
            Self::Ours,
        ]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoRetry => "no retry",
            Self::SourceDesign => "doubling, 10 % jitter",
            Self::FullJitter => "doubling, full jitter",
            Self::AsyncOpenai => "async-openai",
            Self::ReqwestRetry => "reqwest-retry",
            Self::OursUnpaced => "lastbyte, unpaced",
            Self::Ours => "lastbyte",
        }
    }

    /// A client of `mock`; `seed` is for its jitter, where it takes one.
    pub(crate) fn client(self, mock: &MockThread, seed: u64, deadline: Duration) -> Done<Arc<dyn Client>> {
        let url: Uri = mock.chat().parse()?;
        let again = |attempts, jitter| Again {
            http: http(),
            url: url.clone(),
            attempts,
            jitter,
            random: random(seed),
        };
        let layered = |pacing| Layered {
            service: RetryLayer::new().with_pacing(pacing).with_total(deadline).with_seed(seed).layer(http()),
            url: url.clone(),
        };
        Ok(match self {
            Self::NoRetry => Arc::new(again(1, 0.0)),
            Self::SourceDesign => Arc::new(again(5, 0.1)),
            Self::FullJitter => Arc::new(again(5, 1.0)),
            Self::AsyncOpenai => Arc::new(peers::AsyncOpenai::new(&mock.base())?),
            Self::ReqwestRetry => Arc::new(peers::ReqwestRetry::new(&mock.chat())?),
            Self::OursUnpaced => Arc::new(layered(false)),
            Self::Ours => Arc::new(layered(true)),
        })
    }
}

fn random(seed: u64) -> Arc<Mutex<fastrand::Rng>> {
    Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)))
}

fn http<B>() -> HyperClient<HttpConnector, B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    HyperClient::builder(TokioExecutor::new()).build(connector)
}

fn post(url: &Uri, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
    let request = Request::post(url.clone()).header(header::CONTENT_TYPE, "application/json");
    request.body(Full::new(body)).map_err(|error| error.to_string())
}

/// Reads an answer to its end.
async fn read<B>(response: Response<B>) -> Result<Reply, String>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    if !response.status().is_success() {
        return Err(response.status().to_string());
    }
    let mut body = std::pin::pin!(response.into_body());
    let mut reading = Reading::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(data) = frame.data_ref() {
            reading.push(data);
        }
    }
    let answer = reading.end();
    if !answer.whole {
        return Err("an answer that is not whole".into());
    }
    Ok(Reply { text: answer.text, first: reading.first() })
}

/// The loop that many write: after 429, 5xx or a failed connection again, after 1 s and then twice as long
/// each time, at most 20 s. Of each wait the part `jitter` is random: with 0.1 it is 0.9 to 1.1 of the
/// doubling, with 1.0 it is drawn from zero up to it ("full jitter").
#[derive(Clone)]
struct Again {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    url: Uri,
    attempts: u32,
    jitter: f64,
    random: Arc<Mutex<fastrand::Rng>>,
}

impl Again {
    fn wait(&self, attempt: u32) -> Duration {
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        let doubled = f64::from(1 << (attempt - 1).min(10)).min(20.0);
        let factor = if self.jitter < 1.0 { 1.0 + self.jitter * (2.0 * random - 1.0) } else { random };
        Duration::from_secs_f64(doubled * factor)
    }

    async fn answer(self, body: Bytes) -> Result<Reply, String> {
        let mut attempt = 1;
        loop {
            let failed = match self.http.request(post(&self.url, body.clone())?).await {
                Ok(response) if is_passing(response.status()) => {
                    let status = response.status();
                    // Read, so that its connection can be used again.
                    let _ = response.into_body().collect().await;
                    status.to_string()
                }
                Ok(response) => return read(response).await,
                Err(error) if error.is_connect() => error.to_string(),
                Err(error) => return Err(error.to_string()),
            };
            if attempt == self.attempts {
                return Err(failed);
            }
            sleep(self.wait(attempt)).await;
            attempt += 1;
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

impl Client for Again {
    fn ask(&self, question: &str) -> Asking {
        Box::pin(self.clone().answer(request(question)))
    }
}

/// A layer around a hyper client.
struct Layered<S> {
    service: S,
    url: Uri,
}

impl<S, B> Client for Layered<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = legacy::Error>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send,
    B::Error: std::fmt::Display,
{
    fn ask(&self, question: &str) -> Asking {
        let (service, request) = (self.service.clone(), post(&self.url, request(question)));
        Box::pin(async move {
            let response = service.oneshot(request?).await.map_err(|error| error.to_string())?;
            read(response).await
        })
    }
}
