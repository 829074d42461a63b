//! What is kept with a span.

use std::sync::Arc;

use tracing_subscriber::registry::{ExtensionsMut, LookupSpan, SpanRef};

use super::layer::{Format, Settings};
use super::plan::Plan;

/// The most spans that are written with an event, counted from the innermost; spans further out show as `…`.
const DEEP: usize = 64;

/// The fields of a span as one layer writes them. The type is not known outside: another layer cannot print it, and
/// what others keep (such as `FormattedFields`) is not what is printed here.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) plan: Arc<Plan>,
    /// Each with its number among the span's fields: no more than a callsite can have.
    pub(super) fields: Vec<(usize, String)>,
}

/// What all layers keep, each by its number.
struct All(Vec<(usize, Kept)>);

impl Kept {
    /// Adds fields to what is kept: one that is there already is replaced.
    pub(super) fn add(extensions: &mut ExtensionsMut<'_>, layer: usize, new: Self) {
        let Some(All(all)) = extensions.get_mut::<All>() else {
            return extensions.insert(All(vec![(layer, new)]));
        };
        let Some((_, kept)) = all.iter_mut().find(|(number, _)| *number == layer) else {
            return all.push((layer, new));
        };
        for (number, text) in new.fields {
            match kept.fields.iter_mut().find(|(known, _)| *known == number) {
                Some((_, known)) => *known = text,
                None => kept.fields.push((number, text)),
            }
        }
    }

    fn write(&self, settings: &Settings, out: &mut String) {
        let is_json = settings.format == Format::Json;
        if is_json {
            out.push('{');
        } else {
            settings.paint("\x1b[1m", &self.plan.name, out);
            out.push_str(if self.fields.is_empty() { "" } else { "{" });
        }
        for (at, (_, field)) in self.fields.iter().enumerate() {
            out.push_str(if at == 0 {
                ""
            } else if is_json {
                ","
            } else {
                " "
            });
            out.push_str(field);
        }
        if is_json {
            let comma = if self.fields.is_empty() { "" } else { "," };
            return out.extend([comma, "\"name\":\"", &self.plan.name, "\"}"]);
        }
        out.push_str(if self.fields.is_empty() { ":" } else { "}:" });
    }
}

/// Writes a span alone.
pub(super) fn write_span<'a, S: LookupSpan<'a>>(
    span: &SpanRef<'a, S>,
    layer: usize,
    settings: &Settings,
    out: &mut String,
) {
    let extensions = span.extensions();
    let all = extensions.get::<All>().map_or(&[][..], |All(all)| all);
    match all.iter().find(|(number, _)| *number == layer) {
        Some((_, kept)) => kept.write(settings, out),
        None => out.push_str("{}"),
    }
}

/// Writes a span and those around it, the outermost first.
pub(super) fn write_spans<'a, S: LookupSpan<'a>>(
    span: &SpanRef<'a, S>,
    layer: usize,
    settings: &Settings,
    out: &mut String,
) {
    write_from(span, layer, settings, DEEP, out);
}

fn write_from<'a, S: LookupSpan<'a>>(
    span: &SpanRef<'a, S>,
    layer: usize,
    settings: &Settings,
    left: usize,
    out: &mut String,
) {
    let is_json = settings.format == Format::Json;
    if left == 0 {
        out.push_str(if is_json { "{\"name\":\"…\"}" } else { "…:" });
        return;
    }
    if let Some(parent) = span.parent() {
        write_from(&parent, layer, settings, left - 1, out);
    }
    let extensions = span.extensions();
    let all = extensions.get::<All>().map_or(&[][..], |All(all)| all);
    if let Some((_, kept)) = all.iter().find(|(number, _)| *number == layer) {
        if is_json && !out.ends_with('[') {
            out.push(',');
        }
        kept.write(settings, out);
    }
}
