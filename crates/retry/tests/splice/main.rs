//! Answers that break and go on, over a chat API that is a function: every text is known, so a doubled or a
//! lost character shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod checker;
mod joins;
mod properties;
mod provider;
mod refusals;
mod requests;

use bytes::Bytes;
use lastbyte_core::Dialect;
use lastbyte_retry::splice::{Continuation, Mismatch, Settings, Splice, Strategy, Way, WhyNot};
use provider::{Answer, Part, Provider, question};

/// Where an attempt breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// Behind so many of its events.
    Events(usize),
    /// Behind so many of its bytes, most likely inside an event.
    Bytes(usize),
}

/// What a reader has, and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ways: Vec<Way>,
    /// Why there was no other attempt, where the answer stayed broken.
    pub(crate) why_not: Option<WhyNot>,
    pub(crate) failed: Option<Mismatch>,
}

/// Reads an answer whose attempts break as told and come in pieces of `chunks` bytes.
pub(crate) fn read(
    provider: &Provider,
    settings: Settings,
    breaks: &[Break],
    sizes: &[usize],
    chunks: &[usize],
) -> Read {
    let question = question().to_string().into_bytes();
    let mut splice = Splice::new(settings, provider.dialect, true);
    let mut read = Read::default();
    let mut body = Bytes::from(question.clone());
    for attempt in 0.. {
        // Other pieces each time, as from another machine.
        let sizes: Vec<usize> = sizes.iter().cycle().skip(attempt).take(sizes.len()).copied().collect();
        let Answer { begin, end } = provider.answer(&body, attempt, &sizes);
        let end_of_begin: usize = begin.iter().map(Bytes::len).sum();
        let stream = [&begin[..], &end[..]].concat().concat();
        let cut = breaks.get(attempt).map(|at| match at {
            Break::Events(count) => begin.iter().take(*count).map(Bytes::len).sum(),
            Break::Bytes(count) => *count % (end_of_begin + 1),
        });
        let mut rest = &stream[..cut.unwrap_or(stream.len())];
        let mut chunks = chunks.iter().copied().cycle();
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at(chunks.next().unwrap().clamp(1, rest.len()));
            rest = behind;
            let forwarded = splice.forward(Bytes::copy_from_slice(chunk));
            read.bytes.extend_from_slice(&forwarded.bytes);
            if forwarded.failed.is_some() {
                read.failed = forwarded.failed;
                return read;
            }
        }
        if cut.is_none() {
            break;
        }
        match splice.plan(&question) {
            Ok(next) => {
                read.ways.push(next.way);
                body = next.body;
            }
            Err(why) => {
                read.why_not = Some(why);
                break;
            }
        }
    }
    read
}

/// Reads an answer of one text that breaks behind so many events of each attempt.
pub(crate) fn read_text(provider: &Provider, strategy: Strategy, breaks: &[usize]) -> Read {
    let settings = Settings { strategy, continuation: provider.continuation, ..Settings::default() };
    let breaks: Vec<Break> = breaks.iter().copied().map(Break::Events).collect();
    read(provider, settings, &breaks, &[3], &[1 << 20])
}

pub(crate) fn text(text: &str) -> Vec<Part> {
    vec![Part::Text(text.to_owned())]
}

/// Each way of going on, with the wire formats that have it.
pub(crate) const CONTINUATIONS: [(Dialect, Continuation); 7] = [
    (Dialect::OpenAiChat, Continuation::Vllm),
    (Dialect::OpenAiChat, Continuation::Sglang),
    (Dialect::OpenAiChat, Continuation::Deepseek),
    (Dialect::OpenAiChat, Continuation::Mistral),
    (Dialect::OpenAiChat, Continuation::Openrouter),
    (Dialect::OpenAiChat, Continuation::Anthropic),
    (Dialect::Anthropic, Continuation::Anthropic),
];

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses];

/// Where a wire format has its text.
pub(crate) fn key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "0:content",
        Dialect::Anthropic => "0:text",
        Dialect::OpenAiResponses => "0:output_text",
    }
}
