use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;

use crate::answers::{self, HEL, LO, ROLE, STREAM};
use crate::body::{Item, Manner, data};
use crate::chat::{ChatError, Reply};
use crate::read::read;
use crate::rig::Rig;
use crate::subject::Does;

pub(super) async fn a_429_passes_or_is_asked_again_in_its_time(rig: Rig) {
    rig.chat.script(|call| match call.number {
        0 => answers::status(429, &[("retry-after", "3"), ("x-kept", "1")]),
        _ => answers::stream(STREAM),
    });
    let started = Instant::now();
    let read = read(rig.send(rig.request()).await.unwrap()).await;
    if rig.stack.does(Does::Retries) {
        assert_eq!(read.text(), STREAM.concat());
        let waited = started.elapsed();
        assert!(waited >= Duration::from_secs(3), "no earlier than it was asked to: {waited:?}");
        assert!(waited < Duration::from_secs(4), "{waited:?}");
        assert_eq!(rig.chat.calls().len(), 2);
    } else {
        assert_eq!((read.status().as_u16(), &read.head.headers["retry-after"]), (429, &"3".parse().unwrap()));
        assert_eq!(read.head.headers["x-kept"], "1");
    }
}

pub(super) async fn every_attempt_has_the_whole_request(rig: Rig) {
    let trailers: HeaderMap =
        [(header::HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))].into_iter().collect();
    let mut request = rig.request();
    request.headers_mut().insert("x-kept", "1".parse().unwrap());
    let items = vec![data("one "), data("two "), data("three"), Item::Trailers(trailers.clone()), Item::End];
    let request = request.map(|_| rig.chat.request_body(items, Manner::Chunked));
    rig.chat.script(|_| answers::status(503, &[]));
    read(rig.send(request).await.unwrap()).await;
    let calls = rig.chat.calls();
    assert_eq!(calls.len(), rig.stack.attempts());
    for call in calls {
        assert_eq!((&call.body[..], call.trailers.as_ref()), (&b"one two three"[..], Some(&trailers)));
        assert_eq!((call.head.method.as_str(), call.head.uri.path()), ("POST", "/v1/chat/completions"));
        assert_eq!(call.head.headers["x-kept"], "1");
    }
}

pub(super) async fn what_was_seen_of_a_failed_attempt_is_not_shown(rig: Rig) {
    let failures: [fn() -> Reply; 6] = [
        || Reply::Error(ChatError(1)),
        || answers::status(500, &[]),
        || answers::stream([ROLE]),
        || answers::stream_of(vec![data(ROLE), data(": ping\n\n"), Item::Error(ChatError(1).into())]),
        || answers::stream(["data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n"]),
        || answers::framed(answers::head(200, &[("content-type", "text/html")]), "<html>"),
    ];
    for failure in failures {
        rig.chat.script(move |call| if call.number % 2 == 0 { failure() } else { answers::stream(STREAM) });
        let read = read(rig.send(rig.request()).await.unwrap()).await;
        assert_eq!((read.status().as_u16(), read.text()), (200, STREAM.concat()));
        assert_eq!(read.head.headers["content-type"], "text/event-stream");
        assert_eq!(rig.chat.calls().len() % 2, 0, "the second attempt is the last");
    }
}

pub(super) async fn nothing_is_asked_again_behind_content(rig: Rig) {
    for way in [|| Item::End, || Item::Error(ChatError(1).into())] {
        let before = rig.chat.calls().len();
        rig.chat.script(move |_| answers::stream_of(vec![data(ROLE), data(HEL), data(LO), way()]));
        let read = read(rig.send(rig.request()).await.unwrap()).await;
        assert!(read.text().starts_with(&[ROLE, HEL, LO].concat()) && read.error.is_some());
        assert_eq!(read.text().matches("\"Hel\"").count(), 1, "nothing comes twice");
        assert_eq!(rig.chat.calls().len() - before, 1);
    }
}

pub(super) async fn a_failure_behind_a_head_that_left_is_told(rig: Rig) {
    let failures: [fn() -> Reply; 4] = [
        || answers::status(400, &[]),
        || answers::status(503, &[]),
        || Reply::Error(ChatError(1)),
        || answers::framed(answers::head(200, &[("content-type", "application/json")]), "{}"),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let before = rig.chat.calls().len();
        rig.chat.script(move |call| match call.number - before {
            0 => answers::status(429, &[("retry-after", "12")]),
            _ => failure(),
        });
        let answer = rig.send(rig.request()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{number}: the head waits ten seconds and no more");
        let read = read(answer).await;
        assert!(read.error.is_some(), "{number}: it looks like a whole answer: {}", read.text());
    }
}
