//! What goes over the wire beside text: heartbeats, choices, tool calls, usage.

use std::time::Duration;

use serde_json::json;

use crate::client::{Api, Question, Sdk};
use crate::gateway::{faults_of, for_each, for_each_scripted};
use crate::script::Part;

/// The head leaves long before the content, and every silence has a heartbeat.
const EARLY: &str = "
[breaker]
enabled = false
[timeouts]
first_event = \"1s\"
[stream]
hold_head = \"50ms\"
heartbeat = \"50ms\"
[retry]
initial = \"100ms\"
max_attempts = 2
";

fn heartbeats(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').filter(|line| *line == b": ping").count()
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn heartbeats_disturb_nobody() {
    let slow = json!({"first_event_ms": 400, "interval_ms": 120, "chunks": 4});
    // The first attempt is silent, with the head gone: attempts go on behind the heartbeats.
    let stalled = json!({"script": [{"kind": "stall"}], "chunks": 4});
    for_each(&Sdk::ALL, EARLY, async |place| {
        for (name, faults) in [("slow", &slow), ("stalled", &stalled)] {
            for api in place.sdk.apis() {
                place.upstream.set_faults(faults_of(faults));
                let context = format!("{}, {api:?}, {name}", place.sdk);
                let question = Question::new(*api, true, name);
                let answer = place.client.ask(&question).await;
                answer.assert_whole(&question, &context);
                assert_eq!(answer.attempts.as_deref(), Some("1"), "{context}: the head did not leave early");
                if place.sdk == Sdk::Curl {
                    assert!(heartbeats(&answer.bytes) >= 5, "{context}: {answer:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_cannot_be_healed_behind_heartbeats_is_raised() {
    let faults = [
        (json!({"stall": 1}), "first_event_timeout", "no content in time"),
        // The head leaves while that long is waited.
        (json!({"status": {"code": 503, "retry_after_ms": 100}}), "upstream_error", "503"),
        (json!({"status": {"code": 429, "retry_after_ms": 100}}), "upstream_error", "429"),
    ];
    for_each(&Sdk::ALL, EARLY, async |place| {
        for (faults, code, words) in &faults {
            place.upstream.set_faults(faults_of(faults));
            for api in place.sdk.apis() {
                let context = format!("{}, {api:?}, {faults}", place.sdk);
                let answer = place.client.ask(&Question::new(*api, true, "silent").retries(2)).await;
                let raised = answer.raised(&context);
                assert!(raised.of_sdk, "{context}: {raised:?}");
                assert_eq!(raised.code.as_deref(), Some(*code), "{context}: {raised:?}");
                assert!(raised.message.contains(words), "{context}: {raised:?}");
                assert_eq!((answer.status, answer.text()), (Some(200), ""), "{context}");
                assert_eq!(place.upstream.stats().requests, 2, "{context}: asked again by the SDK");
                place.upstream.reset();
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn each_of_two_choices_is_whole_or_the_answer_is_raised() {
    let sdks = Sdk::ALL.into_iter().filter(|sdk| sdk.apis().contains(&Api::Chat)).collect::<Vec<_>>();
    for_each(&sdks, "", async |place| {
        let question = Question::new(Api::Chat, true, "twice").more(json!({"n": 2}));
        let answer = place.client.ask(&question).await;
        answer.assert_whole(&question, "n = 2");
        assert_eq!(answer.texts, [question.expected(), question.expected()], "{}", place.sdk);
        place.upstream.set_faults(faults_of(&json!({"cut": {"after": 3}})));
        let answer = place.client.ask(&question).await;
        assert_eq!(answer.raised("n = 2, cut").code.as_deref(), Some("stream_truncated"), "{}", place.sdk);
        assert_eq!(answer.texts.len(), 2, "{}", place.sdk);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn the_usage_chunk_behind_the_finish_arrives() {
    for_each(&Sdk::ALL, "", async |place| {
        for api in place.sdk.apis() {
            let mut question = Question::new(*api, true, "how many");
            if *api == Api::Chat {
                question = question.more(json!({"stream_options": {"include_usage": true}}));
            }
            let answer = place.client.ask(&question).await;
            answer.assert_whole(&question, "usage");
            assert!(answer.usage > Some(30), "{}, {api:?}: {answer:?}", place.sdk);
        }
    })
    .await;
}

/// The arguments that the calls below make up.
const ARGUMENTS: &str = "{\"city\": \"Århus\"}";

/// A tool call without any text, its arguments in two parts.
fn tool_call(api: Api) -> [&'static str; 3] {
    match api {
        Api::Chat => [
            concat!(
                r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"#,
                r#""index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","#,
                r#""type":"function","function":{"name":"weather","arguments":"{\"city\": "}}]},"finish_reason":null}]}"#,
                "\n\n"
            ),
            concat!(
                r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"#,
                r#""index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Århus\"}"}}]},"#,
                r#""finish_reason":null}]}"#,
                "\n\n"
            ),
            concat!(
                r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"#,
                r#""index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
                "\n\ndata: [DONE]\n\n"
            ),
        ],
        Api::Responses => [
            concat!(
                "event: response.function_call_arguments.delta\n",
                r#"data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"#,
                r#""sequence_number":0,"delta":"{\"city\": "}"#,
                "\n\n"
            ),
            concat!(
                "event: response.function_call_arguments.delta\n",
                r#"data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"#,
                r#""sequence_number":1,"delta":"\"Århus\"}"}"#,
                "\n\n"
            ),
            concat!(
                "event: response.completed\n",
                r#"data: {"type":"response.completed","sequence_number":2,"response":{"id":"r","#,
                r#""object":"response","created_at":1,"model":"m","status":"completed","output":[],"#,
                r#""parallel_tool_calls":true,"tool_choice":"auto","tools":[],"#,
                r#""usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}"#,
                "\n\n"
            ),
        ],
        Api::Messages => [
            concat!(
                "event: message_start\n",
                r#"data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","#,
                r#""model":"m","content":[],"stop_reason":null,"stop_sequence":null,"#,
                r#""usage":{"input_tokens":1,"output_tokens":1}}}"#,
                "\n\nevent: content_block_start\n",
                r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","#,
                r#""id":"toolu_1","name":"weather","input":{}}}"#,
                "\n\nevent: content_block_delta\n",
                r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","#,
                r#""partial_json":"{\"city\": "}}"#,
                "\n\n"
            ),
            concat!(
                "event: content_block_delta\n",
                r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","#,
                r#""partial_json":"\"Århus\"}"}}"#,
                "\n\n"
            ),
            concat!(
                "event: content_block_stop\n",
                r#"data: {"type":"content_block_stop","index":0}"#,
                "\n\nevent: message_delta\n",
                r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"#,
                r#""usage":{"output_tokens":2}}"#,
                "\n\nevent: message_stop\n",
                r#"data: {"type":"message_stop"}"#,
                "\n\n"
            ),
        ],
    }
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn tool_calls_arrive_whole_or_are_raised() {
    for_each_scripted(&Sdk::ALL, EARLY, async |place| {
        for api in place.sdk.apis() {
            let [first, second, end] = tool_call(*api).map(Part::Bytes);
            let pause = Part::Pause(Duration::from_millis(120));
            let question = Question::new(*api, true, "weather");
            let context = format!("{}, {api:?}", place.sdk);

            place.upstream.say(vec![first.clone(), pause.clone(), second, end]);
            let answer = place.client.ask(&question).await;
            assert!(answer.error.is_none() && answer.finish.is_some(), "{context}: {answer:?}");
            assert_eq!(answer.arguments, ARGUMENTS, "{context}");

            place.upstream.say(vec![first, pause]);
            let answer = place.client.ask(&question).await;
            assert_eq!(answer.raised(&context).code.as_deref(), Some("stream_truncated"), "{context}");
            assert_eq!(answer.arguments, ARGUMENTS[..9], "{context}");
        }
    })
    .await;
}
