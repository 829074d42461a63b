//! Questions, and streamed chat answers as a light reader takes them: the bytes are kept as they come, and
//! only at the end is it seen what they say.

use std::borrow::Cow;

use bytes::Bytes;
use lastbyte_mock::expected_text;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::Instant;

/// Before the text of a chunk. A role chunk has it with an empty text.
const CONTENT: &[u8] = b"\"content\":\"";

/// The request that asks `question`, streamed.
pub(crate) fn request(question: &str) -> Bytes {
    json!({"model": "mock-1", "messages": messages(question), "stream": true}).to_string().into()
}

/// The text that the mock has for `question`.
pub(crate) fn expected(seed: u64, question: &str) -> String {
    expected_text(seed, &messages(question))
}

fn messages(question: &str) -> serde_json::Value {
    json!([{"role": "user", "content": question}])
}

/// An answer that is being read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    bytes: Vec<u8>,
    searched: usize,
    first: Option<Instant>,
}

/// An answer that was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Whether it has a finish reason and `[DONE]`, and no error event.
    pub(crate) whole: bool,
    /// How many events it has.
    pub(crate) events: u64,
}

impl Reading {
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        while self.first.is_none() {
            let Some(found) = memmem::find(&self.bytes[self.searched..], CONTENT) else {
                self.searched = self.bytes.len().saturating_sub(CONTENT.len());
                break;
            };
            let text = self.searched + found + CONTENT.len();
            match self.bytes.get(text) {
                None => break,
                Some(b'"') => self.searched = text,
                Some(_) => self.first = Some(Instant::now()),
            }
        }
    }

    /// When its first content came.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.first
    }

    pub(crate) fn end(&self) -> Answer {
        let (mut answer, mut finished, mut done) = (Answer::default(), false, false);
        for line in self.bytes.split(|byte| *byte == b'\n') {
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            answer.events += 1;
            if data == b"[DONE]" {
                done = true;
            } else if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data)
                && chunk.error.is_none()
            {
                for choice in chunk.choices {
                    answer.text += &choice.delta.content.unwrap_or_default();
                    finished |= choice.finish_reason.is_some();
                }
            } else {
                return answer;
            }
        }
        answer.whole = finished && done;
        answer
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
    finish_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
}
