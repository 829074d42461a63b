use std::io;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lastbyte_idempotency::IdempotencyLayer;

use crate::support::{
    Answer, CHAT, Chat, Given, Head, Node, Step, about, ask, id_of, inner, memory, read, steps, with,
};

/// The frames of a body as they came.
async fn frames(response: Given) -> (Vec<Bytes>, bool, bool) {
    let mut body = response.into_body();
    let (mut data, mut trailers, mut broke) = (Vec::new(), false, false);
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(piece)) => data.push(piece),
            Ok(Err(_)) => trailers = true,
            Err(_) => broke = true,
        }
    }
    (data, trailers, broke)
}

#[tokio::test(start_paused = true)]
async fn what_has_no_key_passes_as_it_is() {
    let pieces = ["\u{feff}: hi\nid: 7\nda", "ta: a\r\n\r\n", "retry: 5\n\n", "data: [DONE]"];
    let sent: Vec<_> = pieces.iter().map(|piece| Step::Data((*piece).into())).collect();
    for (method, path) in
        [(Method::POST, "/v1/other"), (Method::GET, "/v1/models"), (Method::PUT, "/v1/answers/x")]
    {
        let whole = [sent.clone(), vec![Step::Trailers]].concat();
        let broken = [sent.clone(), vec![Step::Reset]].concat();
        let answers = [Answer::stream(whole), Answer::stream(broken)];
        let chat = Chat::new(answers.map(|answer| answer.with("set-cookie", "a=1").with("x-odd", "1")));
        let node = Node::alone(&chat);
        for (trails, breaks) in [(true, false), (false, true)] {
            let request = Request::builder().method(method.clone()).uri(path).body(Full::from("{\"a\":1}"));
            let response = node.send(with(request.unwrap(), "last-event-id", "x")).await;
            let names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
            assert_eq!(names, ["content-type", "set-cookie", "x-odd"]);
            assert_eq!(frames(response).await, (pieces.map(Bytes::from).to_vec(), trails, breaks), "{path}");
        }
        assert_eq!(chat.calls()[0].body, "{\"a\":1}");
        assert_eq!(node.journal.given(), "", "and nothing of it is written down");
    }
    // An answer of the chat API, too, with what stands beside its events.
    let chat_pieces = [": hi\nid: 7\nda", &crate::support::ROLE[2..], "retry: 5\n\n"];
    let chat_pieces = chat_pieces.map(|piece| Step::Data(Bytes::copy_from_slice(piece.as_bytes())));
    let whole = [chat_pieces.to_vec(), steps(["a"]), vec![Step::Trailers]].concat();
    let text = whole.iter().filter_map(|step| match step {
        Step::Data(data) => Some(data.clone()),
        _ => None,
    });
    let text: Vec<_> = text.collect();
    let chat = Chat::new([Answer::stream(whole)]);
    let response = Node::alone(&chat).send(Request::post(CHAT).body(Full::default()).unwrap()).await;
    assert_eq!(frames(response).await, (text, true, false));
    // Its error is that of the service.
    let chat = Chat::new([Answer::none(Head::Error(io::ErrorKind::ConnectionReset))]);
    let request = Request::post(CHAT).body(Full::default()).unwrap();
    let node = Node::alone(&chat);
    let error = tower::ServiceExt::oneshot(node.service, request).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_key_on_another_method_is_no_key() {
    let chat = Chat::by(|_| Answer::whole(200, "ok"));
    let node = Node::alone(&chat);
    for _ in 0..2 {
        let mut request = ask("k", false);
        *request.method_mut() = Method::GET;
        assert_eq!(node.get(request).await.body, "ok");
    }
    assert_eq!(chat.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_is_replayed_byte_for_byte_with_what_says_what_it_is() {
    let body = "\u{1f}\u{0}gzip, as far as anybody here knows\n\n";
    let answer = Answer::whole(201, body)
        .with("content-type", "audio/mpeg")
        .with("content-encoding", "gzip")
        .with("openai-processing-ms", "5")
        .with("x-ratelimit-remaining", "9")
        .with("connection", "close");
    let chat = Chat::new([answer]);
    let node = Node::alone(&chat);
    let first = node.get(ask("k", false)).await;
    let again = node.get(ask("k", false)).await;
    assert_eq!((first.status, first.body.as_str()), (201, body));
    assert_eq!((again.status, again.body.as_str()), (201, body));
    for name in ["content-type", "content-encoding", "openai-processing-ms", "x-lastbyte-answer"] {
        assert_eq!(first.headers[name], again.headers[name], "{name}");
    }
    assert!(first.has("x-ratelimit-remaining") && !again.has("x-ratelimit-remaining"));
    assert!(!again.has("connection"));
    assert_eq!((first.replayed(), again.replayed()), (false, true));
}

/// What is kept of an answer's head, beside its status.
const KEPT: [&str; 9] = [
    "anthropic-organization-id",
    "content-disposition",
    "content-language",
    "content-type",
    "openai-organization",
    "openai-processing-ms",
    "request-id",
    "x-request-id",
    "x-upstream-request-id",
];

/// What is that of one reader, of one connection or of one moment, or what nobody knows.
const LEFT: [&str; 20] = [
    "age",
    "alt-svc",
    "anthropic-ratelimit-requests-remaining",
    "cf-ray",
    "connection",
    "content-digest",
    "date",
    "etag",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "via",
    "www-authenticate",
    "x-odd",
    "x-ratelimit-remaining-tokens",
    "x-should-retry",
];

#[tokio::test(start_paused = true)]
async fn of_a_head_others_get_what_is_said_to_be_kept_and_nothing_else() {
    for stream in [true, false] {
        let mut answer = if stream {
            Answer::stream([vec![Step::Gate], steps(["a"])].concat())
        } else {
            Answer { steps: vec![Step::Gate, Step::Data("{}".into())], ..Answer::whole(200, "") }
        };
        let names = KEPT.iter().chain(&LEFT).filter(|name| !stream || **name != "content-type");
        answer.headers.extend(names.map(|name| ((*name).into(), format!("the {name}"))));
        let chat = Chat::new([answer]);
        let journal = memory();
        let [here, there] =
            [(); 2].map(|()| Node::new(IdempotencyLayer::builder(), &journal, inner(chat.clone())));
        // Each ends with its answer.
        let gets = |node: &Node| {
            let node = node.clone();
            tokio::spawn(async move { node.get(ask("k", stream)).await })
        };
        let first = gets(&here);
        chat.until_asked(1).await;
        let mut readers = vec![gets(&here), gets(&there)];
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        chat.open();
        first.await.unwrap();
        readers.extend([gets(&here), gets(&there)]);
        let ours = ["x-lastbyte-answer", "x-lastbyte-attempts"];
        let mut expected: Vec<_> = KEPT.iter().chain(&ours).copied().collect();
        // A stream is not to be kept on its way.
        expected.extend(stream.then_some("cache-control"));
        expected.sort_unstable();
        for reader in readers {
            let read = reader.await.unwrap();
            let mut names: Vec<_> = read.headers.keys().map(http::HeaderName::as_str).collect();
            // Whoever joins a stream that runs gets no replay.
            names.retain(|name| *name != "idempotent-replayed");
            names.sort_unstable();
            assert_eq!(names, expected, "{stream}");
        }
        let told: serde_json::Value = here
            .journal
            .given()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .find(|told: &serde_json::Value| told.get("status").is_some())
            .unwrap();
        let mut written: Vec<_> =
            told["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
        written.sort_unstable();
        assert_eq!(written, KEPT, "{stream}: what is written down is no more");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_answered_the_key_is_free() {
    let cut = Answer { steps: vec![Step::Data("{\"choi".into()), Step::Reset], ..Answer::whole(200, "") };
    for (answer, status) in [
        (Answer::none(Head::Error(io::ErrorKind::ConnectionRefused)), 502),
        (Answer::none(Head::Error(io::ErrorKind::TimedOut)), 504),
        (cut.with("content-type", "application/json"), 502),
        (Answer::whole(302, "elsewhere"), 302),
        (Answer::whole(404, "no"), 404),
        (Answer::whole(503, "no"), 503),
    ] {
        let chat = Chat::new([answer, Answer::whole(200, "ok")]);
        let node = Node::alone(&chat);
        let read = node.get(ask("k", false)).await;
        assert_eq!(read.status, status);
        if matches!(status, 502 | 504) {
            assert_eq!(read.headers["x-should-retry"], "false");
        }
        assert_eq!(node.get(ask("k", false)).await.body, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_before_its_first_content_sets_the_key_free() {
    let role = crate::support::ROLE;
    for steps_before in [vec![], vec![Step::Data(role.into())]] {
        for end in [vec![Step::Reset], vec![]] {
            let broken = Answer::stream([steps_before.clone(), end].concat());
            let chat = Chat::new([broken, Answer::stream(steps(["a"]))]);
            let node = Node::alone(&chat);
            let read = node.get(ask("k", true)).await;
            assert!(read.status == 200 && read.events.is_empty());
            assert!(
                read.error.as_ref().is_some_and(|(ending, told)| ending.is_broken() && !told),
                "{read:?}"
            );
            assert_eq!(node.get(ask("k", true)).await.text, "a");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_has_its_events_in_its_envelope() {
    let chat = Chat::new([Answer::whole(200, "plain")]);
    let node = Node::new(IdempotencyLayer::builder(), &memory(), inner(chat));
    let response = node.send(ask("k", false)).await;
    let id = id_of(&response);
    assert_eq!(read(response).await.body, "plain");
    let mut request = about(Method::GET, &id);
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let told: serde_json::Value = serde_json::from_str(&node.get(request).await.body).unwrap();
    assert_eq!((&told["response"], &told["state"]), (&"plain".into(), &"complete".into()));
}
