//! Reads the layers of configuration, and finds every mistake at once.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use figment::providers::{Env, Serialized};
use figment::value::{Dict, Value};
use figment::{Figment, Profile};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, MODEL_KEYS, nearest};
use super::{Config, value};

/// Where settings come from, beside the defaults and the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) file: Option<PathBuf>,
    /// Flags of the command line: the key that each sets, and its value.
    pub(crate) flags: Vec<(&'static str, &'static str, String)>,
}

/// Everything that is wrong, one line each: where, which key, what.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Mistakes {
    fn one(mistake: String) -> Self {
        Self(vec![mistake])
    }
}

/// Flags win over the environment, the environment over the file, the file over the defaults.
pub(crate) fn load(mut config: Config, sources: &Sources) -> Result<Config, Mistakes> {
    let mut places = HashMap::new();
    let mut figment = Figment::new();
    if let Some(path) = &sources.file {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistakes::one(format!("{name}: cannot be read: {error}")))?;
        let values = read_toml(&name.to_string(), &text, &mut places)?;
        figment = figment.merge(Serialized::from(values, Profile::Default));
    }
    // Only names of keys: others with the same beginning, such as the one for a token, are left alone.
    let env = Env::prefixed("GATEWAY_")
        .filter(|name| name.as_str().contains("__") || keys::all().any(|(key, _)| name == *key))
        .split("__");
    for (name, _) in env.iter() {
        let shown = format!("GATEWAY_{}", name.as_str().replace('.', "__").to_uppercase());
        places.insert(name.as_str().to_owned(), shown);
    }
    figment = figment.merge(env);
    for (flag, key, value) in &sources.flags {
        figment = figment.merge(Serialized::default(key, value));
        places.insert((*key).to_owned(), (*flag).to_owned());
    }
    let values: Dict = figment.extract().map_err(|error| Mistakes::one(error.to_string()))?;

    let mut reading = Reading { config: &mut config, places: &places, mistakes: Vec::new() };
    reading.table("", &values);
    reading.together();
    let mistakes = reading.mistakes;
    if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
}

/// The values of a file, and the line of each key.
fn read_toml(name: &str, text: &str, places: &mut HashMap<String, String>) -> Result<toml::Table, Mistakes> {
    let line =
        |offset: usize| 1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count();
    let wrong = |error: toml::de::Error| {
        let at = error.span().map_or(1, |span| line(span.start));
        Mistakes::one(format!("{name}:{at}: {}", error.message().replace('\n', "; ")))
    };
    let spans = DeTable::parse(text).map_err(wrong)?;
    note_lines(spans.get_ref(), "", &mut |path, offset| {
        places.insert(path, format!("{name}:{}", line(offset)));
    });
    toml::from_str(text).map_err(wrong)
}

fn note_lines(table: &DeTable<'_>, above: &str, note: &mut dyn FnMut(String, usize)) {
    for (key, value) in table {
        let path = join(above, key.get_ref());
        note(path.clone(), Spanned::span(key).start);
        if let DeValue::Table(inner) = value.get_ref() {
            note_lines(inner, &path, note);
        }
    }
}

fn join(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") }
}

/// The keys of a key's section, where there is one.
fn beside(path: &str) -> String {
    let Some((section, _)) = path.rsplit_once('.') else { return String::new() };
    let known = keys::all().filter_map(|(key, _)| key.strip_prefix(section)?.strip_prefix('.'));
    let known = known.collect::<Vec<_>>().join(", ");
    if known.is_empty() { known } else { format!("; [{section}] has {known}") }
}

struct Reading<'a> {
    config: &'a mut Config,
    places: &'a HashMap<String, String>,
    mistakes: Vec<String>,
}

impl Reading<'_> {
    fn mistake(&mut self, path: &str, what: &str) {
        let place = self.places.get(path).map_or("configuration", String::as_str);
        self.mistakes.push(format!("{place}: {path}: {what}"));
    }

    fn unknown(&mut self, path: &str) {
        match nearest(path) {
            Some(key) => self.mistake(path, &format!("unknown key; did you mean {key}?")),
            None => self.mistake(path, &format!("unknown key{}", beside(path))),
        }
    }

    fn table(&mut self, above: &str, values: &Dict) {
        for (key, value) in values {
            let path = join(above, key);
            if let Some((_, set)) = keys::all().find(|(known, _)| *known == path) {
                if let Err(what) = set(self.config, value) {
                    self.mistake(&path, &what);
                }
            } else if path == "timeouts.models" {
                self.models(&path, value);
            } else {
                let section = keys::all().any(|(known, _)| known.starts_with(&format!("{path}.")));
                match value {
                    Value::Dict(_, inner) if section => self.table(&path, inner),
                    _ if section => self.mistake(&path, "is a section of keys, not a value"),
                    _ => self.unknown(&path),
                }
            }
        }
    }

    fn models(&mut self, above: &str, models: &Value) {
        let Value::Dict(_, models) = models else {
            return self.mistake(above, "is a section of models, not a value");
        };
        for (name, settings) in models {
            let path = join(above, name);
            let Value::Dict(_, settings) = settings else {
                self.mistake(&path, "is a section of keys, not a value");
                continue;
            };
            let mut own = self.config.models.get(name).copied().unwrap_or_default();
            for (key, value) in settings {
                let path = join(&path, key);
                match MODEL_KEYS.iter().find(|(known, _)| known == key) {
                    Some((_, set)) => match value::some_duration(value) {
                        Ok(time) => set(&mut own, time),
                        Err(what) => self.mistake(&path, &what),
                    },
                    None => self.mistake(&path, "unknown key; a model has first_event, idle and total"),
                }
            }
            self.config.models.insert(name.clone(), own);
        }
    }

    /// What is wrong only together.
    fn together(&mut self) {
        let (retry, timeouts) = (self.config.retry, self.config.timeouts);
        if retry.cap < retry.initial && self.mistakes.is_empty() {
            let times = [retry.cap, retry.initial].map(humantime::format_duration);
            self.mistake("retry.cap", &format!("{} is less than retry.initial, {}", times[0], times[1]));
        }
        let (ttl, lease) = (self.config.idempotency.ttl, self.config.idempotency.lease);
        if ttl < lease && self.mistakes.is_empty() {
            let times = [ttl, lease].map(humantime::format_duration);
            let what = format!("idempotency.ttl, {}, is less than idempotency.lease, {}", times[0], times[1]);
            let ttl_is_set = self.places.contains_key("idempotency.ttl");
            self.mistake(if ttl_is_set { "idempotency.ttl" } else { "idempotency.lease" }, &what);
        }
        if timeouts.first_event > timeouts.total && self.places.contains_key("timeouts.first_event") {
            self.mistake("timeouts.first_event", "is longer than timeouts.total, so it never comes to it");
        }
        if self.config.listen == self.config.admin_listen && self.config.listen.port() != 0 {
            self.mistake("admin_listen", "is the same address as listen");
        }
        if let Some((key, what)) = self.config.redact.mistake() {
            self.mistake(key, &what);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
