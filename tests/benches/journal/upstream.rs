//! How the chat API answers: 1 KB/s in events of about 100 bytes, for 6 s.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::support::Done;
use crate::support::stamped::{Answers, Body, Pace, framed};

pub(crate) const PACE: Pace =
    Pace { first_event: Duration::from_millis(50), interval: Duration::from_millis(100), events: 60 };

pub(crate) const ANSWERS: Answers = Answers { answer, buffer: None };

fn answer(_: &[u8], epoch: Instant) -> Done<Body> {
    let events = PACE.events(epoch, |stamp| event(stamp, "null"));
    let end = stream::iter([Bytes::from(event("", "\"stop\"") + "data: [DONE]\n\n")]);
    Ok(framed(events.chain(end)))
}

fn event(text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"a\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\
         \"finish_reason\":{finish}}}]}}\n\n"
    )
}
