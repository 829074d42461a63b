//! Event streams of any bytes, cut anywhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use lastbyte_core::sse::{Cutter, Scanner};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Lines of the grammar and bytes that break it, so that most texts have events and none is nice.
fn soups() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "(data|event|id|retry)(: ?[a-z0-9{}:]{0,6})?".prop_map(String::into_bytes),
        1 => ":[a-z]{0,6}".prop_map(String::into_bytes),
        8 => prop_oneof![Just(b"\n".to_vec()), Just(b"\r".to_vec()), Just(b"\r\n".to_vec())],
        4 => Just(b"\n\n".to_vec()),
        2 => vec(any::<u8>(), 0..4),
        1 => Just(vec![0xEF, 0xBB, 0xBF]),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn chunks(text: &[u8], cuts: &[Index]) -> Vec<Bytes> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]])).collect()
}

#[derive(Debug, Default, PartialEq)]
struct Read {
    /// Name, data, id, and where in the whole text it ended.
    events: Vec<(Vec<u8>, Vec<u8>, Vec<u8>, usize)>,
    is_open: bool,
    is_foreign: bool,
    last_event_id: String,
    retry_ms: Option<u64>,
}

fn read(chunks: &[Bytes]) -> Read {
    let mut scanner = Scanner::new(1 << 20);
    let (mut read, mut before) = (Read::default(), 0);
    for chunk in chunks {
        let pushed = scanner.push(chunk, |event| {
            let (name, data, id) = (event.name().to_vec(), event.data().to_vec(), event.id().to_vec());
            read.events.push((name, data, id, before + event.end()));
        });
        pushed.unwrap();
        before += chunk.len();
    }
    Read {
        is_open: scanner.is_open(),
        is_foreign: scanner.is_foreign(),
        last_event_id: scanner.last_event_id().into_owned(),
        retry_ms: scanner.retry_ms(),
        ..read
    }
}

/// The grammar once more, in the plainest way: the whole text, line by line. Data of the events.
fn plain(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(text);
    let (mut lines, mut line, mut bytes) = (Vec::new(), Vec::new(), text.iter().peekable());
    while let Some(byte) = bytes.next() {
        if !matches!(byte, b'\n' | b'\r') {
            line.push(*byte);
            continue;
        }
        if *byte == b'\r' && bytes.peek() == Some(&&b'\n') {
            bytes.next();
        }
        lines.push(std::mem::take(&mut line));
    }
    let (mut events, mut data) = (Vec::new(), Vec::new());
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        if line.is_empty() && !data.is_empty() {
            events.push(std::mem::take(&mut data).join(&b'\n'));
        } else if &line[..colon] == b"data" {
            let value = line.get(colon + 1..).unwrap_or_default();
            data.push(value.strip_prefix(b" ").unwrap_or(value).to_vec());
        }
    }
    events
}

/// Where a text may be cut: behind an empty line, or behind a comment with no line of an event before it.
fn is_between(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(1 << 20);
    scanner.push(text, |_| {}).unwrap();
    // A line feed would have been taken for the second half of a CR LF, had there been half a line.
    !scanner.is_open() && matches!(text.last(), None | Some(b'\n' | b'\r'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn events_are_the_same_under_every_split(text in soups(), cuts in vec(any::<Index>(), 0..12)) {
        let whole = read(&[Bytes::copy_from_slice(&text)]);
        let data: Vec<Vec<u8>> = whole.events.iter().map(|event| event.1.clone()).collect();
        prop_assert_eq!(data, plain(&text));
        let bytes: Vec<Bytes> = text.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        for parts in [chunks(&text, &cuts), bytes] {
            let mut split = read(&parts);
            // A CR ends its event before the LF behind it has come.
            for (split, whole) in split.events.iter_mut().zip(&whole.events) {
                if text.get(split.3 - 1..=split.3) == Some(b"\r\n") {
                    prop_assert!(whole.3 == split.3 || whole.3 == split.3 + 1);
                    split.3 = whole.3;
                }
            }
            prop_assert_eq!(&split, &whole);
        }
    }

    #[test]
    fn the_cutter_changes_nothing_and_cuts_between_events_only(
        text in soups(),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let mut cutter = Cutter::new(1 << 20);
        let mut out = Vec::new();
        for chunk in chunks(&text, &cuts) {
            let passed = cutter.push(chunk).unwrap();
            if let Some(passed) = passed {
                out.extend_from_slice(&passed);
                prop_assert!(is_between(&out), "{:?}", String::from_utf8_lossy(&out));
            }
            if cutter.is_between() {
                // Behind a CR the LF of the same line may still come.
                prop_assert!(is_between(&out) && out.last() != Some(&b'\r'));
            }
        }
        out.extend_from_slice(&cutter.take_rest());
        prop_assert_eq!(out, text);
    }
}

/// Real time, and so only a wide bound: quadratic work would make it 64 times as much.
#[test]
#[expect(clippy::disallowed_methods, reason = "this measures what the processor does")]
fn one_huge_event_costs_the_same_for_each_of_its_bytes() {
    let time = |kib: usize| {
        let line = [b"data: ".to_vec(), vec![b'x'; kib << 10], b"\n\n".to_vec()].concat();
        let frames: Vec<Bytes> = line.chunks(1024).map(Bytes::copy_from_slice).collect();
        let quickest = (0..5).map(|_| {
            let begun = std::time::Instant::now();
            let mut scanner = Scanner::new(line.len());
            let mut seen = 0;
            frames.iter().for_each(|frame| scanner.push(frame, |event| seen += event.data().len()).unwrap());
            assert_eq!(seen, kib << 10);
            begun.elapsed()
        });
        quickest.min().unwrap_or_default().as_secs_f64() / kib as f64
    };
    assert!(time(4096) < 16.0 * time(64));
}
