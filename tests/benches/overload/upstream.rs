//! A chat API that pushes 50 MB at whoever asks for them, and paces the answers of the others: the mock makes
//! an answer as a whole before it sends it, which is too much for hundreds of this size.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::Instant;

use crate::support::Done;
use crate::support::stamped::{Answers, Body, Pace, framed};

/// How large an answer is that is pushed, in bytes.
const PUSHED: usize = 50 << 20;

/// As many bytes at once.
const PIECE: usize = 16 << 10;

/// What a question begins with that is answered by a push; behind it the size of an event.
const PUSH: &str = "push ";

pub(crate) const PACE: Pace =
    Pace { first_event: Duration::from_millis(50), interval: Duration::from_millis(300), events: 12 };

/// What fills a paced event up to about 240 bytes.
const FILL: usize = 120;

/// What a connection keeps that is not taken yet is bounded.
pub(crate) const ANSWERS: Answers = Answers { answer, buffer: Some(64 << 10) };

/// The question that is answered by 50 MB in events of about that size.
pub(crate) fn push(event: usize) -> String {
    format!("{PUSH}{event}")
}

fn answer(body: &[u8], epoch: Instant) -> Done<Body> {
    let asked: serde_json::Value = serde_json::from_slice(body)?;
    let question = asked["messages"][0]["content"].as_str().unwrap_or_default();
    Ok(match question.strip_prefix(PUSH) {
        Some(size) => framed(pushed(size.parse()?)),
        None => framed(
            PACE.events(epoch, |stamp| event(&(stamp.to_owned() + &"x".repeat(FILL)), "null")).chain(end()),
        ),
    })
}

fn event(text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\
         \"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn pushed(size: usize) -> impl Stream<Item = Bytes> + Send {
    let empty = event("", "null").len();
    let one = event(&"x".repeat(size.saturating_sub(empty).max(1)), "null");
    let piece = Bytes::from(one.repeat((PIECE / one.len()).max(1)));
    let times = PUSHED / piece.len();
    stream::repeat(piece).take(times).chain(end())
}

fn end() -> impl Stream<Item = Bytes> + Send {
    stream::iter([Bytes::from(event("", "\"stop\"") + "data: [DONE]\n\n")])
}
