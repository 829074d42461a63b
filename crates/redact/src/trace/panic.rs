//! Panics, which no subscriber sees.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::thread;

use crate::Redactor;
use crate::escape::{Escape, escape};

/// Redacts the messages of panics from now on, and prints them to the standard error: thread, place, message, and the
/// backtrace where `RUST_BACKTRACE` asks for one.
///
/// It takes the place of the hook that was there, for that one would print the message as it is.
pub fn install_panic_hook(redactor: Redactor) {
    install_panic_hook_with(redactor, |report| {
        let _ = writeln!(std::io::stderr().lock(), "{report}");
    });
}

/// The same, for reports that go elsewhere: into an event, say. `report` must not panic, or the program is aborted.
pub fn install_panic_hook_with(redactor: Redactor, report: impl Fn(&str) + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info| report(&describe(&redactor, info))));
}

fn describe(redactor: &Redactor, info: &PanicHookInfo<'_>) -> String {
    let mut out = String::from("thread '");
    // People name threads after whom they serve.
    escape(&redactor.redact(thread::current().name().unwrap_or("<unnamed>")), Escape::Bare, &mut out);
    out.push_str("' panicked");
    if let Some(place) = info.location() {
        let _ = write!(out, " at {place}");
    }
    out.push_str(": ");
    let message = info.payload_as_str().unwrap_or("<not a text>");
    escape(&redactor.redact(message), Escape::Bare, &mut out);
    // Names of functions and files: no values.
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let _ = write!(out, "\n{backtrace}");
    }
    out
}
