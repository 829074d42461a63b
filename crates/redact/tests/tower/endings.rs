//! One line at the end, however it ends.

use std::io;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use lastbyte_core::{EndingHandle, Phase, Scope};
use lastbyte_redact::tower::RequestBody;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{
    Item, Lines, PATHS, Pieces, answer, events, exchange, question, redacted, send, stream,
};

#[tokio::test]
async fn an_answer_that_breaks_is_logged_as_far_as_it_came() {
    let lines = Lines::new();
    let deltas = events(PATHS[0], &["Hel", "lo. "]);
    let error = "data: {\"error\":{\"code\":\"c\"}}\n\n";
    // What a lenient layer lets through: the frames that are good, and whether it fails.
    for (last, ending, code, lenient) in [
        (None, "truncated", "stream_truncated", (2, false)),
        (Some(Item::Break), "truncated", "stream_truncated", (2, true)),
        (Some(Item::Data(error.into())), "failed", "upstream_error", (3, false)),
    ] {
        for (layer, expected) in [(redacted(), (2, true)), (redacted().lenient(), lenient)] {
            let mut pieces = Pieces::new(&deltas[..2]);
            pieces.items.extend(last.clone());
            let mut body =
                send(&layer, question("Hi"), answer("text/event-stream", pieces)).await.into_body();
            let (mut good, mut fails) = (0, false);
            while let Some(frame) = body.frame().await {
                good += usize::from(frame.is_ok());
                fails |= frame.is_err();
            }
            assert_eq!((good, fails), expected, "{ending}");
            let line = lines.one();
            assert_eq!((line["ending"].as_str(), line["code"].as_str()), (ending, code));
            assert_eq!(line["answer"].trim_end(), "Hello.");
        }
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_logged_with_what_had_passed() {
    let lines = Lines::new();
    let mut body = send(&redacted(), question("Hi"), stream(events(PATHS[0], &["call 138", "12345678"])))
        .await
        .into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(lines.take(), [], "it has not ended");
    drop(body);
    let line = lines.one();
    assert!(line["ending"] == "abandoned" && !line.contains_key("code"), "nobody is told of it");
    assert_eq!((line["answer"].as_str(), line["events"].as_str()), ("call ", "1"));
    assert_eq!((line["answer_withheld"].as_str(), line["answer_chars"].as_str()), ("3", "8"));
    // Before the first frame, and before the head.
    drop(send(&redacted(), question("Hi"), stream(events(PATHS[0], &["Hello"]))).await);
    assert_eq!(lines.one()["answer"], "");
    let service = tower::service_fn(async |_: Request<RequestBody<Pieces>>| {
        std::future::pending::<io::Result<Response<Pieces>>>().await
    });
    let mut call = Box::pin(redacted().layer(service).oneshot(question("Hi")));
    assert!(futures_poll(&mut call).await);
    drop(call);
    let line = lines.one();
    assert_eq!(
        (line["ending"].as_str(), line["question_unread"].as_str()),
        ("abandoned", "not read to its end")
    );
    assert!(!line.contains_key("status"));
}

#[tokio::test]
async fn events_that_passed_are_counted_where_nobody_counts_further_in() {
    let lines = Lines::new();
    let (_reporter, handle) = EndingHandle::new(Scope::Answer, Phase::FirstEvent);
    for (frames, events_passed) in [(1, "1"), (2, "2"), (4, "3")] {
        let mut response = stream(events(PATHS[0], &["one ", "two "]));
        response.extensions_mut().insert(handle.clone());
        let mut body = send(&redacted(), question("Hi"), response).await.into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(lines.one()["events"], events_passed);
    }
}

/// Polls it once; whether it waits.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()))
        .await
}

#[tokio::test]
async fn a_service_that_fails_is_logged_and_its_error_is_the_same() {
    let lines = Lines::new();
    let service = tower::service_fn(async |request: Request<RequestBody<Pieces>>| {
        let _ = request.into_body().collect().await;
        Err::<Response<Pieces>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let error = redacted().layer(service).oneshot(question("Hi")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let line = lines.one();
    assert_eq!((line["ending"].as_str(), line["question"].as_str()), ("failed", "Hi"));
}

#[tokio::test]
async fn an_empty_answer_is_logged_once() {
    let lines = Lines::new();
    let empty = Pieces { items: Default::default(), knows_end: true };
    let body = send(&redacted(), question("Hi"), answer("application/json", empty)).await.into_body();
    let line = lines.one();
    assert_eq!((line["ending"].as_str(), line["answer"].as_str()), ("truncated", ""));
    assert!(body.is_end_stream(), "nobody has to read it");
    drop(body);
    exchange(&redacted(), question("Hi"), stream([""; 0])).await;
    assert_eq!(lines.one()["ending"], "truncated");
    exchange(&redacted(), question(""), answer("application/json", Pieces::new([""; 0]))).await;
    let line = lines.one();
    assert_eq!((line["question"].as_str(), line["question_chars"].as_str()), ("", "0"));
    assert_eq!(lines.take(), []);
}

#[tokio::test]
async fn the_line_comes_with_the_last_frame_where_that_is_known_to_be_it() {
    let lines = Lines::new();
    let mut pieces = Pieces::new(events(PATHS[0], &["Hello"]));
    pieces.knows_end = true;
    let mut body = send(&redacted(), question("Hi"), answer("text/event-stream", pieces)).await.into_body();
    for _ in 0..3 {
        assert_eq!(lines.take(), []);
        body.frame().await.unwrap().unwrap();
    }
    assert!(body.is_end_stream());
    assert_eq!(lines.one()["ending"], "complete", "a reader that is done may hold it");
    drop(body);
    assert_eq!(lines.take(), []);
}

#[tokio::test]
async fn trailers_and_pauses_pass() {
    let lines = Lines::new();
    let trailers: HeaderMap =
        [(http::HeaderName::from_static("x-sum"), "7".parse().unwrap())].into_iter().collect();
    let pieces =
        Pieces::new(events(PATHS[0], &["Hello"])).then(Item::Wait).then(Item::Trailers(trailers.clone()));
    let body = send(&redacted(), question("Hi"), answer("text/event-stream", pieces)).await.into_body();
    assert_eq!(body.collect().await.unwrap().trailers(), Some(&trailers));
    assert_eq!(lines.one()["answer"], "Hello");
}

#[tokio::test(start_paused = true)]
async fn the_line_tells_how_long_it_took_and_how_much_it_was() {
    let lines = Lines::new();
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
    let mut events = events(PATHS[0], &["", "Hello"]);
    events.insert(3, usage.to_owned());
    let service = tower::service_fn(async |request: Request<RequestBody<Pieces>>| {
        let _ = request.into_body().collect().await;
        tokio::time::advance(Duration::from_millis(30)).await;
        Ok::<_, io::Error>(stream(&events))
    });
    let mut body = redacted().layer(service).oneshot(question("Hi")).await.unwrap().into_body();
    body.frame().await;
    tokio::time::advance(Duration::from_millis(400)).await;
    body.frame().await;
    tokio::time::advance(Duration::from_millis(5_000)).await;
    while body.frame().await.is_some() {}
    let line = lines.one();
    let of = |name: &str| line[name].as_str();
    assert_eq!((of("head_ms"), of("content_ms"), of("ms")), ("30", "430", "5430"));
    assert_eq!((of("input_tokens"), of("output_tokens"), of("events")), ("3", "2", "4"));
    assert_eq!((of("dialect"), of("status"), of("ending")), ("chat", "200", "complete"));
    assert!(!line.contains_key("code"));
}

#[tokio::test]
async fn the_line_is_in_the_span_of_its_request_wherever_the_body_is_dropped() {
    use tracing::Instrument as _;
    let lines = Lines::new();
    let sent = async { send(&redacted(), question("Hi"), stream(events(PATHS[0], &["Hello"]))).await };
    drop(sent.instrument(tracing::info_span!("request")).await);
    assert_eq!(lines.one()["span"], "request");
}
