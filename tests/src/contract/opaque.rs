use bytes::Bytes;
use futures_util::poll;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::Body;
use lastbyte::core::Ending;

use crate::answers;
use crate::body::{Item, Manner, data};
use crate::chat::{ChatError, Reply};
use crate::read::{Hand, read, read_as_hyper};
use crate::rig::Rig;

/// An answer that nobody here reads, and the request for it.
struct Opaque {
    method: Method,
    path: &'static str,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    chunks: Vec<Bytes>,
}

fn random_bytes(seed: u64, chunks: usize) -> Vec<Bytes> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..chunks).map(|_| (0..random.usize(1..200)).map(|_| random.u8(..)).collect()).collect()
}

/// Sends it in every manner, read in both ways: nothing of it may change.
async fn passes(rig: &Rig, opaque: Opaque) {
    let Opaque { method, path, status, headers, chunks } = opaque;
    let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let told = headers.iter().any(|(name, _)| *name == "content-length");
    for manner in [Manner::Chunked, Manner::Ending, Manner::Long(length)] {
        if manner == Manner::Chunked && chunks.is_empty() {
            // Without a body there is nothing to ask for: that is what its end says.
            continue;
        }
        for hyper in [false, true] {
            let sent = chunks.clone();
            rig.chat.script(move |_| {
                let (mut head, ()) = answers::head(status, headers).into_parts();
                if matches!(manner, Manner::Long(_)) && !told && status != 204 && status != 101 {
                    head.headers.insert(header::CONTENT_LENGTH, length.into());
                }
                let items = sent.iter().cloned().map(Item::Data).chain([Item::End]).collect();
                Reply::Answer(http::Response::from_parts(head, ()), manner, items)
            });
            let mut request =
                Request::new(rig.chat.request_body(vec![data("{}"), Item::End], Manner::Ending));
            (*request.method_mut(), *request.uri_mut()) = (method.clone(), path.parse().unwrap());
            let answer = rig.send(request).await.unwrap();
            let exact = (manner == Manner::Long(length)).then_some(length);
            let hint = answer.body().size_hint().exact();
            assert!(
                hint == exact || exact.is_none() && hint == Some(length),
                "{manner:?}: the hint {hint:?}"
            );
            let has_length = answer.headers().contains_key(header::CONTENT_LENGTH);
            let had_length = told || (exact.is_some() && status != 204 && status != 101);
            assert_eq!(has_length, had_length, "{manner:?}: the length");
            assert_eq!(answer.body().is_end_stream(), chunks.is_empty(), "{manner:?}: the end");
            let read = if hyper { read_as_hyper(answer).await } else { read(answer).await };
            assert_eq!(read.status().as_u16(), status);
            for (name, value) in headers {
                assert_eq!(read.head.headers[*name], *value);
            }
            assert_eq!(read.chunks, chunks, "{manner:?}: the chunks as they came");
            assert!(read.error.is_none());
            assert_eq!(read.ending(), Ending::Opaque { ok: true }, "{manner:?}");
        }
    }
}

pub(super) async fn the_json_of_other_endpoints_passes(rig: Rig) {
    let headers = &[("content-type", "application/json"), ("etag", "\"7\"")];
    let chunks = vec![Bytes::from("{\"data\":[{\"embed"), Bytes::from("ding\":[0.5]}]}")];
    passes(&rig, Opaque { method: Method::POST, path: "/v1/embeddings", status: 200, headers, chunks }).await;
}

pub(super) async fn audio_passes(rig: Rig) {
    let headers = &[("content-type", "audio/mpeg"), ("content-digest", "sha-256=:x:")];
    let chunks = random_bytes(rig.seed, 20);
    passes(&rig, Opaque { method: Method::POST, path: "/v1/audio/speech", status: 200, headers, chunks })
        .await;
}

pub(super) async fn multipart_passes(rig: Rig) {
    let headers = &[("content-type", "multipart/form-data; boundary=b")];
    let chunks = vec![Bytes::from("--b\r\n\r\ndata: x\n\n"), Bytes::from("\r\n--b--\r\n")];
    passes(&rig, Opaque { method: Method::GET, path: "/v1/files/1/content", status: 200, headers, chunks })
        .await;
}

pub(super) async fn a_compressed_answer_passes(rig: Rig) {
    for content_type in [("content-type", "text/event-stream"), ("content-type", "application/json")] {
        let headers: &'static [_] = match content_type.1 {
            "text/event-stream" => &[("content-type", "text/event-stream"), ("content-encoding", "gzip")],
            _ => &[("content-type", "application/json"), ("content-encoding", "br")],
        };
        let chunks = random_bytes(rig.seed + 1, 5);
        let path = "/v1/chat/completions";
        passes(&rig, Opaque { method: Method::POST, path, status: 200, headers, chunks }).await;
    }
}

pub(super) async fn the_answer_to_head_passes_with_its_length(rig: Rig) {
    for headers in [
        &[("content-type", "application/json"), ("content-length", "1234")],
        &[("content-type", "text/event-stream"), ("content-length", "99")],
    ] {
        let path = "/v1/chat/completions";
        passes(&rig, Opaque { method: Method::HEAD, path, status: 200, headers, chunks: Vec::new() }).await;
    }
}

pub(super) async fn an_upgrade_passes(rig: Rig) {
    let headers = &[("connection", "upgrade"), ("upgrade", "websocket")];
    let chunks = Vec::new();
    passes(&rig, Opaque { method: Method::GET, path: "/v1/realtime", status: 101, headers, chunks }).await;
}

pub(super) async fn no_content_passes(rig: Rig) {
    for path in ["/v1/files/1", "/v1/chat/completions"] {
        let headers = &[("x-kept", "1")];
        passes(&rig, Opaque { method: Method::DELETE, path, status: 204, headers, chunks: Vec::new() }).await;
    }
}

pub(super) async fn what_is_not_read_is_not_held_back(rig: Rig) {
    let heads: [(&str, &[(&str, &str)]); 5] = [
        ("/v1/embeddings", &[("content-type", "application/json")]),
        ("/v1/audio/speech", &[("content-type", "audio/mpeg")]),
        ("/v1/chat/completions", &[("content-type", "text/event-stream"), ("content-encoding", "gzip")]),
        ("/v1/chat/completions", &[("content-type", "application/json"), ("content-encoding", "gzip")]),
        ("/v1/other", &[("content-type", "text/event-stream")]),
    ];
    for (path, headers) in heads {
        rig.chat
            .script(move |_| Reply::Answer(answers::head(200, headers), Manner::Chunked, vec![data("a")]));
        let mut request = Request::new(rig.chat.request_body(vec![data("{}"), Item::End], Manner::Ending));
        (*request.method_mut(), *request.uri_mut()) = (Method::POST, path.parse().unwrap());
        let mut call = Box::pin(rig.send(request));
        let std::task::Poll::Ready(answer) = poll!(&mut call) else {
            panic!("{path} {headers:?}: it is held, and there is nothing to wait for")
        };
        assert_eq!(Hand::new(answer.unwrap()).data(), "a", "{path} {headers:?}");
    }
}

pub(super) async fn an_opaque_body_that_breaks_ends_with_an_error(rig: Rig) {
    rig.chat.script(|_| {
        let head = answers::head(200, &[("content-type", "audio/mpeg")]);
        Reply::Answer(head, Manner::Chunked, vec![data("la"), Item::Error(ChatError(2).into())])
    });
    let mut request = rig.request();
    *request.uri_mut() = "/v1/audio/speech".parse().unwrap();
    request.extensions_mut().clear();
    let read = read(rig.send(request).await.unwrap()).await;
    assert_eq!(read.text(), "la", "nothing is put into what is no event stream");
    let error = read.error.as_ref().expect("it broke");
    assert_eq!(
        std::error::Error::source(error).and_then(|source| source.downcast_ref()),
        Some(&ChatError(2))
    );
    assert_eq!(read.ending(), Ending::Opaque { ok: false });
}

pub(super) async fn trailers_of_an_opaque_body_pass(rig: Rig) {
    let trailers: HeaderMap =
        [(header::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]
            .into_iter()
            .collect();
    let sent = trailers.clone();
    rig.chat.script(move |_| {
        let head = answers::head(200, &[("content-type", "application/grpc")]);
        Reply::Answer(head, Manner::Ending, vec![data("x"), Item::Trailers(sent.clone()), Item::End])
    });
    for hyper in [false, true] {
        let mut request = rig.request();
        *request.uri_mut() = "/v1/other".parse().unwrap();
        request.extensions_mut().clear();
        let answer = rig.send(request).await.unwrap();
        let read = if hyper { read_as_hyper(answer).await } else { read(answer).await };
        assert_eq!((read.text().as_str(), read.trailers.as_ref()), ("x", Some(&trailers)));
        assert_eq!(read.ending(), Ending::Opaque { ok: true }, "behind trailers nothing is asked for");
    }
}
