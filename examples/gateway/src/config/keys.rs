//! The one list of what can be set.

use std::time::Duration;

use figment::value::Value;
use lastbyte::redact::tower::Show;
use lastbyte::retry::splice::{Continuation, Strategy};
use lastbyte::retry::{Ambiguous, Hedge, MaxAttempts};
use tracing_subscriber::EnvFilter;

use super::value::{self, Read};
use super::{Config, LogFormat, ModelTimeouts};

pub(super) type Set = fn(&mut Config, &Value) -> Read<()>;

/// Every key, and what sets it.
pub(super) fn all() -> impl Iterator<Item = &'static (&'static str, Set)> {
    KEYS.iter().chain(super::overload::KEYS).chain(super::journal::KEYS).chain(super::redact::KEYS)
}

/// All but those of the overload, of the journal and of the redaction.
const KEYS: &[(&str, Set)] = &[
    ("listen", |config, value| value::listen(value).map(|addr| config.listen = addr)),
    ("admin_listen", |config, value| value::listen(value).map(|addr| config.admin_listen = addr)),
    ("drain_timeout", |config, value| value::duration(value).map(|time| config.drain_timeout = time)),
    ("max_body", |config, value| value::size(value).map(|size| config.max_body = size)),
    ("upstream.url", |config, value| value::upstream(value).map(|url| config.upstream.url = url)),
    ("upstream.api_key_env", |config, value| {
        value::text(value)
            .map(|name| config.upstream.api_key_env = Some(name).filter(|name| !name.is_empty()))
    }),
    ("upstream.connect_timeout", |config, value| {
        value::some_duration(value).map(|time| config.upstream.connect_timeout = time)
    }),
    ("upstream.continuation", |config, value| {
        named(
            value,
            Continuation::from_name,
            "none, vllm, sglang, deepseek, mistral, anthropic or openrouter",
        )
        .map(|way| config.upstream.continuation = way)
    }),
    ("timeouts.first_event", |config, value| {
        value::some_duration(value).map(|time| config.timeouts.first_event = time)
    }),
    ("timeouts.idle", |config, value| value::some_duration(value).map(|time| config.timeouts.idle = time)),
    ("timeouts.total", |config, value| value::some_duration(value).map(|time| config.timeouts.total = time)),
    ("stream.hold_head", |config, value| value::duration(value).map(|time| config.stream.hold_head = time)),
    ("stream.heartbeat", |config, value| value::duration(value).map(|time| config.stream.heartbeat = time)),
    ("stream.seal", |config, value| value::switch(value).map(|seal| config.stream.seal = seal)),
    ("stream.max_event", |config, value| value::size(value).map(|size| config.stream.max_event = size)),
    ("retry.max_attempts", |config, value| {
        attempts(value).map(|attempts| config.retry.max_attempts = attempts)
    }),
    ("retry.initial", |config, value| value::some_duration(value).map(|time| config.retry.initial = time)),
    ("retry.cap", |config, value| value::some_duration(value).map(|time| config.retry.cap = time)),
    ("retry.within", |config, value| value::duration(value).map(|time| config.retry.within = time)),
    ("retry.max_wait", |config, value| value::duration(value).map(|time| config.retry.max_wait = time)),
    ("retry.budget", |config, value| value::number(value, 100.0).map(|ratio| config.retry.budget = ratio)),
    ("retry.budget_floor", |config, value| {
        value::number(value, 1000.0).map(|floor| config.retry.budget_floor = floor)
    }),
    ("retry.pacing", |config, value| value::switch(value).map(|pacing| config.retry.pacing = pacing)),
    ("retry.hedge", |config, value| {
        let words = [("never", Hedge::Never), ("unkeyed", Hedge::Unkeyed), ("always", Hedge::Always)];
        value::one_of(value, &words).map(|choice| config.retry.hedge = choice)
    }),
    ("retry.ambiguous", |config, value| {
        value::one_of(value, &[("retry", Ambiguous::Retry), ("fail", Ambiguous::Fail)])
            .map(|choice| config.retry.ambiguous = choice)
    }),
    ("retry.mid_stream", |config, value| {
        named(value, Strategy::from_name, "auto, continue, replay, restart or fail")
            .map(|strategy| config.retry.mid_stream = strategy)
    }),
    ("log.level", |config, value| {
        let text = value::text(value)?;
        EnvFilter::try_new(&text).map_err(|_| {
            format!("expected error, warn, info, debug, trace or a filter of them, found {text:?}")
        })?;
        config.log.level = text;
        Ok(())
    }),
    ("log.format", |config, value| {
        value::one_of(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            .map(|format| config.log.format = format)
    }),
    ("log.questions", |config, value| {
        value::one_of(value, &Show::ALL.map(|show| (show.name(), show)))
            .map(|show| config.log.questions = show)
    }),
];

/// What can be set under `timeouts.models.NAME`.
pub(super) const MODEL_KEYS: &[(&str, fn(&mut ModelTimeouts, Duration))] = &[
    ("first_event", |model, time| model.first_event = Some(time)),
    ("idle", |model, time| model.idle = Some(time)),
    ("total", |model, time| model.total = Some(time)),
];

fn named<T>(value: &Value, read: fn(&str) -> Option<T>, names: &str) -> Read<T> {
    let text = value::text(value)?;
    read(&text).ok_or_else(|| format!("expected {names}, found {text:?}"))
}

fn attempts(value: &Value) -> Read<MaxAttempts> {
    let whole = value::whole(value);
    let read = whole.and_then(|attempts| u32::try_from(attempts).ok()).and_then(MaxAttempts::new);
    read.ok_or_else(|| match whole {
        Some(attempts) => format!("must be from 1 to 5, found {attempts}"),
        None => "expected a whole number from 1 to 5".into(),
    })
}

/// The known key that is most like `path`, where one is.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let known = all().map(|(key, _)| *key);
    let scored = known.map(|key| (distance(path, key), key));
    scored.min().filter(|(distance, key)| *distance <= 1 + key.len() / 5).map(|(_, key)| key)
}

/// How many letters have to be changed, added or left out to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
