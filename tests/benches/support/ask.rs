//! Asking for one answer, as a reader does.

use std::fmt;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Where the gateway says which part of it said no.
const REFUSED_BY: &str = "x-lastbyte-refused-by";

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// A client that keeps so many connections that nobody uses.
pub(crate) fn client(idle: usize) -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // A request that is sent again in silence would hide a failure.
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_max_idle_per_host(idle).retry_canceled_requests(false).build(connector)
}

/// Why a reader has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failed {
    Request(String),
    NoAnswer,
    Status { status: StatusCode, refused_by: Option<String> },
    Broke,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(why) => f.write_str(why),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Status { status, refused_by: None } => write!(f, "{}", status.as_u16()),
            Self::Status { status, refused_by: Some(by) } => write!(f, "{} by {by}", status.as_u16()),
            Self::Broke => f.write_str("a connection that broke"),
        }
    }
}

/// Reads one answer, and hands on its bytes as they come. An error is what the reader sees.
pub(crate) async fn ask(
    client: &Http,
    url: &Uri,
    body: Bytes,
    read: impl FnMut(&[u8]),
) -> Result<(), Failed> {
    let request = Request::post(url.clone()).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Full::new(body)).map_err(|error| Failed::Request(error.to_string()))?;
    send(client, request, read).await
}

/// The same for a request with headers of its own.
pub(crate) async fn send(
    client: &Http,
    request: Request<Full<Bytes>>,
    mut read: impl FnMut(&[u8]),
) -> Result<(), Failed> {
    let response = client.request(request).await.map_err(|_| Failed::NoAnswer)?;
    if !response.status().is_success() {
        let refused_by = response.headers().get(REFUSED_BY).and_then(|by| by.to_str().ok());
        let failed = Failed::Status { status: response.status(), refused_by: refused_by.map(str::to_owned) };
        // Read, so that the connection can be used again.
        let _ = response.into_body().collect().await;
        return Err(failed);
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failed::Broke)?;
        if let Some(data) = frame.data_ref() {
            read(data);
        }
    }
    Ok(())
}
