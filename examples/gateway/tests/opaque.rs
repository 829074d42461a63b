//! What is no chat answer passes as it is, byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lastbyte_mock::expected_text;
use serde_json::{Value, json};
use support::*;

async fn endings(gateway: &Gateway) -> Value {
    // The reader may see the end of an answer before it is counted.
    let client = client();
    loop {
        let answer = send(&client, request(Method::GET, &format!("{}/stats", gateway.admin))).await.json();
        if answer["active"] == 0 {
            return answer["endings"].clone();
        }
    }
}

/// The same request to the gateway and to what is behind it.
async fn both(
    gateway: &Gateway,
    upstream: &str,
    build: impl Fn(&str) -> Request<Full<Bytes>>,
) -> [Answer; 2] {
    let client = client();
    let through = send(&client, build(&format!("{}/v1", gateway.url))).await;
    let direct = send(&client, build(upstream)).await;
    assert_eq!((through.status, &through.body), (direct.status, &direct.body));
    [through, direct]
}

#[tokio::test]
async fn other_endpoints_pass_byte_for_byte() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "");
    let multipart = |url: &str| {
        let body: Vec<u8> = (0..200_000u32).map(|number| (number * 31) as u8).collect();
        let mut request = post(&format!("{url}/files"), body.into());
        request.headers_mut().insert("content-type", "multipart/form-data; boundary=x".parse().unwrap());
        request
    };
    let embeddings = |url: &str| post(&format!("{url}/embeddings"), Bytes::from_static(b"{\"input\":\"a\"}"));
    let speech = |url: &str| post(&format!("{url}/audio/speech"), Bytes::from_static(b"{\"input\":\"a\"}"));
    let models = |url: &str| request(Method::GET, &format!("{url}/models"));
    let [answer, _] = both(&gateway, &mock.url(), embeddings).await;
    assert_eq!(answer.json()["data"][0]["embedding"], json!([0.5, -0.25, 0.125]));
    let [answer, direct] = both(&gateway, &mock.url(), speech).await;
    assert_eq!((answer.body.len(), answer.header("content-type")), (100_000, "audio/mpeg"));
    assert_eq!(answer.header("content-length"), direct.header("content-length"));
    let [answer, direct] = both(&gateway, &mock.url(), multipart).await;
    assert_eq!(
        (answer.body.len(), answer.header("content-length")),
        (200_000, direct.header("content-length"))
    );
    let [answer, _] = both(&gateway, &mock.url(), models).await;
    assert_eq!(answer.json()["data"][0]["id"], "mock-1");
    assert_eq!(endings(&gateway).await, json!({"opaque": 4}));
}

#[tokio::test]
async fn a_head_has_no_body_and_ends_well() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "");
    for path in ["/v1/models", CHAT] {
        let answer = send(&client(), request(Method::HEAD, &format!("{}{path}", gateway.url))).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{path}");
    }
    assert_eq!(endings(&gateway).await, json!({"opaque": 2}));
}

#[tokio::test]
async fn an_encoded_answer_passes_unread() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "");
    let client = client();
    let mut asked = post(&format!("{}{CHAT}", gateway.url), question("a", false));
    asked.headers_mut().insert("x-mock-encoding", "gzip".parse().unwrap());
    let answer = send(&client, asked).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let mut plain = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&answer.body[..]);
    std::io::Read::read_to_string(&mut decoder, &mut plain).unwrap();
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["choices"][0]["message"]["content"], expected_text(1, &messages("a")));
    assert_eq!(endings(&gateway).await, json!({"opaque": 1}));
}

/// What an upstream sends for a path.
fn library(seen: &Seen) -> Reply {
    let path = seen.head.split([' ', '?']).nth(1).unwrap();
    let text = match path {
        "/v1/missing" => {
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nx-own: 1\r\ncontent-length: 22\r\n\r\n{\"error\":{\"code\":\"x\"}}"
        }
        "/v1/empty" => "HTTP/1.1 204 No Content\r\nx-own: 1\r\n\r\n",
        "/v1/same" => "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n",
        "/v1/away" => "HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/there\r\ncontent-length: 0\r\n\r\n",
        "/v1/chunked" => {
            "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n"
        }
        "/v1/torn" => {
            "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\nzz"
        }
        "/v1/headers" => {
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\netag: \"e\"\r\ndigest: d\r\nset-cookie: a=1\r\n\
             set-cookie: b=2\r\nx-request-id: up-7\r\nopenai-processing-ms: 12\r\nx-ratelimit-remaining-tokens: 9\r\n\
             x-lastbyte-refused-by: breaker\r\nconnection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\nx-hop: 1\r\n\
             proxy-authenticate: Basic\r\ntrailer: x\r\nupgrade: h2c\r\n\r\nok"
        }
        _ => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 20971520\r\n\r\n";
            return Reply {
                head: head.into(),
                part: vec![b'x'; 1 << 20].into(),
                times: 20,
                ..Reply::default()
            };
        }
    };
    Reply::new(text)
}

#[tokio::test]
async fn answers_without_a_body_pass() {
    let upstream = Upstream::start(library).await;
    let gateway = Gateway::upstream(&upstream.url(), "");
    for (path, status, header) in [
        ("missing", 404, ("x-own", "1")),
        ("empty", 204, ("x-own", "1")),
        ("same", 304, ("etag", "\"1\"")),
        // Whom to follow is the reader's to decide.
        ("away", 307, ("location", "/v1/there")),
    ] {
        let [answer, direct] =
            both(&gateway, &upstream.url(), |url| request(Method::GET, &format!("{url}/{path}"))).await;
        assert_eq!((answer.status.as_u16(), answer.header(header.0)), (status, header.1), "{path}");
        assert_eq!(answer.header("content-length"), direct.header("content-length"), "{path}");
        assert_eq!(answer.header("x-lastbyte-attempts"), "1");
    }
    assert_eq!(endings(&gateway).await, json!({"opaque": 3, "failed": 1}));
}

#[tokio::test]
async fn headers_of_the_upstream_pass_but_for_those_of_its_connection() {
    let upstream = Upstream::start(library).await;
    let gateway = Gateway::upstream(&upstream.url(), "");
    let mut asked = request(Method::GET, &format!("{}/v1/headers?limit=2", gateway.url));
    for (name, value) in [
        ("x-stainless-lang", "rust"),
        ("openai-organization", "org"),
        ("authorization", "Bearer reader"),
        ("cookie", "page=1"),
        ("connection", "x-mine"),
        ("x-mine", "1"),
        ("x-request-timeout", "30"),
        ("x-lastbyte-accept", "restart"),
        ("accept-encoding", "gzip"),
    ] {
        asked.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = send(&client(), asked).await;
    assert!(answer.body == "ok", "{}", answer.body.len());
    for (name, value) in [
        ("content-length", "2"),
        ("etag", "\"e\""),
        ("digest", "d"),
        ("x-upstream-request-id", "up-7"),
        ("openai-processing-ms", "12"),
        ("x-ratelimit-remaining-tokens", "9"),
        ("x-lastbyte-refused-by", ""),
        ("connection", ""),
        ("keep-alive", ""),
        ("x-hop", ""),
        ("proxy-authenticate", ""),
        ("trailer", ""),
        ("upgrade", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert!(answer.header("x-request-id").starts_with("req_"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);

    let seen = &upstream.seen()[0];
    assert!(seen.head.starts_with("GET /v1/headers?limit=2 HTTP/1.1\r\n"), "{}", seen.head);
    for (name, passes) in [
        ("x-stainless-lang", true),
        ("openai-organization", true),
        ("authorization", true),
        ("x-request-id", true),
        ("accept-encoding", true),
        ("cookie", false),
        ("x-mine", false),
        ("x-request-timeout", false),
        ("x-lastbyte-accept", false),
    ] {
        assert_eq!(seen.has_header(name), passes, "{name}: {}", seen.head);
    }
    assert!(seen.head.contains(&format!("x-request-id: {}", answer.header("x-request-id"))));
}

#[tokio::test]
async fn a_download_in_chunks_passes_and_one_that_is_torn_is_torn() {
    let upstream = Upstream::start(library).await;
    let gateway = Gateway::upstream(&upstream.url(), "");
    let get = |path: &str| request(Method::GET, &format!("{}/v1/{path}", gateway.url));
    let answer = send(&client(), get("chunked")).await;
    assert_eq!(
        (&answer.body[..], answer.clean, answer.header("content-length")),
        (&b"abcdefg"[..], true, "")
    );
    let torn = send(&client(), get("torn")).await;
    assert!(!torn.clean, "{torn:?}");
    assert_eq!(endings(&gateway).await, json!({"opaque": 2}));
}

/// What a process holds in memory, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_downloads_pass_in_flat_memory() {
    let upstream = Upstream::start(library).await;
    let gateway = Gateway::upstream(&upstream.url(), "");
    let client = client();
    let get = || request(Method::GET, &format!("{}/v1/files/1/content", gateway.url));
    let before = resident(gateway.child.id());
    for slow in [false, true] {
        let mut response = client.request(get()).await.unwrap();
        assert_eq!(response.headers()["content-length"], "20971520");
        let mut length = 0;
        while let Some(frame) = response.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.iter().all(|byte| *byte == b'x'));
            length += data.len();
            if slow && length < 1 << 20 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        assert_eq!(length, 20 << 20);
    }
    let grown = resident(gateway.child.id()) - before;
    assert!(grown < 8 << 20, "{grown} bytes");
}
