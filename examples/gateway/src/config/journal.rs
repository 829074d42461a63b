//! Where answers are kept, what a key guarantees, and their keys.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use figment::value::Value;
use lastbyte::idempotency::{AfterCrash, Builder, OnConcurrent, OnError, OnUnknown};
use lastbyte::store_redis::Redis;

use super::keys::Set;
use super::value::{self, Read, word};
use super::{Backpressure, Config, time};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    pub(crate) url: StoreUrl,
    pub(crate) on_error: OnError,
}

/// Where answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// In this process, and no longer than it.
    Memory,
    /// In a file of this machine.
    Sqlite(PathBuf),
    /// In Redis, by its URL.
    Redis(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Idempotency {
    pub(crate) ttl: Duration,
    /// In bytes.
    pub(crate) max_answer: usize,
    pub(crate) join_wait: Duration,
    pub(crate) on_concurrent: OnConcurrent,
    pub(crate) require_key: bool,
    pub(crate) store_server_errors: bool,
    pub(crate) lease: Duration,
    /// `None`: an answer that nobody reads is finished.
    pub(crate) when_unread: Option<Duration>,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) after_crash: AfterCrash,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: StoreUrl::Sqlite(usual()), on_error: OnError::Refuse }
    }
}

/// The file in the user's data folder.
fn usual() -> PathBuf {
    let data = etcetera::choose_base_strategy().map(|strategy| strategy.data_dir());
    data.unwrap_or_else(|_| PathBuf::from(".")).join("lastbyte").join("gateway.db")
}

impl Default for Idempotency {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(24 * 3600),
            max_answer: 4 << 20,
            join_wait: Duration::from_secs(30),
            on_concurrent: OnConcurrent::Join,
            require_key: false,
            store_server_errors: false,
            lease: Duration::from_secs(15),
            when_unread: None,
            on_unknown: OnUnknown::Retry,
            after_crash: AfterCrash::Resume,
        }
    }
}

impl StoreUrl {
    /// As it may be shown: a password is not.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Memory => "memory:".into(),
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Redis(url) => masked(url),
        }
    }
}

/// A URL without what may be a password in it: before the last `@`, and in a parameter whose name says so.
fn masked(url: &str) -> String {
    const MASK: &str = "********";
    let masked = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    };
    let url = match url.split_once('?') {
        Some((base, query)) => {
            let parameters: Vec<_> = query.split('&').map(masked).collect();
            format!("{base}?{}", parameters.join("&"))
        }
        None => url.to_owned(),
    };
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{MASK}{}", &url[..scheme + 3], &url[at..]),
        _ => url,
    }
}

impl Idempotency {
    /// The layer's settings.
    pub(crate) fn builder(&self, config: &Config) -> Builder {
        let Backpressure { buffer_events, buffer_bytes, max_streams, .. } = config.backpressure;
        lastbyte::idempotency::IdempotencyLayer::builder()
            .with_ttl(self.ttl)
            .with_max_answer(self.max_answer)
            .with_max_body(config.max_body)
            .with_max_event(config.stream.max_event)
            .with_max_running(max_streams as usize)
            .with_buffer(buffer_events as usize, buffer_bytes)
            .with_join_wait(self.join_wait)
            .with_hold_head(config.stream.hold_head)
            .with_on_concurrent(self.on_concurrent)
            .with_require_key(self.require_key)
            .with_store_server_errors(self.store_server_errors)
            .with_lease(self.lease)
            .with_when_unread(self.when_unread)
            .with_on_unknown(self.on_unknown)
            .with_after_crash(self.after_crash)
            .with_on_error(config.store.on_error)
    }
}

const ON_ERROR: &[(&str, OnError)] = &[("refuse", OnError::Refuse), ("pass", OnError::Pass)];
const ON_CONCURRENT: &[(&str, OnConcurrent)] =
    &[("join", OnConcurrent::Join), ("conflict", OnConcurrent::Conflict)];
const ON_UNKNOWN: &[(&str, OnUnknown)] = &[("retry", OnUnknown::Retry), ("refuse", OnUnknown::Refuse)];
const AFTER_CRASH: &[(&str, AfterCrash)] = &[("resume", AfterCrash::Resume), ("fail", AfterCrash::Fail)];

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n[store]\nurl = {:?}\non_error = \"{}\"",
            self.url.shown(),
            word(ON_ERROR, &self.on_error)
        )
    }
}

impl fmt::Display for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n[idempotency]\nttl = {}\nmax_answer = {}", time(self.ttl), self.max_answer)?;
        writeln!(f, "join_wait = {}", time(self.join_wait))?;
        writeln!(f, "on_concurrent = \"{}\"", word(ON_CONCURRENT, &self.on_concurrent))?;
        writeln!(f, "require_key = {}", self.require_key)?;
        writeln!(f, "store_server_errors = {}\nlease = {}", self.store_server_errors, time(self.lease))?;
        match self.when_unread {
            None => writeln!(f, "when_unread = \"finish\"")?,
            Some(after) => writeln!(f, "when_unread = {}", time(after))?,
        }
        writeln!(f, "on_unknown = \"{}\"", word(ON_UNKNOWN, &self.on_unknown))?;
        writeln!(f, "after_crash = \"{}\"", word(AFTER_CRASH, &self.after_crash))
    }
}

/// The keys of this part.
pub(super) const KEYS: &[(&str, Set)] = &[
    ("store.url", |config, value| url(value).map(|url| config.store.url = url)),
    ("store.on_error", |config, value| {
        value::one_of(value, ON_ERROR).map(|policy| config.store.on_error = policy)
    }),
    ("idempotency.ttl", |config, value| {
        value::some_duration(value).map(|time| config.idempotency.ttl = time)
    }),
    ("idempotency.max_answer", |config, value| {
        value::size(value).map(|size| config.idempotency.max_answer = size)
    }),
    ("idempotency.join_wait", |config, value| {
        value::duration(value).map(|time| config.idempotency.join_wait = time)
    }),
    ("idempotency.on_concurrent", |config, value| {
        value::one_of(value, ON_CONCURRENT).map(|policy| config.idempotency.on_concurrent = policy)
    }),
    ("idempotency.require_key", |config, value| {
        value::switch(value).map(|on| config.idempotency.require_key = on)
    }),
    ("idempotency.store_server_errors", |config, value| {
        value::switch(value).map(|on| config.idempotency.store_server_errors = on)
    }),
    ("idempotency.lease", |config, value| lease(value).map(|time| config.idempotency.lease = time)),
    ("idempotency.when_unread", |config, value| {
        when_unread(value).map(|after| config.idempotency.when_unread = after)
    }),
    ("idempotency.on_unknown", |config, value| {
        value::one_of(value, ON_UNKNOWN).map(|policy| config.idempotency.on_unknown = policy)
    }),
    ("idempotency.after_crash", |config, value| {
        value::one_of(value, AFTER_CRASH).map(|policy| config.idempotency.after_crash = policy)
    }),
];

/// Shorter than a second, and a reader that comes back at once finds its answer cancelled.
fn when_unread(value: &Value) -> Read<Option<Duration>> {
    if value.as_str() == Some("finish") {
        return Ok(None);
    }
    let after = value::duration(value).map_err(|why| format!("{why}, or \"finish\""))?;
    a_second_at_least(after).map(Some)
}

/// Shorter than a second, and a machine that is busy for a moment loses what it writes.
fn lease(value: &Value) -> Read<Duration> {
    a_second_at_least(value::some_duration(value)?)
}

fn a_second_at_least(time: Duration) -> Read<Duration> {
    if time < Duration::from_secs(1) { Err("must be a second at least".into()) } else { Ok(time) }
}

fn url(value: &Value) -> Read<StoreUrl> {
    const WHAT: &str = "\"memory:\", \"sqlite:PATH\", \"redis://HOST:PORT\", \"rediss://…\", \
                        \"redis+sentinel://…\" or \"redis+cluster://…\"";
    let text = value::text(value)?;
    if text == "memory:" {
        return Ok(StoreUrl::Memory);
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Ok(StoreUrl::Sqlite(usual()));
        }
        if path.ends_with('/') {
            return Err("expected the path of a file behind \"sqlite:\", found that of a folder".into());
        }
        return Ok(StoreUrl::Sqlite(Path::new(path).to_owned()));
    }
    const SCHEMES: [&str; 6] = [
        "redis://",
        "rediss://",
        "redis+sentinel://",
        "rediss+sentinel://",
        "redis+cluster://",
        "rediss+cluster://",
    ];
    if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
        return Redis::check(&text).map(|()| StoreUrl::Redis(text)).map_err(|wrong| wrong.to_string());
    }
    // What stands there may be a password.
    let is_scheme = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme).unwrap_or("…");
    Err(format!("expected {WHAT}, found \"{scheme}:…\""))
}
