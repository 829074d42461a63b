//! Whether somebody else prints what is redacted here.

use std::cell::Cell;
use std::fmt;

use tracing::Level;

pub(super) const TARGET: &str = "lastbyte_redact::canary";

/// What a canary shows to those who print it: this, and in an event the number of times it was read before.
const SONG: &str = "another layer prints values that are not redacted (lastbyte canary";

/// What a writer that redacts puts in its place.
const HEARD: &str = "a writer redacts what a layer prints (lastbyte canary";

thread_local! {
    static SEEN: Cell<usize> = const { Cell::new(0) };
    /// A bit for each text of the event's canary: one may pass several writers, and spans have lines of their own.
    static CAUGHT: Cell<u64> = const { Cell::new(0) };
}

/// A [`RedactLayer`](super::RedactLayer) met the canary, and let it be.
pub(super) fn seen() {
    let _ = SEEN.try_with(|seen| seen.set(seen.get() + 1));
}

/// Notes the canaries in what a [`RedactWriter`](super::RedactWriter) writes, and says there that they were caught.
pub(super) fn catch(text: &mut String) {
    if !text.contains(SONG) {
        return;
    }
    for behind in text.split(SONG).skip(1) {
        let number = behind.split_once(')').and_then(|(number, _)| number.trim_start().parse().ok());
        let bit = number.and_then(|number| 1_u64.checked_shl(number)).unwrap_or_default();
        let _ = CAUGHT.try_with(|caught| caught.set(caught.get() | bit));
    }
    *text = text.replace(SONG, HEARD);
}

/// What [`self_test`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// How many [`RedactLayer`](super::RedactLayer)s saw the event. With none, and none caught, nothing is known: there
    /// is no such layer, or a filter took the event.
    pub layers: usize,
    /// How many times somebody else read a value whose text did not go through a
    /// [`RedactWriter`](super::RedactWriter) then: another layer that prints or exports raw values.
    pub raw: usize,
    /// How many times somebody else read one, and a [`RedactWriter`](super::RedactWriter) got it.
    pub caught: usize,
}

impl SelfTest {
    /// Whether a layer that redacts is there, or a writer behind one, and no other one that does not.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.layers + self.caught > 0 && self.raw == 0
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { layers: 0, raw: 0, caught: 0 } => f.write_str("no layer that redacts saw the canary"),
            Self { raw: 0, .. } => f.write_str("nobody prints raw values"),
            Self { raw, .. } => write!(f, "another layer reads raw values ({raw} seen)"),
        }
    }
}

/// Notes when it is printed.
struct Canary<'a> {
    read: &'a Cell<usize>,
    is_numbered: bool,
}

impl fmt::Debug for Canary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.read.replace(self.read.get() + 1);
        if self.is_numbered { write!(f, "{SONG} {number})") } else { write!(f, "{SONG})") }
    }
}

/// Sends a canary through the current subscriber, and says who read it. For the start of a program, behind the
/// installation of its subscriber.
///
/// The canary is one field of a span and one of an event, both on level `ERROR` with the target
/// `lastbyte_redact::canary`, whose value notes every time it is turned into text. The layers of this crate do not do
/// that to it. Whoever else does could print other values as well, and the canary's text in the log says so; behind a
/// [`RedactWriter`](super::RedactWriter) it says that it was caught.
///
/// What it cannot see: a layer that reads `str` values and passes over `Debug` ones (a `str` does not notice who reads
/// it; every visitor has to handle `Debug` ones, but may do nothing with them); a layer whose filter takes the target
/// or that prints lower levels alone; one that was added later; another thread's subscriber; what is printed without
/// `tracing`; a second writer behind one layer (`MakeWriterExt::and`), where the other one redacts. A writer is known to
/// redact only if the line is written on the thread that logs, as by `tracing_subscriber::fmt`.
#[must_use]
pub fn self_test() -> SelfTest {
    let (in_span, in_event) = (Cell::new(0), Cell::new(0));
    SEEN.set(0);
    CAUGHT.set(0);
    let span = tracing::error_span!(target: TARGET, "canary", canary = ?Canary { read: &in_span, is_numbered: false });
    // Outside of the span: else its text would be in the event's line, too.
    let canary = Canary { read: &in_event, is_numbered: true };
    tracing::event!(target: TARGET, parent: None, Level::ERROR, ?canary);
    drop(span);
    let caught = CAUGHT.get().count_ones() as usize;
    // Who prints spans prints them with their events; one that was not seen with an event reads spans alone.
    let spans_alone = in_span.get().saturating_sub(in_event.get());
    SelfTest { layers: SEEN.get(), raw: in_event.get().saturating_sub(caught) + spans_alone, caught }
}
