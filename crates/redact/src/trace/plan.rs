//! What is known of a callsite before its first event.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing::field::Field;

use super::layer::{Format, Settings};
use super::self_test;
use crate::escape::{Escape, escape};
use crate::scan::secret;

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treat {
    /// Its value is redacted, and its name tells what it may be.
    Redact,
    /// It is the message: redacted, and without a name in a line for people.
    Message,
    /// Its value is not looked at: `[SECRET]`.
    Secret,
    /// It is not on the list of those that are allowed: `[REDACTED]`.
    Unlisted,
    /// It is not written.
    Drop,
    /// It is the target of a record of the `log` crate.
    LogTarget,
}

/// A field of a callsite.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) treat: Treat,
    /// Its name as it stands in a line.
    pub(super) name: String,
    /// Nothing begins in its name, and its name makes no value one.
    pub(super) is_quiet: bool,
}

/// A callsite, and its names as they stand in a line.
#[derive(Debug)]
pub(super) struct Plan {
    fields: Vec<Known>,
    pub(super) name: String,
    pub(super) target: String,
    pub(super) is_canary: bool,
}

impl Plan {
    fn new(metadata: &'static Metadata<'static>, settings: &Settings) -> Self {
        let (names, format) = (&settings.names, settings.format);
        // So `tracing-log` calls the events it makes.
        let is_log = metadata.target() == "log" && metadata.name() == "log event";
        let how = if format == Format::Json { Escape::Json } else { Escape::Bare };
        let treat = |name: &str| match name {
            "log.target" if is_log => Treat::LogTarget,
            // The file and the line, as the metadata of other events have them; those are not written either.
            _ if is_log && name.starts_with("log.") => Treat::Drop,
            "message" if names.is_denied(name) => Treat::Secret,
            // It is on every list of allowed names.
            "message" => Treat::Message,
            _ if names.is_unlisted(name) && names.drop_others => Treat::Drop,
            _ if names.is_unlisted(name) => Treat::Unlisted,
            _ if names.is_denied(name) => Treat::Secret,
            _ => Treat::Redact,
        };
        let escaped = |text: &str| {
            let mut out = String::new();
            escape(text, how, &mut out);
            out
        };
        let is_quiet = |name: &str| {
            let rules = &settings.redactor.settings;
            !rules.set.has_own()
                && !secret::announces(name.as_bytes())
                && rules.scan().passes(&format!("{name}=\n"))
        };
        let mut fields: Vec<Known> = Vec::with_capacity(metadata.fields().len());
        for field in metadata.fields() {
            let mut name = escaped(field.name());
            // An event may have a name twice, and a span has one; most readers of JSON would lose one of the two.
            let is_spans = metadata.is_span() && format == Format::Json;
            while fields.iter().any(|known| known.name == name) || is_spans && name == "name" {
                name.push_str("_again");
            }
            fields.push(Known { treat: treat(field.name()), name, is_quiet: is_quiet(field.name()) });
        }
        Self {
            fields,
            name: escaped(metadata.name()),
            target: escaped(metadata.target()),
            is_canary: metadata.target() == self_test::TARGET,
        }
    }

    pub(super) fn field(&self, field: &Field) -> Option<&Known> {
        self.fields.get(field.index())
    }
}

/// The plans of all callsites that were met. There are as many as the program has callsites.
#[derive(Debug, Default)]
pub(super) struct Plans(RwLock<HashMap<Identifier, Arc<Plan>>>);

impl Plans {
    pub(super) fn of(&self, metadata: &'static Metadata<'static>, settings: &Settings) -> Arc<Plan> {
        let callsite = metadata.callsite();
        if let Some(plan) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&callsite) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(Plan::new(metadata, settings));
        let mut plans = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(plans.entry(callsite).or_insert(plan))
    }
}
