//! Every layer there is. A new one is one line here; the checks and the matrix follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lastbyte::backpressure::{AdmissionLayer, WatchdogLayer};
use lastbyte::breaker::{BreakerLayer, Policy};
use lastbyte::guard::{GuardLayer, SealLayer};
use lastbyte::idempotency::{Builder, IdempotencyLayer};
use lastbyte::quota::{Allowance, QuotaLayer};
use lastbyte::redact::mask::{MaskLayer, Unreadable};
use lastbyte::redact::tower::{QuestionsLayer, Show};
use lastbyte::redact::{Key, Redactor};
use lastbyte::retry::{Backoff, MaxAttempts, RetryLayer};
use lastbyte::store::Memory;

use crate::keyed::Unnumbered;
use crate::log;
use crate::subject::Does::{Judges, Limits, Retries, Rewrites, Seals};
use crate::subject::{ATTEMPTS, CAP, Entry, Subject};

/// All layers, outermost first in the order that the facade recommends.
pub const LAYERS: &[Entry] = &[
    Entry { name: "questions", make: || Subject::new(questions(), &[Judges]) },
    Entry { name: "watchdog", make: || Subject::new(watchdog(), &[Judges]) },
    Entry { name: "admission", make: || Subject::new(admission(), &[Judges]) },
    Entry { name: "seal", make: || Subject::new(SealLayer::new().with_max_event(CAP), &[Judges, Seals]) },
    Entry {
        name: "idempotency",
        make: || Subject::new(idempotency().build(Arc::new(Memory::new())), &[Judges]),
    },
    Entry { name: "quota", make: || Subject::new(quota(), &[Judges]) },
    Entry { name: "mask", make: || Subject::new(mask(), &[Judges, Rewrites]) },
    Entry { name: "retry", make: || Subject::new(retry(), &[Judges, Retries]) },
    Entry { name: "breaker", make: || Subject::new(breaker(), &[Judges]) },
    Entry { name: "per_upstream", make: || Subject::new(per_upstream(), &[Judges]) },
    Entry { name: "guard", make: || Subject::new(GuardLayer::new().with_max_event(CAP), &[Judges, Limits]) },
];

/// Layers that detach what they do from who asked for it: what comes out of them is the work of a task, so that a
/// check that drives each poll by hand says nothing of them, and they stand in no order. Each is run alone.
pub const DETACHED: &[Entry] = &[Entry {
    name: "keyed",
    make: || Subject::new(Unnumbered(keyed().build(Arc::new(Memory::new()))), &[Judges]),
}];

/// The entry of that name.
///
/// # Panics
///
/// Where there is none.
pub fn layer(name: &str) -> Entry {
    *LAYERS.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("there is no layer {name}"))
}

/// One whose lines somebody reads: else it would not look at what passes.
fn questions() -> QuestionsLayer {
    log::listen();
    QuestionsLayer::new(Redactor::new()).with_show(Show::Redacted).with_max_event(CAP)
}

/// Waits that are short beside the time a head is held, so that failures show as statuses in any order.
fn retry() -> RetryLayer {
    let ms = Duration::from_millis;
    RetryLayer::new()
        .with_max_attempts(MaxAttempts::new(ATTEMPTS as u32).expect("two are allowed"))
        .with_backoff(Backoff::new(ms(100), ms(200)))
        .with_max_event(CAP)
        .with_max_body(CAP)
        .with_max_answer(CAP)
        .with_seed(1)
}

/// One that the failures of a check do not open.
fn breaker() -> BreakerLayer {
    BreakerLayer::seeded(Policy::new().with_min_calls(10_000), 1).with_max_event(CAP)
}

/// One that waits longer than any check lets a reader wait.
fn watchdog() -> WatchdogLayer {
    WatchdogLayer::new(Duration::from_secs(3600)).with_max_event(CAP)
}

fn admission() -> AdmissionLayer {
    AdmissionLayer::new(PLACES).with_max_event(CAP)
}

/// One that has enough for any check.
fn quota() -> QuotaLayer {
    let plenty = Allowance::new().with_requests_per_minute(1_000_000).with_tokens_per_minute(1_000_000_000);
    QuotaLayer::new(plenty).with_max_event(CAP)
}

/// For the value that every question here has; some are no JSON, and pass.
fn mask() -> MaskLayer {
    let key = Key::new("a key that is known to all").expect("it is long enough");
    MaskLayer::new(Redactor::new(), key)
        .with_unreadable(Unreadable::Pass)
        .with_max_event(CAP)
        .with_max_body(CAP)
        .with_max_answer(CAP)
}

/// For requests without a key, which pass.
fn idempotency() -> Builder {
    IdempotencyLayer::builder().with_max_event(CAP)
}

/// The same for requests each of which has a key of its own.
fn keyed() -> Builder {
    let number = AtomicUsize::new(0);
    idempotency()
        .with_max_answer(CAP)
        .with_max_body(CAP)
        .with_key(move |_| Ok(Some(number.fetch_add(1, Ordering::Relaxed).to_string())))
}

fn per_upstream() -> AdmissionLayer {
    AdmissionLayer::per_upstream(PLACES).with_adaptive(true).with_seed(1).with_max_event(CAP)
}

/// More than any check has streams at once.
const PLACES: usize = 64;
