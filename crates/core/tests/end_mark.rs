//! An end mark that comes before the answer has ended.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use lastbyte_core::{Ask, BodyError, Cause, Ending, Watch};

const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What a reader gets of a stream that is held to its ending.
async fn read(stream: String) -> (String, Result<(), BodyError>, Option<Ending>) {
    let length = stream.len() + 10;
    let response = http::Response::builder()
        .header("content-type", "text/event-stream")
        .header("content-length", length)
        .body(Full::new(Bytes::from(stream)))
        .unwrap();
    let ask = Ask::from_path("/v1/chat/completions");
    let response = Watch::default().strict().response(&ask, response);
    let mut body = response.into_body();
    let handle = body.handle().clone();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
            Err(error) => return (text, Err(error), handle.ending().cloned()),
        }
    }
    (text, Ok(()), handle.ending().cloned())
}

#[tokio::test]
async fn it_is_not_forwarded_and_nothing_behind_it_is() {
    let (text, end, ending) = read(format!("{HEL}{DONE}{STOP}{DONE}")).await;
    assert_eq!(text, HEL);
    assert!(end.is_err());
    assert_eq!(ending, Some(Ending::Truncated { cause: Cause::Eof, by_caller: false }));
}

#[tokio::test]
async fn where_the_answer_has_ended_it_is() {
    let (text, end, _) = read(format!("{HEL}{STOP}{DONE}")).await;
    assert_eq!(text, format!("{HEL}{STOP}{DONE}"));
    assert!(end.is_ok());
}
