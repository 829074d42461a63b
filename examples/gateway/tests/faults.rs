//! Every fault of the chat API, on every wire format, streamed and not: the whole text, or an honest failure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use http::Method;
use lastbyte_mock::expected_text;
use serde_json::{Value, json};
use support::*;

/// Short limits, waits that cost no time, and no breaker: there is nothing but faults here.
const CONFIG: &str = "
    [breaker]
    enabled = false
    [timeouts]
    first_event = \"600ms\"
    idle = \"600ms\"
    [retry]
    initial = \"1ms\"
    cap = \"2ms\"
";

const OK: &str = "whole";

/// A fault of the first attempt, and what is to come of it.
struct Case {
    fault: Value,
    /// With the next attempt whole: of a streamed answer, and of one in one piece.
    healed: [&'static str; 2],
    /// Without another attempt.
    bare: [&'static str; 2],
}

fn case(fault: Value, healed: [&'static str; 2], bare: [&'static str; 2]) -> Case {
    Case { fault, healed, bare }
}

fn cases() -> Vec<Case> {
    let cut = ["stream_truncated", OK];
    let bare_cut = ["stream_truncated", "502"];
    vec![
        case(json!("none"), [OK, OK], [OK, OK]),
        case(json!({"kind": "status", "code": 429, "retry_after_ms": 1}), [OK, OK], ["429", "429"]),
        case(json!({"kind": "status", "code": 429}), [OK, OK], ["429", "429"]),
        case(json!({"kind": "status", "code": 500}), [OK, OK], ["500", "500"]),
        case(json!({"kind": "status", "code": 502}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "status", "code": 503, "retry_after_ms": 1}), [OK, OK], ["503", "503"]),
        case(json!({"kind": "status", "code": 529}), [OK, OK], ["529", "529"]),
        case(json!({"kind": "refuse"}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "reset_before_head"}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "cut", "after": 0}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "cut", "after": 0, "reset": true}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "cut", "after": 5}), cut, bare_cut),
        case(json!({"kind": "cut", "after": 5, "reset": true}), cut, bare_cut),
        case(json!({"kind": "cut"}), cut, bare_cut),
        case(json!({"kind": "half_event", "after": 0}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "half_event", "after": 5}), cut, bare_cut),
        case(json!({"kind": "stall", "head": true}), [OK, "504"], ["504", "504"]),
        case(json!({"kind": "stall"}), [OK, "504"], ["504", "504"]),
        case(json!({"kind": "stall", "after": 5}), ["idle_timeout", "504"], ["idle_timeout", "504"]),
        case(json!({"kind": "stall", "ms": 20}), [OK, OK], [OK, OK]),
        case(json!({"kind": "slow", "ms": 2}), [OK, OK], [OK, OK]),
        case(json!({"kind": "garbage"}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "error_event", "after": 0}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "error_event", "after": 5}), ["upstream_error", OK], ["upstream_error", "502"]),
        case(json!({"kind": "no_done"}), [OK, OK], [OK, OK]),
        case(json!({"kind": "panic", "after": 0}), [OK, OK], ["502", "502"]),
        case(json!({"kind": "panic", "after": 5}), cut, bare_cut),
    ]
}

/// Asks once for each case and each way of asking.
async fn sweep(wire: Wire, retries: bool) {
    let mock = mock(json!({})).await;
    let config = if retries { CONFIG.to_owned() } else { format!("{CONFIG}\nmax_attempts = 1") };
    let gateway = Gateway::before(&mock, &config);
    let client = client();
    let mut wrong = Vec::new();
    for (number, case) in cases().into_iter().enumerate() {
        for (way, stream) in [true, false].into_iter().enumerate() {
            set_faults(&mock, json!({"script": [case.fault]}));
            let messages = messages(&format!("question {number}"));
            let mut asked = post(&format!("{}{}", gateway.url, wire.path()), wire.ask(&messages, stream));
            if !stream && case.fault["kind"] == "stall" {
                // Only the whole call is limited where nothing has to come before the end.
                asked.headers_mut().insert("x-request-timeout", "0.3".parse().unwrap());
            }
            let answer = send(&client, asked).await;
            let want = if retries { case.healed[way] } else { case.bare[way] };
            let want = match want {
                OK => Told::Whole(expected_text(1, &messages)),
                code => Told::Failed(code.to_owned()),
            };
            let told = answer.told();
            if told != want {
                wrong.push(format!("{} stream={stream}: {told:?}, not {want:?}: {answer:?}", case.fault));
            }
        }
    }
    assert!(wrong.is_empty(), "{wire:?}, retries {retries}:\n{}", wrong.join("\n"));
    let stats = send(&client, request(Method::GET, &format!("{}/stats", gateway.admin))).await.json();
    let endings: BTreeMap<String, u64> = serde_json::from_value(stats["endings"].clone()).unwrap();
    assert_eq!(endings.values().sum::<u64>(), 2 * cases().len() as u64, "{endings:?}");
    assert_eq!(endings.get("unknown"), None, "each call has an ending");
}

#[tokio::test]
async fn every_fault_on_every_wire_format_is_healed_or_told() {
    tokio::join!(sweep(Wire::Chat, true), sweep(Wire::Responses, true), sweep(Wire::Messages, true));
}

#[tokio::test]
async fn without_retries_the_same_faults_show() {
    tokio::join!(sweep(Wire::Chat, false), sweep(Wire::Responses, false), sweep(Wire::Messages, false));
}

#[tokio::test]
async fn an_answer_that_breaks_with_a_panic_upstream_leaves_its_neighbours_alone() {
    let script: Vec<_> = (0..40)
        .map(|number| if number % 4 == 0 { json!({"kind": "panic"}) } else { json!("none") })
        .collect();
    let mock = mock(json!({"script": script, "interval_ms": 5})).await;
    let gateway = Gateway::before(&mock, "");
    let client = client();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (client, question) = (client.clone(), format!("question {number}"));
        let asked = post(&format!("{}{CHAT}", gateway.url), support::question(&question, true));
        asking.spawn(async move { (question, send(&client, asked).await.told()) });
    }
    let mut broken = 0;
    while let Some(told) = asking.join_next().await {
        match told.unwrap() {
            (question, Told::Whole(text)) => assert_eq!(text, expected_text(1, &messages(&question))),
            (_, told) => {
                assert_eq!(told, Told::Failed("stream_truncated".into()));
                broken += 1;
            }
        }
    }
    assert_eq!(broken, 10);
}
