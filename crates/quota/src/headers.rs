//! What is left, in headers, as OpenAI's API writes it.

use std::fmt::{self, Display};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Meter, Standing};

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Writes what is left in place of what is said there.
pub(crate) fn write(standing: &Standing, headers: &mut HeaderMap) {
    let meters = [(REQUESTS, standing.requests), (TOKENS, standing.tokens)];
    headers.reserve(meters.iter().filter(|(_, meter)| meter.is_some()).count() * 3);
    // One piece of memory for all of them: each of its own would cost as much as the rest of a call.
    let mut texts = BytesMut::with_capacity(96);
    let mut value = |text: &dyn Fn(&mut BytesMut)| {
        text(&mut texts);
        // Digits, dots and letters are a value.
        HeaderValue::from_maybe_shared(texts.split().freeze()).ok()
    };
    for (names, meter) in meters {
        let Some(Meter { limit, remaining, reset }) = meter else { continue };
        let values =
            [value(&|to| number(limit, to)), value(&|to| number(remaining, to)), value(&|to| go(reset, to))];
        for (name, value) in names.into_iter().zip(values) {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

fn number(number: impl itoa::Integer, to: &mut BytesMut) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A duration as Go writes it, to the millisecond above: `12ms`, `8.64s`, `6m0s`, `1h2m3s`.
fn go(time: Duration, to: &mut BytesMut) {
    let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    if millis > 0 && millis < 1_000 {
        number(millis, to);
        return to.extend_from_slice(b"ms");
    }
    if hours > 0 {
        number(hours, to);
        to.extend_from_slice(b"h");
    }
    if hours > 0 || minutes > 0 {
        number(minutes, to);
        to.extend_from_slice(b"m");
    }
    number(rest / 1_000, to);
    let mut fraction = rest % 1_000;
    if fraction > 0 {
        to.extend_from_slice(b".");
        let mut worth = 100;
        while fraction > 0 {
            number(fraction / worth, to);
            fraction %= worth;
            worth /= 10;
        }
    }
    to.extend_from_slice(b"s");
}

/// The same for a person to read.
pub(crate) struct Go(pub(crate) Duration);

impl Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = BytesMut::new();
        go(self.0, &mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_go_writes_them() {
        let written = [
            (0, "0s"),
            (12, "12ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (8_640, "8.64s"),
            (1_005, "1.005s"),
            (1_500, "1.5s"),
            (360_000, "6m0s"),
            (61_050, "1m1.05s"),
            (3_723_000, "1h2m3s"),
            (3_600_000, "1h0m0s"),
        ];
        for (millis, text) in written {
            assert_eq!(Go(Duration::from_millis(millis)).to_string(), text);
        }
        assert_eq!(Go(Duration::from_nanos(1)).to_string(), "1ms", "who comes back then finds it");
        assert_eq!(Go(Duration::from_nanos(59_999_999_999)).to_string(), "1m0s");
    }

    #[test]
    fn only_what_is_limited_is_told_and_it_is_told_in_place_of_others() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit-tokens", HeaderValue::from_static("theirs"));
        headers.insert("x-ratelimit-limit-requests", HeaderValue::from_static("theirs"));
        let meter = Meter { limit: 600, remaining: 7, reset: Duration::from_millis(1_250) };
        write(&Standing { requests: None, tokens: Some(meter) }, &mut headers);
        let mut told: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "x-ratelimit-limit-requests: \"theirs\"",
                "x-ratelimit-limit-tokens: \"600\"",
                "x-ratelimit-remaining-tokens: \"7\"",
                "x-ratelimit-reset-tokens: \"1.25s\"",
            ]
        );
    }
}
