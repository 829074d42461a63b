//! What it costs to keep what an answer has shown, by event, beside what the scan alone costs.
//!
//! `cargo xtask bench splice`. Each figure is the best of some rounds over 2000 events: the least disturbed.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and prints")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a program that is run by hand")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lastbyte::core::Dialect;
use lastbyte::core::sse::Scanner;
use lastbyte::retry::splice::{Continuation, Settings, Splice, Strategy};

const EVENTS: usize = 2000;
const ROUNDS: usize = 60;

const REQUEST: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;

/// The best time of one event, over all rounds.
fn best(mut round: impl FnMut() -> Duration) -> f64 {
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    best.as_nanos() as f64 / EVENTS as f64
}

fn forward(splice: &mut Splice, events: &[Bytes]) -> Duration {
    let events = events.to_vec();
    let begin = Instant::now();
    for event in events {
        black_box(splice.forward(event));
    }
    begin.elapsed()
}

fn chat(id: &str, more: impl Fn(usize) -> String) -> Vec<Bytes> {
    let event = |number: usize| {
        let more = more(number);
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
             \"model\":\"m-1\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{number}\"}},\
             \"logprobs\":null,\"finish_reason\":null}}]{more}}}\n\n"
        ))
    };
    (0..EVENTS).map(event).collect()
}

fn messages() -> Vec<Bytes> {
    let start = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                 \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let delta = |number: usize| {
        Bytes::from(format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{{\"type\":\"text_delta\",\"text\":\" word{number}\"}}}}\n\n"
        ))
    };
    [start.into()].into_iter().chain((1..EVENTS).map(delta)).collect()
}

fn responses() -> Vec<Bytes> {
    let delta = |number: usize| {
        Bytes::from(format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\
             \"sequence_number\":{number},\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\
             \"delta\":\" word{number}\",\"logprobs\":[]}}\n\n"
        ))
    };
    (0..EVENTS).map(delta).collect()
}

fn main() {
    let settings = Settings { continuation: Continuation::Vllm, ..Settings::default() };
    let plain = |_| String::new();
    // OpenAI fills its chunks up to hide how long their text is: no two are alike around it.
    let padded = |number: usize| format!(",\"obfuscation\":\"{:x}\"", number * 7919);
    let streams = [
        ("chat, chunks alike", Dialect::OpenAiChat, chat("a", plain)),
        ("chat, each chunk another", Dialect::OpenAiChat, chat("a", padded)),
        ("Anthropic", Dialect::Anthropic, messages()),
        ("Responses", Dialect::OpenAiResponses, responses()),
    ];
    println!("ns for each event            scan  kept and forwarded");
    for (name, dialect, events) in &streams {
        let scan = best(|| {
            let mut scanner = Scanner::new(1 << 20);
            let begin = Instant::now();
            for event in events {
                let _ = scanner.push(event, |event| {
                    black_box(event.data());
                });
            }
            begin.elapsed()
        });
        let settings = Settings { strategy: Strategy::Replay, ..settings };
        let kept = best(|| forward(&mut Splice::new(settings, *dialect, false), events));
        println!("{name:26} {scan:7.0} {kept:19.0}");
    }
    let first = chat("a", plain);
    let joined = |strategy, rest: &[Bytes]| {
        best(|| {
            let mut splice = Splice::new(Settings { strategy, ..settings }, Dialect::OpenAiChat, false);
            first[..EVENTS / 2].iter().for_each(|event| drop(splice.forward(event.clone())));
            splice.plan(REQUEST).unwrap();
            forward(&mut splice, rest)
        })
    };
    let rest = chat("b", plain);
    println!("a continuation             {:27.0}", joined(Strategy::Continue, &rest));
    println!("a replay, half of it shown {:27.0}", joined(Strategy::Replay, &rest));
}
