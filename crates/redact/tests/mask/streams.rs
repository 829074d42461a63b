//! Answers in pieces: what the reader has in the end is what somebody said, and the chat API has seen none of it.

use bytes::Bytes;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::*;

/// How many answers. All of them take a few seconds where it is optimised, and a minute where it is not.
const ANSWERS: usize = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

/// A value of each kind, of which some are new in each answer.
fn value(random: &mut Rng) -> (String, String) {
    let digits =
        |random: &mut Rng, count: usize| -> String { (0..count).map(|_| random.digit(10)).collect() };
    let letters =
        |random: &mut Rng, count: usize| -> String { (0..count).map(|_| random.alphanumeric()).collect() };
    let plain = |value: String| (value.clone(), value);
    match random.u8(..8) {
        0 => plain(format!("{}.{}@example.com", random.lowercase(), letters(random, 6))),
        1 => plain(format!("138{}", digits(random, 8))),
        2 => plain(format!("+49 151 {}", digits(random, 8))),
        3 => plain("4111 1111 1111 1111".to_owned()),
        4 => plain(format!("8.8.{}.{}", random.u8(..), random.u8(..))),
        5 => plain(format!("sk-proj-{}", letters(random, 40))),
        6 => plain("110101199003074258".to_owned()),
        // With what JSON has to escape.
        _ => {
            let password = format!("x{}\\Y9!", letters(random, 8));
            (format!("password: {password} "), password)
        }
    }
}

const BETWEEN: [&str; 12] = [
    " or ",
    ", ",
    "，",
    "，请给",
    " and the email ",
    "\nor ",
    "\" or \"",
    " EMAIL_ ",
    " Phone ",
    "。ID ",
    " {\"a\": 1} ",
    "\\n🙂",
];

#[tokio::test(flavor = "current_thread")]
async fn values_come_back_exact_however_their_stand_ins_are_cut() {
    let mut random = Rng::with_seed(8);
    let layer = layer();
    let mut masked = 0;
    for number in 0..ANSWERS {
        let path = PATHS[number % 3];
        let (mut text, mut values) = (String::new(), Vec::new());
        for _ in 0..random.usize(1..4) {
            text.push_str(BETWEEN[random.usize(..BETWEEN.len())]);
            let (whole, value) = value(&mut random);
            text.push_str(&whole);
            values.push(value);
        }
        text.push_str(BETWEEN[random.usize(..BETWEEN.len())]);
        let seed = random.u64(..);
        let (answer, seen) = send(&layer, says(path, &text), move |_, body| answer(path, body, seed)).await;
        let (_, body) = seen.unwrap();
        let body = serde_json::from_slice::<Value>(&body).unwrap().to_string();
        for value in &values {
            let escaped = Value::from(value.as_str()).to_string();
            assert!(!body.contains(&escaped[1..escaped.len() - 1]), "answer {number}: {value} in {body}");
        }
        let (came, error) = read(answer).await;
        assert!(error.is_none(), "answer {number}: {error:?}");
        let (said, arguments) = joined(&came);
        assert_eq!(said, text, "answer {number}");
        assert_eq!(arguments, json!({"to": text}).to_string(), "answer {number}");
        masked += values.len() as u64;
    }
    let totals = layer.totals();
    assert!(totals.restored >= 2 * masked, "{totals:?}");
    assert_eq!((totals.refused, totals.passed, totals.unread), (0, 0, 0));
}

/// The chat API says what it was told, and tells it a tool: in pieces of any size, in chunks of any size.
fn answer(path: &'static str, body: &[u8], seed: u64) -> Answer {
    let mut random = Rng::with_seed(seed);
    let text = said(path, body);
    let arguments = json!({"to": text}).to_string();
    let pieces = |text: &str, random: &mut Rng| -> Vec<usize> {
        let most = [1, 3, 8, 40][random.usize(..4)];
        let mut at = 0;
        std::iter::from_fn(|| {
            at += random.usize(1..=most);
            (at < text.len()).then_some(at)
        })
        .collect()
    };
    let (text_cuts, argument_cuts) = (pieces(&text, &mut random), pieces(&arguments, &mut random));
    let events = events(path, &cut(&text, text_cuts), &cut(&arguments, argument_cuts)).concat();
    if random.bool() {
        return stream([events]);
    }
    let events = Bytes::from(events);
    let mut at = 0;
    stream(std::iter::from_fn(move || {
        let end = (at + random.usize(1..400)).min(events.len());
        let chunk = events.slice(at..end);
        at = end;
        (!chunk.is_empty()).then_some(chunk)
    }))
}

#[tokio::test(flavor = "current_thread")]
async fn one_cut_or_two_at_every_place() {
    let text = "打13812345678找li.wei@example.com!";
    for path in PATHS {
        // In all places at once, and in each pair of them.
        let (answer, _) = send(&layer(), says(path, text), move |_, body| {
            let text = said(path, body);
            stream(events(path, &cut(&text, 0..text.len()), &[]))
        })
        .await;
        assert_eq!(joined(&read(answer).await.0).0, text);
        for first in 0..60 {
            for second in (first..60).step_by(7) {
                let (answer, _) = send(&layer(), says(path, text), move |_, body| {
                    let text = said(path, body);
                    stream(events(path, &cut(&text, [first, second].map(|at| at.min(text.len()))), &[]))
                })
                .await;
                assert_eq!(joined(&read(answer).await.0).0, text, "{first} {second}");
            }
        }
    }
}
