//! The case files of what is tried again, and when.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lastbyte_core::{
    Ask, Cause, Dialect, Ending, FailureKind, Judge, Sent, TransportEnd, TransportFault, Verdict,
};
use lastbyte_retry::{Ambiguous, Decision, Failed, Policy, Stop};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn policy(ambiguous: Ambiguous) -> Policy {
    Policy { max_wait: Duration::from_secs(60), ambiguous }
}

fn headers(input: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for pair in input["headers"].as_array().into_iter().flatten() {
        let name = HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap());
    }
    headers
}

#[test]
fn every_retry_after_is_honoured() {
    let cases = cases("retry_after_cases.json");
    assert_eq!(cases.len(), 57);
    for case in cases {
        let (name, input, expect) = (&case["name"], &case["input"], &case["expect"]);
        let now = humantime::parse_rfc3339_weak(input["now"].as_str().unwrap()).unwrap();
        let decision = policy(Ambiguous::Retry).decide(
            Failed::Status {
                status: StatusCode::from_u16(input["status"].as_u64().unwrap() as u16).unwrap(),
                headers: &headers(input),
                body: input["body"].as_str().unwrap_or_default().as_bytes(),
            },
            now,
        );
        if expect["reason"] == "attempts" {
            // The count of attempts is the caller's; what the policy owes is the hint.
            assert_eq!(decision, Decision::Retry { after: Some(Duration::from_secs(1)) }, "{name}");
            continue;
        }
        let ms = |wait: Option<Duration>| wait.map(|wait| wait.as_millis() as u64);
        match decision {
            Decision::Retry { after } => {
                assert_eq!(expect["action"], "retry", "{name}");
                match expect["delay"].as_str().unwrap() {
                    "exact" => {
                        let tolerance = expect["tolerance_ms"].as_u64().unwrap_or(0);
                        let expected = expect["delay_ms"].as_u64().unwrap();
                        assert!(ms(after).unwrap().abs_diff(expected) <= tolerance, "{name}: {after:?}");
                    }
                    "backoff" => assert_eq!(after, None, "{name}"),
                    "exact_or_backoff" => {
                        assert!(after.is_none() || ms(after) == expect["delay_ms"].as_u64(), "{name}");
                    }
                    other => panic!("{name}: no delay {other}"),
                }
            }
            Decision::Stop { why, hint } => {
                assert_eq!(expect["action"], "no_retry", "{name}");
                let reason = match why {
                    Stop::Status => "status",
                    Stop::ShouldRetry => "x-should-retry",
                    Stop::OverCap => "over_cap",
                    Stop::Billing => "billing",
                    Stop::Ambiguous => "ambiguous",
                    Stop::Deadline => "deadline",
                };
                assert_eq!(reason, expect["reason"], "{name}");
                if let Some(expected) = expect["hint_ms"].as_u64() {
                    assert_eq!(ms(hint), Some(expected), "{name}");
                }
            }
        }
    }
}

/// A transport error of the case file as the layer sees it; `None` for what never reaches the policy: a
/// caller that left, our own refusals, a body that cannot be sent again.
fn fault(error: &str) -> Option<TransportFault> {
    let fault = |kind, sent, passing| Some(TransportFault { kind, cause: Cause::Reset, sent, passing });
    match error {
        "dns" | "dns_failure" | "connect_refused" | "connect_timeout" | "tls_eof" | "network_unreachable" => {
            fault(FailureKind::Connect, Sent::No, true)
        }
        "tls_certificate" => fault(FailureKind::Connect, Sent::No, false),
        "pool_timeout" | "closed_before_send" | "h2_refused_stream" => {
            fault(FailureKind::Reset, Sent::No, true)
        }
        "read_timeout" => fault(FailureKind::Timeout { by_caller: false }, Sent::Maybe, true),
        "downstream_disconnected"
        | "cancelled"
        | "reset_body_consumed"
        | "overload_shed"
        | "total_deadline" => None,
        _ => fault(FailureKind::Reset, Sent::Maybe, true),
    }
}

/// The ending of a stream that failed so, judged by the judge itself.
fn ending(input: &Value) -> Ending {
    let content_type = match input["error"].as_str().unwrap() {
        "wrong_content_type" => "text/html",
        _ => "text/event-stream",
    };
    let (head, ()) =
        http::Response::builder().header("content-type", content_type).body(()).unwrap().into_parts();
    let responses = input["error"] == "response_failed";
    let dialect = if responses { Dialect::OpenAiResponses } else { Dialect::OpenAiChat };
    let ask = Ask { dialect: Some(dialect), stream: Some(true), body: true };
    let mut judge = Judge::new(&ask, &head, 1 << 20, 1 << 20);
    if let Some(body) = input["body"].as_str() {
        let event = if responses {
            let error: Value = serde_json::from_str(body).unwrap();
            let failed = serde_json::json!({"type": "response.failed", "response": error});
            format!("event: response.failed\ndata: {failed}\n\n")
        } else {
            format!("data: {body}\n\n")
        };
        judge.chunk(&event.into());
    }
    judge.end(match input["error"].as_str().unwrap() {
        "reset" => TransportEnd::Broken(TransportFault {
            kind: FailureKind::Reset,
            cause: Cause::Reset,
            sent: Sent::Maybe,
            passing: true,
        }),
        "idle_timeout" => TransportEnd::Limit(Cause::Idle, false),
        _ => TransportEnd::Clean,
    })
}

#[test]
fn what_heals_is_tried_again_and_nothing_else() {
    let cases = cases("should_retry_cases.json");
    assert_eq!(cases.len(), 71);
    let mut decided = 0;
    for case in cases {
        let (name, input, expect) = (&case["name"], &case["input"], &case["expect"]);
        let now = std::time::UNIX_EPOCH;
        let retries = |ambiguous| -> Option<bool> {
            let decide =
                |failed: Failed<'_>| matches!(policy(ambiguous).decide(failed, now), Decision::Retry { .. });
            Some(match input["kind"].as_str().unwrap() {
                "http" => {
                    let status = StatusCode::from_u16(input["status"].as_u64().unwrap() as u16).unwrap();
                    if status.is_success() {
                        return None;
                    }
                    let body = input["body"].as_str().unwrap_or_default().as_bytes();
                    decide(Failed::Status { status, headers: &headers(input), body })
                }
                "transport" => decide(Failed::Fault(&fault(input["error"].as_str().unwrap())?)),
                // Behind content nothing is tried again unseen, whatever the ending.
                "stream" if input["phase"] == "content" => return None,
                "stream" => decide(Failed::Ended(&ending(input))),
                other => panic!("{name}: no kind {other}"),
            })
        };
        if let Some(retry) = retries(Ambiguous::Retry) {
            decided += 1;
            assert_eq!(retry, expect["retry"].as_bool().unwrap(), "{name}");
            let untouched = retries(Ambiguous::Fail).unwrap();
            assert_eq!(untouched, expect["retry_non_idempotent"].as_bool().unwrap(), "{name}");
        } else {
            assert_eq!(expect["retry"], false, "{name}");
        }
        if input["kind"] == "http" && input["status"] != 200 {
            let status = StatusCode::from_u16(input["status"].as_u64().unwrap() as u16).unwrap();
            let verdict = Ending::Failed { kind: FailureKind::Status(status) }.verdict();
            let breaker = if verdict == Verdict::Failure { "failure" } else { "ignore" };
            assert_eq!(breaker, expect["breaker"], "{name}");
        }
    }
    assert!(decided >= 55, "only {decided} cases reached the policy");
}
