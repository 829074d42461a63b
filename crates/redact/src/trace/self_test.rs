//! Whether somebody else prints what is redacted here.

use std::cell::Cell;
use std::fmt;

use tracing::Level;

pub(super) const TARGET: &str = "lastbyte_redact::canary";

/// What a canary shows to those who print it. A writer that redacts knows it by this, and writes [`CAUGHT_SONG`].
pub(super) const SONG: &str = "another layer prints values that are not redacted (lastbyte canary)";

/// What is in a line with a canary that was caught.
pub(super) const CAUGHT_SONG: &str = "a writer redacts this line (lastbyte canary)";

thread_local! {
    static SEEN: Cell<usize> = const { Cell::new(0) };
    static CAUGHT: Cell<usize> = const { Cell::new(0) };
}

fn add_one(counter: &'static std::thread::LocalKey<Cell<usize>>) {
    let _ = counter.try_with(|counter| counter.set(counter.get() + 1));
}

/// A [`RedactLayer`](super::RedactLayer) met the canary, and let it be.
pub(super) fn seen() {
    add_one(&SEEN);
}

/// A [`RedactWriter`](super::RedactWriter) met the canary in a line.
pub(super) fn caught() {
    add_one(&CAUGHT);
}

/// What [`self_test`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// How many [`RedactLayer`](super::RedactLayer)s saw the event. With none, and none `caught`, nothing is known: there
    /// is nothing that redacts, or a filter took the event.
    pub layers: usize,
    /// How many times somebody else read a value whose text did not go through a
    /// [`RedactWriter`](super::RedactWriter) then: another layer that prints or exports raw values.
    pub raw: usize,
    /// How many times somebody else read one, and a [`RedactWriter`](super::RedactWriter) got it.
    pub caught: usize,
}

impl SelfTest {
    /// Whether a layer or a writer that redacts is there, and no other one that does not.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.layers + self.caught > 0 && self.raw == 0
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { layers: 0, raw: 0, caught: 0 } => f.write_str("nothing that redacts saw the canary"),
            Self { raw: 0, .. } => f.write_str("nobody prints raw values"),
            Self { raw, .. } => write!(f, "another layer reads raw values ({raw} seen)"),
        }
    }
}

/// Notes when it is printed.
struct Canary<'a>(&'a Cell<usize>);

impl fmt::Debug for Canary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(self.0.get() + 1);
        f.write_str(SONG)
    }
}

/// Sends a canary through the current subscriber, and says who read it. For the start of a program, behind the
/// installation of its subscriber.
///
/// The canary is one field of a span and one of an event, both on level `ERROR` with the target
/// `lastbyte_redact::canary`, whose value notes every time it is turned into text. The layers of this crate do not do
/// that to it. Whoever else does could print other values as well, and the canary's text in the log says so; where a
/// [`RedactWriter`](super::RedactWriter) catches it, the line says that.
///
/// What it cannot see: a layer that reads `str` values and passes over `Debug` ones (a `str` does not notice who reads
/// it; every visitor has to handle `Debug` ones, but may do nothing with them); a layer whose filter takes the target
/// or that prints lower levels alone; one that was added later; another thread's subscriber; what is printed without
/// `tracing`. A writer is known to redact only if the line is written on the thread that logs, as by
/// `tracing_subscriber::fmt`.
#[must_use]
pub fn self_test() -> SelfTest {
    let (in_span, in_event) = (Cell::new(0), Cell::new(0));
    SEEN.set(0);
    CAUGHT.set(0);
    let span = tracing::error_span!(target: TARGET, "canary", canary = ?Canary(&in_span));
    // Outside of the span: else its text would be in the event's line, too.
    tracing::event!(target: TARGET, parent: None, Level::ERROR, canary = ?Canary(&in_event));
    drop(span);
    let caught = CAUGHT.get().min(in_event.get());
    // Who prints spans prints them with their events; one that was not seen with an event reads spans alone.
    let spans_alone = in_span.get().saturating_sub(in_event.get());
    SelfTest { layers: SEEN.get(), raw: in_event.get() - caught + spans_alone, caught }
}
