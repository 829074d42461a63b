//! Fields as they are written.

use std::error::Error;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};

use super::layer::{Format, Settings};
use super::plan::{Known, Plan, Treat};
use crate::escape::{Escape, escape};

/// The most errors of a chain that are written: a chain of more is one that ends in itself.
const CHAIN: usize = 16;

/// A number of so many digits is no value.
const SHORT: usize = 6;

/// What a value was before it became text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Str,
    Other,
    Number,
}

/// Writes the fields of one event or span into a line: redacts each value, and encodes what is left.
pub(super) struct Pen<'a> {
    pub(super) settings: &'a Settings,
    pub(super) plan: &'a Plan,
    /// The fields that are written.
    pub(super) out: &'a mut String,
    /// Where a value becomes text.
    pub(super) scratch: &'a mut String,
    /// The target that a record of the `log` crate names, redacted and encoded.
    pub(super) target: &'a mut String,
    /// The number of each field that was written, and where it ends, for those that may be replaced later.
    pub(super) ends: Option<&'a mut Vec<(usize, usize)>>,
}

impl Pen<'_> {
    fn is_json(&self) -> bool {
        self.settings.format == Format::Json
    }

    /// Writes a field, unless it is not to be looked at.
    fn field(&mut self, field: &Field, kind: Kind, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) {
        let plan = self.plan;
        let Some(Known { treat, name, is_quiet }) = plan.field(field) else { return };
        let treat = *treat;
        match treat {
            Treat::Drop => return,
            Treat::Secret => return self.mark(field, name, "[SECRET]"),
            Treat::Unlisted => return self.mark(field, name, "[REDACTED]"),
            Treat::Redact | Treat::Message | Treat::LogTarget => {}
        }
        // A name can be what makes a value one: `passport=E12345678`.
        self.scratch.clear();
        if treat == Treat::Redact {
            self.scratch.push_str(field.name());
            self.scratch.push('=');
        }
        let start = self.scratch.len();
        let mut bounded = Bounded { out: self.scratch, left: self.settings.longest_value, is_cut: false };
        // An error is what a value makes of a cut, too. What it wrote until then is a text like any other.
        let _ = write(&mut bounded);
        let is_cut = bounded.is_cut;

        let mut scratch = std::mem::take(self.scratch);
        let redactor = &self.settings.redactor;
        let is_quiet = *is_quiet && treat == Treat::Redact;
        // Nearly all values have nothing in them, and where a line ends behind one that is soon seen.
        let is_clear = is_quiet && kind == Kind::Number && scratch.len() - start <= SHORT || {
            scratch.push('\n');
            let scan = redactor.settings.scan();
            let is_clear = if is_quiet { scan.from(&scratch, start) } else { scan }.passes(&scratch);
            scratch.pop();
            is_clear
        };
        let redacted = if is_clear && !is_cut {
            std::borrow::Cow::Borrowed(scratch.as_str())
        } else if is_cut {
            // The stream is not finished: so nothing of a value that the cut went through is written.
            let mut whole = String::new();
            redactor.stream().push(&scratch, &mut whole);
            whole.push('…');
            whole.into()
        } else {
            redactor.redact(&scratch)
        };
        let is_plain = matches!(redacted, std::borrow::Cow::Borrowed(_));
        // A value that began in the name took the name with it.
        let text = redacted.strip_prefix(&scratch[..start]).unwrap_or(&redacted);
        if treat == Treat::LogTarget {
            self.target.clear();
            escape(text, if self.is_json() { Escape::Json } else { Escape::Bare }, self.target);
        } else {
            self.begin(name, treat == Treat::Message);
            self.encode(text, kind, treat, is_plain);
            self.end(field);
        }
        drop(redacted);
        *self.scratch = scratch;
    }

    fn encode(&mut self, text: &str, kind: Kind, treat: Treat, is_plain: bool) {
        match (self.is_json(), kind) {
            (true, Kind::Number) if is_plain => self.out.push_str(text),
            (true, _) => self.quoted(text, Escape::Json),
            (false, Kind::Str) if treat != Treat::Message => self.quoted(text, Escape::Quoted),
            (false, _) => escape(text, Escape::Bare, self.out),
        }
    }

    fn quoted(&mut self, text: &str, how: Escape) {
        self.out.push('"');
        escape(text, how, self.out);
        self.out.push('"');
    }

    fn mark(&mut self, field: &Field, name: &str, mark: &str) {
        self.begin(name, false);
        self.encode(mark, Kind::Other, Treat::Redact, true);
        self.end(field);
    }

    fn begin(&mut self, name: &str, is_message: bool) {
        let settings = self.settings;
        if !self.out.is_empty() {
            self.out.push(if self.is_json() { ',' } else { ' ' });
        }
        match settings.format {
            Format::Json => {
                self.out.push('"');
                self.out.push_str(name);
                self.out.push_str("\":");
            }
            Format::Human if is_message => {}
            Format::Human => {
                settings.paint("\x1b[3m", name, self.out);
                self.out.push('=');
            }
        }
    }

    fn end(&mut self, field: &Field) {
        if let Some(ends) = &mut self.ends {
            ends.push((field.index(), self.out.len()));
        }
    }
}

impl Visit for Pen<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, Kind::Other, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, Kind::Str, |out| out.write_str(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        // Their hexadecimal form would hide what they hold from every rule.
        match std::str::from_utf8(value) {
            Ok(text) => self.record_str(field, text),
            Err(_) => self.field(field, Kind::Other, |out| write!(out, "<{} bytes>", value.len())),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.field(field, Kind::Other, |out| {
            write!(out, "{value}")?;
            let mut source = value.source();
            for _ in 1..CHAIN {
                let Some(error) = source else { return Ok(()) };
                write!(out, ": {error}")?;
                source = error.source();
            }
            if source.is_some() { out.write_str(": …") } else { Ok(()) }
        });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let kind = if value.is_finite() { Kind::Number } else { Kind::Other };
        self.field(field, kind, |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, Kind::Number, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, Kind::Number, |out| write!(out, "{value}"));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.field(field, Kind::Number, |out| write!(out, "{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.field(field, Kind::Number, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, Kind::Number, |out| write!(out, "{value}"));
    }
}

/// Takes so many bytes and no more.
struct Bounded<'a> {
    out: &'a mut String,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let fits = text.floor_char_boundary(self.left);
        self.out.push_str(&text[..fits]);
        self.left -= fits;
        self.is_cut = fits < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}
