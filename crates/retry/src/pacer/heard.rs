use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Limits;
use crate::{hint, policy};

/// What is heard of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// It was taken: its head came, and is no refusal.
    Accepted,
    /// It was refused for being too much.
    Refused {
        /// When the upstream wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An answer's headers, a refusal's too, tell of limits.
    Limits(Limits),
    /// It failed in another way, or was never sent.
    Failed,
    /// Its stream has ended, in whatever way.
    Ended,
}

impl Told {
    /// Whether an error is a refusal for being too much: a 429 that is not about money, a 529, a 503 that
    /// names a time or calls the upstream overloaded. `body` is as much of it as was read.
    pub fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Self> {
        if !matches!(status.as_u16(), 429 | 503 | 529) {
            return None;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = policy::error_of(&body);
        let retry_after = hint::directive(headers, error, now);
        let is_refusal = match status.as_u16() {
            429 => !policy::is_billing(error),
            503 => retry_after.is_some() || is_overloaded(error),
            _ => true,
        };
        is_refusal.then_some(Self::Refused { retry_after })
    }
}

/// OpenAI's code `server_is_overloaded`, Anthropic's type `overloaded_error`, Google's message.
fn is_overloaded(error: &Value) -> bool {
    let says =
        |value: &Value| value.as_str().is_some_and(|text| text.to_ascii_lowercase().contains("overloaded"));
    says(&error["code"]) || says(&error["type"]) || says(&error["message"])
}

impl Limits {
    /// What headers tell: `x-ratelimit-*` as OpenAI and those compatible with it write them, and
    /// `anthropic-ratelimit-*`. A reset may be a duration as Go writes it, decimal seconds, or a date of
    /// RFC 3339. `None` where nothing can be read.
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let limits = hint::limits(headers, now);
        (limits != Self::default()).then_some(limits)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::Allowance;
    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn refusal(status: u16, list: &[(&str, &str)], body: &str) -> Option<Option<f64>> {
        let status = StatusCode::from_u16(status).unwrap();
        match Told::refusal(status, &headers(list), body.as_bytes(), SystemTime::UNIX_EPOCH)? {
            Told::Refused { retry_after } => Some(retry_after.map(|wait| wait.as_secs_f64())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_too_much_is_told_from_what_is_broken_or_unpaid() {
        assert_eq!(refusal(429, &[], ""), Some(None));
        assert_eq!(refusal(429, &[("retry-after", "1.5")], "{}"), Some(Some(1.5)));
        assert_eq!(refusal(429, &[("retry-after-ms", "20")], "<html>"), Some(Some(0.02)));
        assert_eq!(refusal(429, &[], r#"{"error":{"code":"insufficient_quota"}}"#), None);
        assert_eq!(refusal(529, &[], r#"{"error":{"type":"overloaded_error"}}"#), Some(None));
        assert_eq!(refusal(503, &[], r#"{"error":{"code":"server_is_overloaded"}}"#), Some(None));
        assert_eq!(refusal(503, &[], r#"[{"error":{"message":"The model is overloaded."}}]"#), Some(None));
        assert_eq!(refusal(503, &[("retry-after", "3")], ""), Some(Some(3.0)));
        assert_eq!(refusal(503, &[], r#"{"error":{"message":"no healthy upstream"}}"#), None);
        assert_eq!(refusal(500, &[("retry-after", "3")], ""), None);
        assert_eq!(refusal(200, &[], ""), None);
    }

    #[test]
    fn limits_are_read_in_every_spelling() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let requests = |reset: &str| {
            let list = [
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", reset),
            ];
            Limits::of(&headers(&list), now)?
                .requests
                .map(|it| (it.limit, it.remaining, it.reset.as_millis()))
        };
        assert_eq!(requests("1s"), Some((60, 59, 1_000)));
        assert_eq!(requests("6m0s"), Some((60, 59, 360_000)));
        assert_eq!(requests("120ms"), Some((60, 59, 120)));
        assert_eq!(requests("7.5"), Some((60, 59, 7_500)));
        assert_eq!(requests("2027-01-15T08:00:30Z"), Some((60, 59, 30_000)));
        for bad in ["soon", "-1", "", "0s", "2027-01-15T07:00:00Z"] {
            assert_eq!(requests(bad), None, "{bad}");
        }
    }

    #[test]
    fn of_several_kinds_of_tokens_the_scarcest_counts() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let list = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2027-01-15T08:01:00Z"),
            ("anthropic-ratelimit-input-tokens-limit", "40000"),
            ("anthropic-ratelimit-input-tokens-remaining", "30000"),
            ("anthropic-ratelimit-input-tokens-reset", "2027-01-15T08:00:15Z"),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "1000"),
            ("anthropic-ratelimit-output-tokens-reset", "2027-01-15T08:00:52Z"),
            ("anthropic-ratelimit-tokens-limit", "lots"),
        ];
        let seconds = Duration::from_secs;
        let limits = Limits::of(&headers(&list), now).unwrap();
        assert_eq!(limits.requests, Some(Allowance { limit: 50, remaining: 0, reset: seconds(60) }));
        assert_eq!(limits.tokens, Some(Allowance { limit: 8_000, remaining: 1_000, reset: seconds(52) }));
        assert_eq!(Limits::of(&headers(&list[9..]), now), None);
    }
}
