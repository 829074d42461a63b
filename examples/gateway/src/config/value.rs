//! Values as people write them.

use std::net::SocketAddr;
use std::time::Duration;

use figment::value::Value;
use http::Uri;

/// `Err` says what is expected, and what was found.
pub(super) type Read<T> = Result<T, String>;

fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Num(_, num) => match (whole(value), num.to_f64()) {
            (Some(num), _) => num.to_string(),
            (None, Some(num)) => num.to_string(),
            (None, None) => "a number".into(),
        },
        Value::Bool(_, value) => value.to_string(),
        Value::Dict(..) => "a table".into(),
        Value::Array(..) => "a list".into(),
        Value::Char(_, char) => format!("{char:?}"),
        Value::Empty(..) => "nothing".into(),
    }
}

pub(super) fn text(value: &Value) -> Read<String> {
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Char(_, char) => Ok(char.to_string()),
        // What the environment's values look like is guessed: a name of digits is a name here.
        Value::Num(..) => whole(value).map(|num| num.to_string()).ok_or_else(|| expected("a text", value)),
        _ => Err(expected("a text", value)),
    }
}

/// A whole number, signed (as a file has it) or not (as the environment has it).
pub(super) fn whole(value: &Value) -> Option<i128> {
    let Value::Num(_, num) = value else { return None };
    num.to_i128().or_else(|| i128::try_from(num.to_u128()?).ok())
}

/// A whole number in a range.
pub(super) fn count(value: &Value, least: u32, most: u32) -> Read<u32> {
    let count = whole(value).and_then(|count| u32::try_from(count).ok());
    count
        .filter(|count| (least..=most).contains(count))
        .ok_or_else(|| expected(&format!("a whole number from {least} to {most}"), value))
}

/// A number from zero to `most`, whole or not.
pub(super) fn number(value: &Value, most: f64) -> Read<f64> {
    let what = || format!("a number from 0 to {most}");
    let Value::Num(_, num) = value else { return Err(expected(&what(), value)) };
    let number = num.to_f64().or_else(|| whole(value).map(|whole| whole as f64));
    number.filter(|number| (0.0..=most).contains(number)).ok_or_else(|| expected(&what(), value))
}

fn expected(what: &str, value: &Value) -> String {
    format!("expected {what}, found {}", found(value))
}

pub(super) fn switch(value: &Value) -> Read<bool> {
    value.to_bool().ok_or_else(|| expected("true or false", value))
}

/// A time that may be zero.
pub(super) fn duration(value: &Value) -> Read<Duration> {
    const WHAT: &str = "a duration with its unit, such as \"500ms\", \"30s\" or \"10m\"";
    let text = value.as_str().ok_or_else(|| expected(WHAT, value))?;
    let read = humantime::parse_duration(text).map_err(|_| expected(WHAT, value))?;
    // A year: more is a slip of the pen, and clocks cannot add it.
    if read > Duration::from_secs(366 * 86_400) {
        return Err(format!("{text:?} is more than a year"));
    }
    Ok(read)
}

/// A time that something can happen in.
pub(super) fn some_duration(value: &Value) -> Read<Duration> {
    duration(value).and_then(
        |time| {
            if time.is_zero() { Err("must be more than nothing".into()) } else { Ok(time) }
        },
    )
}

/// A number of bytes, at least one and at most 1 GiB.
pub(super) fn size(value: &Value) -> Read<usize> {
    size_to(value, 1 << 30)
}

/// A number of bytes, at least one and at most `most`.
pub(super) fn size_to(value: &Value, most: u64) -> Read<usize> {
    const WHAT: &str = "a size in bytes, such as \"256KiB\" or \"4MiB\"";
    let bytes = match value {
        Value::Num(..) => whole(value).and_then(|bytes| u64::try_from(bytes).ok()),
        Value::String(_, text) => text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64()),
        _ => None,
    };
    let bytes = bytes.ok_or_else(|| expected(WHAT, value))?;
    if bytes == 0 || bytes > most {
        let most = if most == 1 << 30 { "1GiB" } else { "1TiB" };
        return Err(format!("must be from 1 byte to {most}, found {}", found(value)));
    }
    usize::try_from(bytes).map_err(|_| expected(WHAT, value))
}

/// An address to listen on. Without tenants and their keys nobody but this machine may come.
pub(super) fn listen(value: &Value) -> Read<SocketAddr> {
    let text = text(value)?;
    let addr: SocketAddr = text.parse().map_err(|_| {
        format!("expected an address with its port, such as \"127.0.0.1:8080\", found {text:?}")
    })?;
    if !addr.ip().is_loopback() {
        return Err(format!(
            "{addr} can be reached from outside, and readers are not asked for keys: \
             only loopback addresses, such as \"127.0.0.1:{}\"",
            addr.port()
        ));
    }
    Ok(addr)
}

/// The base URL of a chat API.
pub(super) fn upstream(value: &Value) -> Read<Uri> {
    let text = text(value)?;
    let bad = |shown: &str, why: &str| {
        Err(format!("{shown:?} {why}; expected a base URL such as \"https://api.openai.com/v1\""))
    };
    // A user and a query may be secrets, and whoever writes them may write them wrong.
    if let Some((before, after)) = text.split_once('@') {
        let scheme = before.find("://").map_or("", |at| &before[..at + 3]);
        return bad(&format!("{scheme}…@{after}"), "has a user in it (keys go into upstream.api_key_env)");
    }
    if let Some((before, _)) = text.split_once('?') {
        return bad(&format!("{before}?…"), "has a query");
    }
    let bad = |why| bad(&text, why);
    if !["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return bad("is not an http or https URL");
    }
    // With its slashes first: without them one that has no host would be another one.
    let trimmed = text.parse::<Uri>().and_then(|_| text.trim_end_matches('/').parse::<Uri>());
    let Ok(url) = trimmed else { return bad("is not a URL") };
    if !url.path().ends_with("/v1") {
        return bad("does not end in /v1");
    }
    Ok(url)
}

/// One of these words.
pub(super) fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Read<T> {
    let found = value.as_str();
    words.iter().find(|(word, _)| Some(*word) == found).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        expected(&names.join(" or "), value)
    })
}

/// The word for one of these choices.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], choice: &T) -> &'static str {
    words.iter().find(|(_, other)| other == choice).map_or("", |(word, _)| word)
}
