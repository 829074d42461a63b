//! The invented lines of chats and logs.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};

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
