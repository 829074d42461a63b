//! The invented lines of chats and logs.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod corpus;

use std::io::{BufRead as _, BufReader};
use std::ops::Range;

use flate2::read::GzDecoder;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) spans: Vec<Span>,
    pub(crate) neutral: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
pub(crate) struct Span {
    pub(crate) bstart: usize,
    pub(crate) bend: usize,
    pub(crate) kind: String,
    pub(crate) form: String,
    pub(crate) hard: bool,
}

/// The lines of a file, which are 8,000.
pub(crate) fn lines(name: &str) -> Vec<Line> {
    let path = format!("{}/tests/cases/{name}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
    let lines: Vec<_> = file.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(lines.len(), 8000);
    lines
}

/// The share of a value's letters and digits that hits cover.
pub(crate) fn covered(text: &str, value: Range<usize>, hits: &[Range<usize>]) -> f64 {
    let counts = |(_, c): &(usize, char)| c.is_alphanumeric();
    let (mut all, mut hidden) = (0_u32, 0_u32);
    for (at, _) in text[value.clone()].char_indices().filter(counts) {
        all += 1;
        hidden += u32::from(hits.iter().any(|hit| hit.contains(&(value.start + at))));
    }
    f64::from(hidden) / f64::from(all.max(1))
}

/// Cuts a text into pieces of 1 to `most` bytes, each to the next character.
pub(crate) fn cut<'a>(text: &'a str, most: usize, random: &mut Random) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut end = (1 + random.below(most)).min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Small numbers by chance, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to before `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
