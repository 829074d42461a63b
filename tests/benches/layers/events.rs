//! The event scanner beside sse-stream and beside a plain search for event borders.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::{Response, header};
use lastbyte::core::sse::Scanner;
use lastbyte::core::{Ask, Judge, Watch};
use memchr::memchr;

use crate::rounds::{Series, Subject, run, sample};

pub(crate) const BORDERS: &str = "event borders by memchr";
pub(crate) const SCAN: &str = "scanner";
pub(crate) const JUDGE: &str = "scanner and judge";
pub(crate) const PEER: &str = "sse-stream";

/// One event as OpenAI sends it.
const EVENT: &str = r#"data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"content":" Hello,"},"logprobs":null,"finish_reason":null}]}"#;

/// A frame of so many events of 229 bytes.
pub(crate) fn openai(events: usize) -> Bytes {
    let event = [EVENT, "\n\n"].concat();
    assert_eq!(event.len(), 229);
    event.repeat(events).into()
}

/// An event of so many bytes of content.
fn large(bytes: usize) -> Bytes {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(bytes))
        .into()
}

/// One table: each frame holds `events` events of `bytes` bytes.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) frame: Bytes,
    pub(crate) events: usize,
}

pub(crate) fn shapes() -> Vec<Shape> {
    vec![
        Shape { name: "229 bytes, 1 a frame", frame: openai(1), events: 1 },
        Shape { name: "229 bytes, 50 a frame", frame: openai(50), events: 50 },
        Shape { name: "1 KiB, 1 a frame", frame: large(1024 - 58), events: 1 },
        Shape { name: "16 KiB, 1 a frame", frame: large((16 << 10) - 58), events: 1 },
    ]
}

/// Per event.
pub(crate) fn subjects(shape: &Shape) -> Vec<Subject> {
    let frames = vec![shape.frame.clone(); (1 << 17) / shape.frame.len()];
    let events = frames.len() * shape.events;
    let judged = frames.clone();
    let on = |name, work: fn(&[Bytes]) -> usize| {
        let frames = frames.clone();
        Subject::new(name, move || sample(events, || assert_eq!(work(&frames), events)))
    };
    vec![
        on(BORDERS, borders),
        on(SCAN, scan),
        Subject::new(JUDGE, move || sample(events, || judge(&judged))),
        on(PEER, peer),
    ]
}

fn borders(frames: &[Bytes]) -> usize {
    let mut found = 0;
    for frame in frames {
        let mut rest = &frame[..];
        while let Some(at) = memchr(b'\n', rest) {
            rest = &rest[at + 1..];
            if rest.first() == Some(&b'\n') {
                rest = &rest[1..];
                found += 1;
            }
        }
    }
    found
}

fn scan(frames: &[Bytes]) -> usize {
    let mut scanner = Scanner::new(32 << 20);
    let mut found = 0;
    for frame in frames {
        scanner
            .push(frame, |event| {
                black_box(event.data());
                found += 1;
            })
            .unwrap();
    }
    found
}

fn judge(frames: &[Bytes]) {
    let mut judge = chat_judge();
    for frame in frames {
        assert_eq!(judge.chunk(frame), None);
    }
    assert!(judge.content());
}

fn chat_judge() -> Judge {
    let head = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    let (head, ()) = head.body(()).unwrap().into_parts();
    Watch::default().judge(&Ask { stream: Some(true), ..Ask::from_path("/v1/chat/completions") }, &head)
}

fn peer(frames: &[Bytes]) -> usize {
    let frames = futures_util::stream::iter(frames.iter().cloned().map(Ok::<_, Infallible>));
    let mut events = pin!(sse_stream::SseByteStream::new(frames));
    let mut cx = Context::from_waker(Waker::noop());
    let mut found = 0;
    while let Poll::Ready(Some(event)) = events.as_mut().poll_next(&mut cx) {
        black_box(event.unwrap().data);
        found += 1;
    }
    found
}

/// One event so large, in frames of 1 KiB, and beside it the frames merely put one behind the other: what
/// memory costs at that size. Per KiB.
pub(crate) fn huge(rounds: usize, time: Duration) -> Vec<(usize, [Series; 2])> {
    let measured = [64, 256, 1024, 4096, 16_384].map(|kib| {
        let text = large(kib << 10);
        let frames: Vec<Bytes> =
            (0..text.len()).step_by(1024).map(|at| text.slice(at..text.len().min(at + 1024))).collect();
        let again = frames.clone();
        let append = move || sample(kib, || drop(black_box(append(&again))));
        let scan = move || sample(kib, || assert_eq!(scan(&frames), 1));
        let table = run(vec![Subject::new("append", append), Subject::new("scan", scan)], rounds, time);
        (kib, table.try_into().ok().unwrap())
    });
    measured.into()
}

fn append(frames: &[Bytes]) -> Vec<u8> {
    let mut all = Vec::new();
    frames.iter().for_each(|frame| all.extend_from_slice(frame));
    all
}
