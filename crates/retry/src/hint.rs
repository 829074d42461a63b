//! When an upstream says to come back: every header and body that tells it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};
use serde_json::Value;

use crate::pacer::{Allowance, Limits};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The headers of one allowance: all of it, what is left, and when it is whole again.
type Names = [&'static str; 3];

/// OpenAI's allowances, whose resets are durations.
const OPENAI: [Names; 2] = [
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
];

/// Anthropic's, whose resets are dates.
#[rustfmt::skip]
const ANTHROPIC: [Names; 4] = [
    ["anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    ["anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
    ["anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
];

/// What `x-should-retry` says, which OpenAI's and Anthropic's SDKs obey before anything else.
pub(crate) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(SHOULD_RETRY)?.as_bytes().trim_ascii();
    if value.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if value.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

/// The wait that the upstream asks for: never come back earlier.
///
/// `retry-after-ms`, then `Retry-After` in seconds (the largest valid line; fractions are seen in the
/// field), then as an HTTP date (RFC 9110 section 10.2.3), then google.rpc.RetryInfo. A time that is past
/// or cannot be read is as good as none.
pub(crate) fn directive(headers: &HeaderMap, error: &Value, now: SystemTime) -> Option<Duration> {
    let texts = |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let ms = texts(RETRY_AFTER_MS).filter_map(decimal).map(|ms| ms / 1000.0).reduce(f64::max);
    let seconds = || texts(header::RETRY_AFTER).filter_map(decimal).reduce(f64::max);
    if let Some(seconds) = ms.or_else(seconds) {
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let dates = texts(header::RETRY_AFTER).filter_map(|text| httpdate::parse_http_date(text.trim()).ok());
    let date = dates.filter_map(|date| date.duration_since(now).ok()).max();
    date.filter(|wait| !wait.is_zero()).or_else(|| retry_info(error))
}

/// The time at which an exhausted bucket is full again: an upper bound, and only a hint.
pub(crate) fn reset(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let empty = |&[_, remaining, reset]: &Names| {
        (text(headers, remaining) == Some("0")).then(|| text(headers, reset)).flatten()
    };
    let openai = OPENAI.iter().filter_map(empty).filter_map(go_duration);
    let date = |text| humantime::parse_rfc3339_weak(text).ok()?.duration_since(now).ok();
    let anthropic = ANTHROPIC.iter().filter_map(empty).filter_map(date);
    openai.chain(anthropic).max()
}

/// Whether there is anything in them about limits: most answers have nothing, and a dozen names are soon seen.
pub(crate) fn tells_limits(headers: &HeaderMap) -> bool {
    let tells = |name: &str| name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-");
    headers.keys().any(|name| tells(name.as_str()))
}

/// How much of its limits an upstream says is left.
pub(crate) fn limits(headers: &HeaderMap, now: SystemTime) -> Limits {
    let read = |&[limit, remaining, reset]: &Names| {
        let number = |name| text(headers, name)?.parse().ok();
        let reset = span(text(headers, reset)?, now)?;
        Some(Allowance { limit: number(limit)?, remaining: number(remaining)?, reset })
    };
    let ([requests, tokens], [their_requests, their_tokens @ ..]) = (&OPENAI, &ANTHROPIC);
    let share = |it: &Allowance| it.remaining as f64 / it.limit.max(1) as f64;
    let tokens = [tokens].into_iter().chain(their_tokens).filter_map(read);
    Limits {
        requests: read(requests).or_else(|| read(their_requests)),
        tokens: tokens.min_by(|a, b| share(a).total_cmp(&share(b))),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// A time from now: as Go writes durations, in decimal seconds, or up to a date of RFC 3339.
fn span(text: &str, now: SystemTime) -> Option<Duration> {
    let seconds = || Duration::try_from_secs_f64(decimal(text)?).ok();
    let date = || humantime::parse_rfc3339_weak(text).ok()?.duration_since(now).ok();
    go_duration(text).or_else(seconds).or_else(date).filter(|span| !span.is_zero())
}

/// ASCII digits with an optional fraction, greater than nothing. Signs, exponents and words are no times.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|value| plain && *value > 0.0)
}

/// `6m0s`, `120ms`, `1h0m5s`: the way Go writes durations, which the `x-ratelimit-reset-*` headers use.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_ends = tail.find(|next: char| next.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_ends);
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

fn retry_info(error: &Value) -> Option<Duration> {
    let details = error["details"].as_array()?;
    let info = details
        .iter()
        .find(|detail| detail["@type"].as_str().is_some_and(|kind| kind.ends_with("google.rpc.RetryInfo")))?;
    let seconds = decimal(info["retryDelay"].as_str()?.strip_suffix('s')?)?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let ms = |text| go_duration(text).map(|wait| wait.as_millis());
        assert_eq!(ms("1h0m5s"), Some(3_605_000));
        assert_eq!(ms("8.64s"), Some(8_640));
        assert_eq!(ms("120ms"), Some(120));
        for bad in ["soon", "30", "-1s", "1x", "s", "", "1.2.3s"] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }
}
