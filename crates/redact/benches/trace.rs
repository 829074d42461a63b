//! `cargo bench -p lastbyte-redact --features tracing --bench trace`: what an event costs, with its values looked at
//! and without (the same layer with no rules), beside the lines of `tracing_subscriber::fmt`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::io::sink;
use std::time::{Duration, Instant};

use lastbyte_redact::trace::RedactLayer;
use lastbyte_redact::{Key, Redactor, Style};
use tracing::Dispatch;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

#[global_allocator]
static HEAP: densa_alloc::CountingAllocator = densa_alloc::CountingAllocator::system();

/// Events in a batch: long beside what reading the clock takes.
const BATCH: u32 = 200;

struct Subject {
    name: &'static str,
    subscriber: Dispatch,
    /// The median batch of each round, in ns an event.
    rounds: Vec<f64>,
    allocations: f64,
}

impl Subject {
    fn round(&mut self, time: Duration, emit: fn()) {
        tracing::dispatcher::with_default(&self.subscriber, || {
            let _span = tracing::info_span!("request", tenant = "acme", attempt = 1).entered();
            let mut batches = Vec::new();
            let begun = now();
            while batches.len() < 3 || begun.elapsed() < time {
                let begun = now();
                let ((), heap) = densa_alloc::measure(|| (0..BATCH).for_each(|_| emit()));
                let taken = begun.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH);
                batches.push((taken, (heap.allocs + heap.reallocs) as f64 / f64::from(BATCH)));
            }
            batches.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (taken, allocations) = batches[batches.len() / 2];
            self.allocations = allocations;
            self.rounds.push(taken);
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn subjects() -> [Subject; 7] {
    let ours = |redactor: Redactor| RedactLayer::new(redactor).with_writer(sink);
    let none = || Redactor::builder().rules([]).build();
    let key = Key::new("a key of more than sixteen bytes").unwrap();
    let keyed = Redactor::builder().style(Style::Pseudonym(key)).build();
    let layers = [
        ("fmt, text", fmt::layer().with_ansi(false).with_writer(sink).boxed()),
        ("fmt, JSON", fmt::layer().json().with_writer(sink).boxed()),
        ("text, no rules", ours(none()).boxed()),
        ("text, all rules", ours(Redactor::new()).boxed()),
        ("JSON, no rules", ours(none()).with_json().boxed()),
        ("JSON, all rules", ours(Redactor::new()).with_json().boxed()),
        ("JSON, pseudonyms", ours(keyed).with_json().boxed()),
    ];
    layers.map(|(name, layer)| Subject {
        name,
        subscriber: Dispatch::new(registry().with(layer)),
        rounds: Vec::new(),
        allocations: 0.0,
    })
}

fn clean() {
    tracing::info!(status = 200, path = "/v1/chat/completions", took = ?Duration::from_millis(1280), "an answer has ended");
}

fn hit() {
    tracing::info!(status = 200, from = "li.wei@example.com", took = ?Duration::from_millis(1280), "an answer has ended");
}

fn main() {
    assert!(densa_alloc::is_active());
    // Without the flag that `cargo bench` gives it only has to run.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (rounds, time) = if measures { (40, Duration::from_millis(10)) } else { (1, Duration::ZERO) };
    for (title, emit) in [("nothing to redact", clean as fn()), ("one address", hit)] {
        let mut subjects = subjects();
        subjects.iter_mut().for_each(|subject| {
            subject.round(Duration::ZERO, emit);
            subject.rounds.clear();
        });
        for round in 0..rounds {
            for turn in 0..subjects.len() {
                subjects[(turn + round) % 7].round(time, emit);
            }
        }
        println!("\nAn event with three fields in a span, {title}\n");
        println!("| layer | ns, best round | ns, median | allocations |\n|---|---|---|---|");
        for subject in &mut subjects {
            subject.rounds.sort_by(f64::total_cmp);
            let Subject { name, rounds, allocations, .. } = subject;
            println!("| {name} | {:.0} | {:.0} | {allocations:.2} |", rounds[0], rounds[rounds.len() / 2]);
        }
        let mut bare = subjects.iter().filter(|subject| subject.name.ends_with("no rules"));
        assert!(
            bare.all(|subject| subject.allocations == 0.0),
            "the layer itself takes nothing from the heap"
        );
    }
}
