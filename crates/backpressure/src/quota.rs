//! What an upstream's headers say of its quotas: only whether nothing is left, and for how long.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// What is left of a quota, and when there is more again: as OpenAI and those compatible with it write them,
/// and as Anthropic does.
#[rustfmt::skip]
const QUOTAS: [[&str; 2]; 6] = [
    ["x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
    ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    ["anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
    ["anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
];

/// For how long nothing is left of one of them. `None`: there is something, or nothing can be read.
pub(crate) fn spent(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let resets = QUOTAS.iter().filter(|[left, _]| text(left) == Some("0"));
    resets.filter_map(|[_, reset]| span(text(reset)?, now)).filter(|span| !span.is_zero()).max()
}

/// A time from now: as Go writes durations, in decimal seconds, or up to a date of RFC 3339.
fn span(text: &str, now: SystemTime) -> Option<Duration> {
    let date = || humantime::parse_rfc3339_weak(text).ok()?.duration_since(now).ok();
    go(text).or_else(date)
}

/// `6m0s`, `120ms`, and `30` and `1.5`, which are seconds.
fn go(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let is_digit = |next: char| next.is_ascii_digit() || next == '.';
        let (number, tail) = rest.split_at(rest.find(|next| !is_digit(next)).unwrap_or(rest.len()));
        let (unit, tail) = tail.split_at(tail.find(is_digit).unwrap_or(tail.len()));
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            "" if number.len() == text.len() => 1.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(list: &[(&'static str, &'static str)]) -> Option<u128> {
        let headers =
            list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        spent(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)).map(|it| it.as_millis())
    }

    #[test]
    fn only_what_is_spent_counts_and_of_several_the_one_that_is_spent_for_longest() {
        let requests = ("x-ratelimit-remaining-requests", "0");
        assert_eq!(ms(&[requests, ("x-ratelimit-reset-requests", "6m0.5s")]), Some(360_500));
        let left = ("x-ratelimit-remaining-requests", "1");
        assert_eq!(ms(&[left, ("x-ratelimit-reset-requests", "6m0s")]), None);
        let tokens = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "120ms")];
        assert_eq!(ms(&tokens), Some(120));
        let both = [tokens[0], tokens[1], requests, ("x-ratelimit-reset-requests", "2")];
        assert_eq!(ms(&both), Some(2_000));
    }

    #[test]
    fn dates_are_read_and_those_that_are_past_or_unreadable_are_as_good_as_none() {
        let reset = |text| {
            ms(&[
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", text),
            ])
        };
        assert_eq!(reset("2027-01-15T08:01:00Z"), Some(60_000));
        for bad in ["2027-01-15T07:59:00Z", "soon", "-1s", "1x", "s", "", "0", "1.2.3s", "1s2", "1e3", "é"] {
            assert_eq!(reset(bad), None, "{bad}");
        }
        assert_eq!(ms(&[("x-ratelimit-remaining-requests", "0")]), None);
    }
}
