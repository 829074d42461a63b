//! What it costs that the values of an event are looked at.

use std::io::sink;
use std::time::Duration;

use lastbyte_redact::Redactor;
use lastbyte_redact::trace::RedactLayer;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::rounds::{Effort, Spread, Subject, run as rounds};

/// Events in a batch: long beside what reading the clock takes.
const BATCH: u32 = 200;

/// An event without values to redact, through one of the layer's forms.
pub(crate) struct Event {
    pub(crate) form: &'static str,
    /// ns an event, in all rounds: without rules, with all of them, and how much more that is within a round.
    pub(crate) bare: Spread,
    pub(crate) all: Spread,
    pub(crate) more: Spread,
    pub(crate) allocations: f64,
}

fn emit() {
    for _ in 0..BATCH {
        tracing::info!(
            status = 200,
            path = "/v1/chat/completions",
            took = ?Duration::from_millis(1280),
            "an answer has ended"
        );
    }
}

/// The layer as a text and as JSON, with all rules or with none.
fn subscriber(redactor: Redactor, is_json: bool) -> Dispatch {
    let layer = RedactLayer::new(redactor).with_writer(sink);
    if is_json {
        Dispatch::new(registry().with(layer.with_json()))
    } else {
        Dispatch::new(registry().with(layer))
    }
}

fn run_form(is_json: bool, effort: Effort) -> Event {
    let within = |subscriber: &Dispatch| {
        tracing::dispatcher::with_default(subscriber, || {
            let _span = tracing::info_span!("request", tenant = "acme", attempt = 1).entered();
            emit();
        });
    };
    let bare = subscriber(Redactor::builder().rules([]).build(), is_json);
    let all = subscriber(Redactor::new(), is_json);
    let subjects = vec![Subject::new(|| within(&bare)), Subject::new(|| within(&all))];
    let series = rounds(subjects, effort);
    let ns = |taken: f64| taken * 1e9 / f64::from(BATCH);
    let spread = |rounds: &[f64]| Spread::of(rounds.iter().map(|taken| ns(*taken)).collect());
    let (none, full) = (&series[0].rounds, &series[1].rounds);
    let more = full.iter().zip(none).map(|(full, none)| ns(full - none)).collect();
    // Without the span, of which one is made for each batch only.
    let allocations = tracing::dispatcher::with_default(&all, || {
        let _span = tracing::info_span!("request", tenant = "acme", attempt = 1).entered();
        emit();
        let ((), heap) = densa_alloc::measure(emit);
        (heap.allocs + heap.reallocs) as f64 / f64::from(BATCH)
    });
    let form = if is_json { "JSON" } else { "text" };
    Event { form, bare: spread(none), all: spread(full), more: Spread::of(more), allocations }
}

pub(crate) fn run(effort: Effort) -> [Event; 2] {
    [false, true].map(|is_json| run_form(is_json, effort))
}
