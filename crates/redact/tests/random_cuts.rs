//! However a text is cut, the same comes out, and nothing of a value comes out before it is known to be one.
//!
//! `LASTBYTE_CUTS` says how many texts are cut, `cargo xtask fuzz` sets it to 1,000,000.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use lastbyte_redact::{Key, Redactor, Rule, Style};
use support::corpus::{Text, Tried, corpus, tries};
use support::{Random, cut};

/// So many characters of a value never leave.
const LEAST: usize = 4;

fn redactors() -> [Redactor; 3] {
    let key = Key::new("sixteen bytes of key").unwrap();
    [
        Redactor::new(),
        Redactor::builder().rules(Rule::ALL).build(),
        Redactor::builder().style(Style::Pseudonym(key)).build(),
    ]
}

#[test]
fn cuts_change_nothing() {
    let (texts, redactors, mut random) = (corpus(), redactors(), Random(1));
    let (mut pieces, mut most_held) = (0, 0);
    for number in 0..tries("LASTBYTE_CUTS") {
        let mut text = random.of(&texts).text.clone();
        // Where one ends another begins, in the same line or in the next.
        for _ in 0..random.below(3) {
            text.push_str(["", " ", "\n", "，"][random.below(4)]);
            text.push_str(&random.of(&texts).text);
        }
        let _tried = Tried(number, &text);
        let redactor = random.of(&redactors);
        let whole = redactor.redact(&text);
        let cuts = cut(&text, *random.of(&[1, 8, 40]), &mut random);
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for piece in &cuts {
            let before = out.len();
            stream.push(piece, &mut out);
            let rest = whole.as_bytes()[before..].starts_with(&out.as_bytes()[before..]);
            assert!(rest, "{out:?} of {whole:?} in {cuts:?}");
            most_held = most_held.max(stream.held());
        }
        stream.finish(&mut out);
        assert_eq!(out, whole, "{cuts:?}");
        pieces += cuts.len();
    }
    println!("{pieces} pieces, at most {most_held} bytes held");
}

#[test]
fn torn_characters_change_nothing() {
    let (texts, redactors, mut random) = (corpus(), redactors(), Random(2));
    for number in 0..tries("LASTBYTE_CUTS") / 4 {
        let text = &random.of(&texts).text;
        let _tried = Tried(number, text);
        let redactor = random.of(&redactors);
        let (mut stream, mut out, mut rest) = (redactor.stream(), String::new(), text.as_bytes());
        let most = *random.of(&[1, 8, 40]);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(most)).min(rest.len()));
            stream.push_bytes(piece, &mut out);
            rest = after;
        }
        stream.finish(&mut out);
        assert_eq!(out, redactor.redact(text));
    }
}

/// The parts of so many characters which stand in a value that is found, and nowhere else in the text.
fn parts_of_values<'a>(Text { text, values }: &'a Text, whole: &str) -> HashSet<&'a str> {
    let ends = |value: &'a str| value.char_indices().map(|(at, _)| at).chain([value.len()]);
    let mut parts = HashSet::new();
    for value in values {
        let ends: Vec<_> = ends(value).collect();
        for window in ends.windows(LEAST + 1) {
            parts.insert(&value[window[0]..window[LEAST]]);
        }
    }
    // What stays in the whole is judged by the test of the lines.
    parts.retain(|part| !whole.contains(part) && text.contains(part));
    parts
}

#[test]
fn nothing_of_a_value_leaves_early() {
    let redactor = Redactor::new();
    let mut texts = corpus();
    texts.retain(|text| !text.values.is_empty());
    let mut random = Random(3);
    let mut watched = 0;
    for number in 0..tries("LASTBYTE_CUTS") / 4 {
        let text = random.of(&texts);
        let _tried = Tried(number, &text.text);
        let parts = parts_of_values(text, &redactor.redact(&text.text));
        watched += parts.len();
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for piece in cut(&text.text, *random.of(&[1, 8, 40]), &mut random) {
            let before = out.len();
            stream.push(piece, &mut out);
            // With the end of what was there: a part may leave in two.
            let from = out[..before].char_indices().rev().nth(LEAST - 2).map_or(0, |(at, _)| at);
            let fresh: Vec<_> =
                out[from..].char_indices().map(|(at, _)| from + at).chain([out.len()]).collect();
            for window in fresh.windows(LEAST + 1) {
                let part = &out[window[0]..window[LEAST]];
                assert!(!parts.contains(part), "{part:?} left in {out:?}");
            }
        }
    }
    println!("{watched} parts of values watched");
}
