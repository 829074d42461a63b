//! What redaction costs: MB/s on one core, beside copying, the same rules as regular expressions, and the rules of an article.
//!
//! `cargo xtask bench redact` prints the report, `-- --write` makes `docs/benchmarks/redact.md` of it, `-- 7` begins the
//! search for the slowest text from another seed.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod event;
mod report;
mod rounds;
mod rules;
mod search;
mod texts;

use std::hint::black_box;

use lastbyte_redact::Redactor;
use report::Report;
use rounds::{Effort, Subject};
use texts::Text;

#[global_allocator]
static HEAP: densa_alloc::CountingAllocator = densa_alloc::CountingAllocator::system();

const REPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks/redact.md");

/// The ways a text is gone over. All of them run in each round, and copying is the first.
fn subjects<'a>(redactor: &'a Redactor, text: &'a Text, beside: bool) -> Vec<Subject<'a>> {
    let Text { text, is_json, .. } = text;
    let mut copy = vec![0; text.len()];
    let mut subjects = vec![
        Subject::new(move || {
            copy.copy_from_slice(black_box(text).as_bytes());
            black_box(&mut copy);
        }),
        Subject::new(move || {
            black_box(if *is_json {
                redactor.redact_json(black_box(text))
            } else {
                redactor.redact(black_box(text))
            });
        }),
    ];
    if beside {
        let (regexes, article) = (rules::regexes(), rules::article());
        subjects.push(Subject::new(move || {
            black_box(rules::positions(&regexes, black_box(text)));
        }));
        subjects.push(Subject::new(move || {
            black_box(rules::replaced(&article, black_box(text)));
        }));
    }
    subjects
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without the flag that `cargo bench` gives it only has to run.
    let measures = arguments.iter().any(|argument| argument == "--bench");
    let effort = if measures { Effort::FULL } else { Effort::NONE };
    let seed = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1);
    assert!(densa_alloc::is_active());

    let redactor = Redactor::new();
    let mut report = Report::new(effort, seed);
    for text in texts::usual(effort.length) {
        eprintln!("{}", text.name);
        report.usual(&text, &rounds::run(subjects(&redactor, &text, true), effort));
    }
    let mut hostile = texts::hostile(effort.length / 4);
    eprintln!("the search");
    let searched = search::slowest(&redactor, seed, effort, &hostile);
    hostile.extend(searched);
    for text in hostile {
        report.hostile(&text, &rounds::run(subjects(&redactor, &text, false), effort));
    }
    eprintln!("events");
    report.events(&event::run(effort));

    let text = report.text();
    print!("{text}");
    if arguments.iter().any(|argument| argument == "--write") {
        std::fs::write(REPORT, text).unwrap();
    }
}
