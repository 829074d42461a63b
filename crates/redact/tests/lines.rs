//! What leaks of labelled lines, by kind, and what is hit on lines that hold nothing.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use lastbyte_redact::Redactor;
use support::{covered, lines};

#[derive(Default)]
struct Tally {
    all: u32,
    /// Less than six tenths of it is covered.
    leaked: u32,
    /// Not wholly covered.
    partly: u32,
    example: Option<String>,
}

impl Tally {
    fn rate(&self) -> f64 {
        f64::from(self.leaked) / f64::from(self.all)
    }
}

#[test]
fn next_to_nothing_leaks_of_labelled_lines() {
    let redactor = Redactor::new();
    let mut kinds = BTreeMap::<(bool, String), Tally>::new();
    for line in lines("dev") {
        let hits: Vec<_> = redactor.find(&line.text).into_iter().map(|hit| hit.range).collect();
        // Names follow no pattern: only a digest keeps them out.
        for span in line.spans.iter().filter(|span| !span.kind.starts_with("name_")) {
            let tally = kinds.entry((span.hard, span.kind.clone())).or_default();
            let share = covered(&line.text, span.bstart..span.bend, &hits);
            tally.all += 1;
            tally.partly += u32::from(share < 1.0);
            if share < 0.6 {
                tally.leaked += 1;
                let value = &line.text[span.bstart..span.bend];
                tally.example.get_or_insert_with(|| format!("{} {value:?} in {:?}", span.form, line.text));
            }
        }
    }
    println!("{:12} {:9} {:>5} {:>6} {:>6}", "kind", "form", "all", "leaked", "partly");
    for ((hard, kind), tally) in &kinds {
        let form = if *hard { "disguised" } else { "plain" };
        println!("{kind:12} {form:9} {:>5} {:>6} {:>6}", tally.all, tally.leaked, tally.partly);
    }
    let most = |hard: bool| if hard { 0.02 } else { 0.001 };
    let over: Vec<_> = kinds.iter().filter(|((hard, _), tally)| tally.rate() > most(*hard)).collect();
    let examples = over.iter().map(|((_, kind), tally)| format!("{kind}: {:?}", tally.example));
    assert!(over.is_empty(), "{}", examples.collect::<Vec<_>>().join("\n"));
}

#[test]
fn lines_that_hold_nothing_stay_as_they_are() {
    let redactor = Redactor::new();
    let (mut bytes, mut false_hits) = (0, Vec::new());
    for line in lines("negative") {
        bytes += line.text.len();
        for hit in redactor.find(&line.text) {
            let spared =
                line.neutral.iter().any(|(start, end)| hit.range.start < *end && *start < hit.range.end);
            if !spared {
                let value = &line.text[hit.range.clone()];
                false_hits.push(format!("{} ({}) {value:?} in {:?}", hit.rule, hit.why, line.text));
            }
        }
    }
    let per_mb = false_hits.len() as f64 / (bytes as f64 / 1e6);
    println!("{} false hits, {per_mb:.1} per MB", false_hits.len());
    assert!(per_mb <= 2.0, "{per_mb:.1} per MB:\n{}", false_hits[..false_hits.len().min(20)].join("\n"));
}
