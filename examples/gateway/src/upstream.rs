//! The chat API behind the gateway: its client, and the headers on the way there and back.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lastbyte::core::{Ask, Dialect, REFUSED_BY};
use lastbyte::idempotency::IDEMPOTENCY_KEY;
use lastbyte::retry::ReplayBody;
use lastbyte::retry::splice::ACCEPT;
use std::time::Duration;

use crate::config::Config;

pub(crate) type Client = legacy::Client<HttpsConnector<HttpConnector>, ReplayBody<Full<Bytes>>>;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Idle connections are let go sooner than chat APIs and the balancers before them do it (60 s and more):
/// a request on a connection that is just being closed has to be sent twice.
const POOL_IDLE: Duration = Duration::from_secs(45);

/// What is read at once from the chat API, and the largest head of an answer, in bytes: what a reader that
/// stopped reading holds of its answer.
const BUFFER: usize = 64 << 10;

/// Headers that belong to one connection (RFC 9110 section 7.6.1), those of older drafts among them.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Headers of a request that are for the gateway, or that are made anew.
const OURS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::COOKIE,
    REQUEST_ID,
    HeaderName::from_static("x-request-timeout"),
    HeaderName::from_static("x-user-id"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("proxy-connection"),
];

fn tcp(config: &Config) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(config.upstream.connect_timeout));
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

/// A client of HTTP/1.1 only: with HTTP/2 all answers share one connection, its window, its limit of
/// streams (100 is usual) and its end.
pub(crate) fn client(config: &Config) -> Result<Client, rustls::Error> {
    let tls = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp(config));
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .http1_max_buf_size(BUFFER)
        .build(tls))
}

/// The same address in one spelling (RFC 3986 section 6.2.2): letters are themselves, not their codes, and one
/// slash is one. What a path means is decided here by its spelling, and upstreams read it decoded. `None`: it is
/// spelt like that already.
pub(crate) fn normal(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains('%') && !path.contains("//") {
        return None;
    }
    let mut normal = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                .filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)),
            _ => None,
        };
        let byte = code.unwrap_or(*first);
        if byte != b'/' || normal.last() != Some(&b'/') {
            normal.push(byte);
        }
        rest = &rest[if code.is_some() { 3 } else { 1 }..];
    }
    let mut text = String::from_utf8(normal).ok()?;
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok().filter(|normal| normal != uri)
}

/// Where a request to `/v1/…` goes under the upstream's base URL, or why it cannot.
pub(crate) fn target(base: &Uri, asked: &Uri) -> Result<Uri, &'static str> {
    let path = asked.path().strip_prefix("/v1").unwrap_or_default();
    let climbs = path
        .split(['/', '\\'])
        .any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."));
    // The key is for the API below the base URL, not for whatever else its host has.
    if climbs || path.to_ascii_lowercase().contains("%2f..") {
        return Err("the path has a segment of dots");
    }
    let query = asked.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = base.clone().into_parts();
    let full = format!("{}{path}{query}", base.path());
    parts.path_and_query = Some(full.parse::<PathAndQuery>().map_err(|_| "the path is not one")?);
    Uri::from_parts(parts).map_err(|_| "the path is not one")
}

/// Removes what belongs to one connection only.
fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The headers of a reader's request as the upstream is to see them.
pub(crate) fn request_headers(
    headers: &mut HeaderMap,
    ask: &Ask,
    key: Option<&HeaderValue>,
    id: &HeaderValue,
) {
    strip_hops(headers);
    for name in &OURS {
        headers.remove(name);
    }
    headers.insert(REQUEST_ID, id.clone());
    if ask.dialect.is_some() {
        // A compressed answer cannot be read, so nobody could tell whether it is whole.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(key) = key {
        for name in [header::AUTHORIZATION, API_KEY, HeaderName::from_static("api-key")] {
            headers.remove(name);
        }
        if ask.dialect == Some(Dialect::Anthropic) {
            headers.insert(API_KEY, key.clone());
        } else {
            let mut bearer = Vec::from(&b"Bearer "[..]);
            bearer.extend_from_slice(key.as_bytes());
            if let Ok(mut bearer) = HeaderValue::from_maybe_shared(Bytes::from(bearer)) {
                bearer.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, bearer);
            }
        }
    }
}

/// An attempt's request as the client takes it: the reader's version is the reader's.
pub(crate) fn outgoing<B>(mut request: Request<B>) -> Request<B> {
    *request.version_mut() = Version::HTTP_11;
    // The layers have read it.
    request.headers_mut().remove(ACCEPT);
    request.headers_mut().remove(IDEMPOTENCY_KEY);
    request
}

/// An attempt's answer without what was for our connection only.
pub(crate) fn incoming(mut response: Response<Incoming>) -> Response<Incoming> {
    let headers = response.headers_mut();
    strip_hops(headers);
    // Ours to say; an upstream that is a gateway like this one has said it to us.
    headers.remove(REFUSED_BY);
    if let Some(id) = headers.remove(REQUEST_ID) {
        headers.insert(UPSTREAM_REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use tower::Service;

    use super::*;

    #[tokio::test]
    async fn a_connection_upstream_has_nagle_off() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connected = tcp(&Config::default()).call(url).await.unwrap();
        assert!(connected.inner().nodelay().unwrap());
    }

    #[test]
    fn paths_stay_below_the_base() {
        let base = Uri::from_static("http://api.test/base/v1");
        let to = |path: &'static str| target(&base, &Uri::from_static(path)).map(|uri| uri.to_string());
        assert_eq!(to("/v1/models?limit=2").unwrap(), "http://api.test/base/v1/models?limit=2");
        for climbing in ["/v1/../admin", "/v1/a/%2e%2E/b", "/v1/.", "/v1/a%2f../b"] {
            assert!(to(climbing).is_err(), "{climbing}");
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        let normal = |path: &'static str| normal(&Uri::from_static(path)).map(|uri| uri.to_string());
        for path in ["/v1/chat/%63ompletions", "/v1//chat///completions", "/v1/ch%61t/%63%6Fmpletions"] {
            assert_eq!(normal(path).as_deref(), Some("/v1/chat/completions"), "{path}");
        }
        assert_eq!(normal("/v1/a%2e%2E/b?c=%63//").as_deref(), Some("/v1/a../b?c=%63//"));
        assert_eq!(normal("http://h:1/v1/%7Ea").as_deref(), Some("http://h:1/v1/~a"));
        // What has a meaning of its own stays as it is, and so does what is no code.
        for path in
            ["/v1/models/ft%3Agpt", "/v1/a%2Fb", "/v1/a%", "/v1/a%6", "/v1/a%zz", "/v1/%C3%A9", "/v1/a"]
        {
            assert_eq!(normal(path), None, "{path}");
        }
    }

    #[test]
    fn headers_of_one_connection_stay_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Own"),
            ("x-own", "1"),
            ("te", "trailers"),
            ("cookie", "a=b"),
            ("authorization", "Bearer reader"),
            ("accept-encoding", "gzip"),
            ("x-stainless-lang", "python"),
            ("x-request-timeout", "3"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let ask = Ask::from_path("/v1/chat/completions");
        let key = HeaderValue::from_static("secret");
        request_headers(&mut headers, &ask, Some(&key), &HeaderValue::from_static("req_1"));
        let mut left: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        left.sort();
        let want = [
            "accept-encoding: identity",
            "authorization: Bearer secret",
            "x-request-id: req_1",
            "x-stainless-lang: python",
        ];
        assert_eq!(left, want);
        let ask = Ask::from_path("/v1/messages");
        request_headers(&mut headers, &ask, Some(&key), &HeaderValue::from_static("req_1"));
        assert_eq!(headers["x-api-key"], "secret");
        assert!(!headers.contains_key("authorization"));
    }
}
