//! What is left, in headers, as OpenAI's API writes it.

use std::fmt::{self, Display};
use std::time::Duration;

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
    for (names, meter) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        let Some(Meter { limit, remaining, reset }) = meter else { continue };
        let [limits, remains, resets] = names;
        headers.insert(limits, limit.into());
        headers.insert(remains, remaining.into());
        // Digits, dots and letters are a value.
        if let Ok(reset) = HeaderValue::try_from(Go(reset).to_string()) {
            headers.insert(resets, reset);
        }
    }
}

/// A duration as Go writes it, to the millisecond above: `12ms`, `8.64s`, `6m0s`, `1h2m3s`.
pub(crate) struct Go(pub(crate) Duration);

impl Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_nanos().div_ceil(1_000_000);
        let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
        if millis == 0 {
            return f.write_str("0s");
        }
        if millis < 1_000 {
            return write!(f, "{millis}ms");
        }
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let (seconds, millis) = (rest / 1_000, rest % 1_000);
        match millis {
            0 => write!(f, "{seconds}s"),
            millis if millis % 100 == 0 => write!(f, "{seconds}.{}s", millis / 100),
            millis if millis % 10 == 0 => write!(f, "{seconds}.{:02}s", millis / 10),
            millis => write!(f, "{seconds}.{millis:03}s"),
        }
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
