//! Clients with their own retries on: the gateway's attempts are not multiplied, and what it hands on says
//! when to come back.

use serde_json::json;

use crate::client::{Question, Sdk};
use crate::curl;
use crate::gateway::{faults_of, for_each};

const TWICE: &str = "
[breaker]
enabled = false
[timeouts]
first_event = \"500ms\"
[retry]
initial = \"10ms\"
cap = \"20ms\"
max_attempts = 2
";

/// What the SDKs do by themselves.
const SDK_RETRIES: u32 = 2;

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_the_gateway_has_given_up_is_not_tried_again_by_the_sdk() {
    let faults = [
        (json!({"status": {"code": 503}}), 503, true),
        (json!({"status": {"code": 529}}), 529, true),
        (json!({"status": {"code": 429, "retry_after_ms": 10}}), 429, true),
        (json!({"reset_before_head": 1}), 502, true),
        (json!({"stall": 1}), 504, false),
        (json!({"cut": {"after": 0}}), 502, true),
    ];
    for_each(Sdk::RETRYING, TWICE, async |place| {
        let mut asked = 0;
        for (faults, status, also_whole) in &faults {
            for api in place.sdk.apis() {
                for stream in if *also_whole { &[true, false][..] } else { &[true] } {
                    place.upstream.set_faults(faults_of(faults));
                    place.upstream.reset();
                    let context = format!("{}, {api:?}, stream {stream}: {faults}", place.sdk);
                    let question = Question::new(*api, *stream, "again").retries(SDK_RETRIES);
                    let answer = place.client.ask(&question).await;
                    let raised = answer.raised(&context);
                    assert_eq!(raised.status, Some(*status), "{context}: {raised:?}");
                    assert_eq!(raised.should_retry.as_deref(), Some("false"), "{context}: {raised:?}");
                    assert_eq!(place.upstream.stats().requests, 2, "{context}");
                    asked += 1;
                }
            }
        }
        let stats = curl::get(&format!("{}/stats", place.gateway.admin)).await;
        assert_eq!(stats["requests"], asked, "{}: {stats}", place.sdk);
    })
    .await;
}

/// The control of the test above: without the gateway the same SDKs do try again.
#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn without_the_gateway_the_sdk_tries_again() {
    for_each(Sdk::RETRYING, "", async |place| {
        let direct = place.sdk.at(place.upstream.url().strip_suffix("/v1").unwrap());
        place.upstream.set_faults(faults_of(&json!({"status": {"code": 503, "retry_after_ms": 10}})));
        for api in place.sdk.apis() {
            let answer = direct.ask(&Question::new(*api, true, "again").retries(SDK_RETRIES)).await;
            assert_eq!(answer.raised("503").status, Some(503));
            assert_eq!(place.upstream.stats().requests, 3, "{}", place.sdk);
            place.upstream.reset();
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn a_longer_wait_than_allowed_is_the_sdks_rate_limit_error() {
    for_each(&Sdk::ALL, "", async |place| {
        let class = if place.sdk == Sdk::Curl { "status" } else { "RateLimitError" };
        let faults = faults_of(&json!({"status": {"code": 429, "retry_after": 120}}));
        place.upstream.set_faults(faults);
        for api in place.sdk.apis() {
            for stream in [true, false] {
                let context = format!("{}, {api:?}, stream {stream}", place.sdk);
                let question = Question::new(*api, stream, "later").retries(SDK_RETRIES);
                let answer = place.client.ask(&question).await;
                let raised = answer.raised(&context);
                assert_eq!(raised.class, class, "{context}");
                assert_eq!(raised.status, Some(429), "{context}");
                assert_eq!(raised.retry_after.as_deref(), Some("120"), "{context}");
                assert_eq!(raised.should_retry.as_deref(), Some("false"), "{context}");
                assert_eq!(place.upstream.stats().requests, 1, "{context}");
                place.upstream.reset();
            }
        }
    })
    .await;
}
