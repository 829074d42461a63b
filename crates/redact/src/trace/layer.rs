//! The layer that writes.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::names::Names;
use super::plan::{Plan, Plans};
use super::self_test;
use super::spans::{Kept, write_span, write_spans};
use super::value::Pen;
use crate::Redactor;

/// The default of [`RedactLayer::with_longest_value`]: a whole prompt of some 16 000 tokens, in English.
pub const LONGEST_VALUE: usize = 64 * 1024;

/// The most bytes that each of a thread's buffers keeps from one event to the next.
const KEPT: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Human,
    Json,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) redactor: Redactor,
    pub(super) format: Format,
    pub(super) longest_value: usize,
    has_colours: bool,
    has_time: bool,
    pub(super) names: Names,
}

impl Settings {
    /// Appends a text in a colour, where there are colours.
    pub(super) fn paint(&self, colour: &str, text: &str, out: &mut String) {
        if self.has_colours && self.format == Format::Human {
            out.extend([colour, text, "\x1b[0m"]);
        } else {
            out.push_str(text);
        }
    }
}

/// Redacts events and spans and writes them, a line each.
///
/// It writes itself, since no layer can change what another one sees. Two of them in one subscriber do not share
/// anything. Lines that cannot be written are lost.
#[derive(Debug)]
pub struct RedactLayer<W = fn() -> io::Stdout> {
    settings: Settings,
    writer: W,
    plans: Plans,
    /// By which it knows its own part of what is kept with a span.
    number: usize,
}

impl RedactLayer {
    /// Writes lines for people to the standard output, without colours.
    #[must_use]
    pub fn new(redactor: Redactor) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let settings = Settings {
            redactor,
            format: Format::Human,
            longest_value: LONGEST_VALUE,
            has_colours: false,
            has_time: true,
            names: Names::default(),
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { settings, writer: io::stdout, plans: Plans::default(), number }
    }
}

impl<W> RedactLayer<W> {
    /// Writes one JSON object a line: `timestamp`, `level`, `target`, `fields` (with `message`), and `spans`, the
    /// outermost first, each with `name` and `fields`. A number that is a value becomes a string.
    #[must_use]
    pub fn with_json(mut self) -> Self {
        self.settings.format = Format::Json;
        self
    }

    /// Whether lines for people have colours. Those that stand in values do not come through in any case.
    #[must_use]
    pub fn with_colours(mut self, has_colours: bool) -> Self {
        self.settings.has_colours = has_colours;
        self
    }

    /// Leaves the time out.
    #[must_use]
    pub fn without_time(mut self) -> Self {
        self.settings.has_time = false;
        self
    }

    /// Writes there, one call a line.
    #[must_use]
    pub fn with_writer<N: for<'a> MakeWriter<'a>>(self, writer: N) -> RedactLayer<N> {
        RedactLayer { settings: self.settings, writer, plans: self.plans, number: self.number }
    }

    /// Does not look at the values of fields with these names either. A name stands for all that end in its words,
    /// in any spelling: `patient_name` for `PatientName` and `old.patient-name`. `message` is a name like the others.
    #[must_use]
    pub fn with_denied<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().for_each(|name| self.settings.names.deny(name));
        self
    }

    /// Writes the values of fields with these names, in any spelling, and puts `[REDACTED]` for all others. The
    /// message is written unless it is denied: redacted, and for what no rule finds in it, such as names, it is as open as
    /// ever.
    #[must_use]
    pub fn with_only<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().for_each(|name| self.settings.names.allow(name));
        self
    }

    /// Leaves out the fields that [`with_only`](Self::with_only) does not name.
    #[must_use]
    pub fn without_others(mut self) -> Self {
        self.settings.names.drop_others = true;
        self
    }

    /// Cuts values after so many bytes, [`LONGEST_VALUE`] if nothing is said. Such a one ends in `…`, and not in half
    /// of something that the rules look for.
    #[must_use]
    pub fn with_longest_value(mut self, bytes: usize) -> Self {
        self.settings.longest_value = bytes;
        self
    }

    fn plan(&self, metadata: &'static Metadata<'static>) -> Arc<Plan> {
        self.plans.of(metadata, &self.settings)
    }

    /// The fields of a span, each with its number.
    fn fields(&self, plan: &Plan, record: impl FnOnce(&mut Pen<'_>)) -> Vec<(usize, String)> {
        let mut buffers = Buffers::take();
        let mut ends = Vec::new();
        record(&mut Pen {
            settings: &self.settings,
            plan,
            out: &mut buffers.fields,
            scratch: &mut buffers.scratch,
            target: &mut buffers.target,
            ends: Some(&mut ends),
        });
        let mut from = 0;
        let mut fields = Vec::with_capacity(ends.len());
        for (number, to) in ends {
            // All but the first begin with what joins them.
            fields.push((number, buffers.fields[from + usize::from(from > 0)..to].to_owned()));
            from = to;
        }
        buffers.give_back();
        fields
    }
}

impl<S, W> Layer<S> for RedactLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.plan(metadata);
        Interest::always()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let plan = self.plan(attributes.metadata());
        let Some(span) = context.span(id).filter(|_| !plan.is_canary) else { return };
        let fields = self.fields(&plan, |pen| attributes.record(pen));
        Kept::add(&mut span.extensions_mut(), self.number, Kept { plan, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let plan = self.plan(span.metadata());
        if plan.is_canary {
            return;
        }
        // The values may log when they are asked for their text: nothing is locked by then.
        let fields = self.fields(&plan, |pen| values.record(pen));
        Kept::add(&mut span.extensions_mut(), self.number, Kept { plan, fields });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let plan = self.plan(metadata);
        if plan.is_canary {
            return self_test::seen();
        }
        let settings = &self.settings;
        let mut buffers = Buffers::take();
        event.record(&mut Pen {
            settings,
            plan: &plan,
            out: &mut buffers.fields,
            scratch: &mut buffers.scratch,
            target: &mut buffers.target,
            ends: None,
        });
        let Buffers { line, fields, target, .. } = &mut *buffers;
        let target = if target.is_empty() { &plan.target } else { &*target };
        let span = context.event_span(event);
        match settings.format {
            Format::Json => {
                line.push('{');
                if settings.has_time {
                    let _ = write!(line, "\"timestamp\":\"{}\",", now());
                }
                let level = metadata.level().as_str();
                line.extend([
                    "\"level\":\"",
                    level,
                    "\",\"target\":\"",
                    target,
                    "\",\"fields\":{",
                    fields,
                    "}",
                ]);
                if let Some(span) = span {
                    line.push_str(",\"span\":");
                    write_span(&span, self.number, settings, line);
                    line.push_str(",\"spans\":[");
                    write_spans(&span, self.number, settings, line);
                    line.push(']');
                }
                line.push_str("}\n");
            }
            Format::Human => {
                if settings.has_time {
                    let dim = if settings.has_colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
                    let _ = write!(line, "{}{}{} ", dim.0, now(), dim.1);
                }
                let (colour, level) = level(*metadata.level());
                settings.paint(colour, level, line);
                line.push(' ');
                if let Some(span) = span {
                    write_spans(&span, self.number, settings, line);
                    line.push(' ');
                }
                settings.paint("\x1b[2m", target, line);
                line.extend([": ", fields, "\n"]);
            }
        }
        let _ = self.writer.make_writer_for(metadata).write_all(line.as_bytes());
        buffers.give_back();
    }
}

fn now() -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_micros(SystemTime::now())
}

fn level(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("\x1b[31m", "ERROR"),
        Level::WARN => ("\x1b[33m", " WARN"),
        Level::INFO => ("\x1b[32m", " INFO"),
        Level::DEBUG => ("\x1b[34m", "DEBUG"),
        _ => ("\x1b[35m", "TRACE"),
    }
}

/// What an event is written in, kept by each thread.
#[derive(Default)]
struct Buffers {
    line: String,
    fields: String,
    scratch: String,
    target: String,
}

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

impl Buffers {
    /// Those of the thread, or new ones: for an event within an event, and where the thread ends.
    fn take() -> Box<Self> {
        BUFFERS.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    fn give_back(mut self: Box<Self>) {
        for buffer in [&mut self.line, &mut self.fields, &mut self.scratch, &mut self.target] {
            buffer.clear();
            buffer.shrink_to(KEPT);
        }
        let _ = BUFFERS.try_with(|buffers| buffers.set(Some(self)));
    }
}
