//! What real clients bear, as `tests/cases/client_compat_cases.json` has it measured: the gateway's own
//! output keeps the rule of each case, and the SDKs take it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Api, Question, Sdk};
use crate::curl;
use crate::gateway::{faults_of, for_each, for_each_scripted};
use crate::script::Part;

const CASES: &str = include_str!("../../cases/client_compat_cases.json");

/// Heartbeats stand wherever the chat API pauses.
const BEATING: &str = "
[breaker]
enabled = false
[stream]
heartbeat = \"50ms\"
[retry]
initial = \"10ms\"
max_attempts = 1
";

const PAUSE: Part = Part::Pause(Duration::from_millis(130));

/// How a case is tried.
enum Try {
    /// The chat API sends it, with pauses: it arrives, with our heartbeats in between.
    Passes(Vec<Part>),
    /// The chat API ends so: our error event is raised, and nothing follows it.
    Ends(Vec<Part>),
    /// The chat API answers with this status: after so many attempts of ours the SDK sees that, and does
    /// not try again.
    Status(u16, u32),
}

macro_rules! chunk {
    ($rest:literal) => {
        concat!(
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",",
            $rest,
            "}"
        )
    };
}

const HEL: &str = chunk!(r#""choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]"#);
const LO: &str = chunk!(r#""choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]"#);
const STOP: &str = chunk!(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#);
const EMPTY_CHOICES: &str = concat!(chunk!(r#""choices":[]"#), "\n\n");
const EMPTY_DELTA: &str =
    concat!(chunk!(r#""choices":[{"index":0,"delta":{},"finish_reason":null}]"#), "\n\n");

const CLAUDE_HEL: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","#,
    r#""content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#,
    "\n\n",
);
const CLAUDE_LO: &str = concat!(
    "event: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}"#,
    "\n\nevent: content_block_stop\n",
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\n\nevent: message_delta\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"#,
    r#""usage":{"output_tokens":2}}"#,
    "\n\nevent: message_stop\n",
    r#"data: {"type":"message_stop"}"#,
    "\n\n",
);

/// Text that is made once for a test and lives as long as it.
fn text(text: String) -> Part {
    Part::Bytes(text.leak())
}

/// How the chat API's part of a case looks here. A case that is new in the file fails until it is decided on.
fn tried(name: &str) -> Try {
    let block = |before: &str, data: &str, end: &str| text(format!("{before}{data}{end}"));
    let whole = |before: &str, end: &str, between: &'static str| {
        let between = Some(Part::Bytes(between)).filter(|_| !between.is_empty());
        let mut parts = vec![block(before, HEL, end), PAUSE];
        parts.extend(between.into_iter().chain([PAUSE]));
        parts.extend([LO, STOP, "data: [DONE]"].map(|data| block(before, data, end)));
        Try::Passes(parts)
    };
    let hel = block("", HEL, "\n\n");
    match name {
        // What the chat API itself sends is its own; ours are the heartbeats among its ids, which must not
        // be what breaks the SDK.
        "openai_ping_block_after_id"
        | "openai_ping_without_blank_after_id"
        | "openai_retry_block_alone"
        | "openai_id_block_empty_data" => whole("id: 7\n", "\n\n", ""),
        "openai_pings_no_ids" => whole("", "\n\n", ": theirs\n\n"),
        "openai_retry_inside_data_block" => whole("retry: 1000\n", "\n\n", ""),
        "openai_chunk_empty_choices" => whole("", "\n\n", EMPTY_CHOICES),
        "openai_empty_delta_as_ping" => whole("", "\n\n", EMPTY_DELTA),
        "openai_crlf" => whole("", "\r\n\r\n", ""),
        // openai-python loses the block behind it, so that it is borne only before a block without text.
        "openai_bom" => {
            let Try::Passes(mut parts) = whole("", "\n\n", "") else { unreachable!() };
            parts.insert(0, text(format!("\u{feff}{EMPTY_DELTA}")));
            Try::Passes(parts)
        }
        "openai_eof_without_finish" => Try::Ends(vec![hel, PAUSE]),
        "openai_chunked_cut" => Try::Ends(vec![hel, PAUSE, Part::Cut]),
        "openai_rst" => Try::Ends(vec![hel, PAUSE, Part::Reset]),
        "openai_error_then_done" => {
            let error = "data: {\"error\":{\"message\":\"No\",\"type\":\"server_error\",\"code\":null}}\n\n";
            Try::Ends(vec![hel, PAUSE, Part::Bytes(error), Part::Bytes("data: [DONE]\n\n")])
        }
        // In progress elsewhere: it heals, here already.
        "openai_409_retry_after" => Try::Status(409, 3),
        "openai_422" => Try::Status(422, 1),
        "openai_529" => Try::Status(529, 3),
        "anthropic_eof_without_stop" => Try::Ends(vec![Part::Bytes(CLAUDE_HEL), PAUSE]),
        "anthropic_ids_pings_retry" => Try::Passes(vec![
            Part::Bytes("retry: 1000\n\n"),
            text(format!("id: 1\n{CLAUDE_HEL}")),
            PAUSE,
            Part::Bytes(": theirs\n\n"),
            PAUSE,
            text(format!("id: 2\n{CLAUDE_LO}")),
        ]),
        other => panic!("{other}: a case nobody has decided on"),
    }
}

/// The name and the API of each case.
fn cases() -> Vec<(String, Api)> {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let cases = cases.iter().map(|case| case["name"].as_str().unwrap().to_owned());
    let api = |name: &str| if name.starts_with("anthropic") { Api::Messages } else { Api::Chat };
    cases.map(|name| (name.clone(), api(&name))).collect()
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_clients_bear_arrives_with_heartbeats_in_between() {
    for_each_scripted(&Sdk::ALL, BEATING, async |place| {
        for (name, api) in cases().into_iter().filter(|(_, api)| place.sdk.apis().contains(api)) {
            let Try::Passes(parts) = tried(&name) else { continue };
            place.upstream.say(parts);
            let answer = place.client.ask(&Question::new(api, true, "Hi")).await;
            assert!(answer.error.is_none(), "{name}, {}: {answer:?}", place.sdk);
            assert_eq!((answer.text(), answer.finish.is_some()), ("Hello", true), "{name}, {}", place.sdk);
            if place.sdk == Sdk::Curl {
                assert_well_formed(&answer.bytes, &name);
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_clients_take_for_whole_is_raised_with_our_reason() {
    for_each_scripted(&Sdk::ALL, BEATING, async |place| {
        for (name, api) in cases().into_iter().filter(|(_, api)| place.sdk.apis().contains(api)) {
            let Try::Ends(parts) = tried(&name) else { continue };
            let code = if name == "openai_error_then_done" { "upstream_error" } else { "stream_truncated" };
            let context = format!("{name}, {}", place.sdk);
            place.upstream.say(parts);
            let answer = place.client.ask(&Question::new(api, true, "Hi")).await;
            let raised = answer.raised(&context);
            assert!(raised.of_sdk, "{context}: {raised:?}");
            assert_eq!(raised.code.as_deref(), Some(code), "{context}: {raised:?}");
            assert_eq!((answer.text(), &answer.finish), ("Hel", &None), "{context}");
            if place.sdk == Sdk::Curl {
                assert_well_formed(&answer.bytes, &name);
                assert_ends_with_our_error(&answer.bytes, api, code, &name);
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn statuses_cost_the_sdk_one_call() {
    let sdks: Vec<_> = Sdk::RETRYING.iter().copied().filter(|sdk| sdk.apis().contains(&Api::Chat)).collect();
    let config = "[breaker]\nenabled = false\n[retry]\ninitial = \"1ms\"\nmax_attempts = 3\n";
    for_each(&sdks, config, async |place| {
        for (name, api) in cases() {
            let Try::Status(status, attempts) = tried(&name) else { continue };
            let faults = json!({"status": {"code": status, "retry_after_ms": 1}});
            place.upstream.set_faults(faults_of(&faults));
            place.upstream.reset();
            let answer = place.client.ask(&Question::new(api, true, "Hi").retries(2)).await;
            assert_eq!(answer.raised(&name).status, Some(status), "{name}, {}", place.sdk);
            assert_eq!(place.upstream.stats().requests, u64::from(attempts), "{name}, {}", place.sdk);
        }
    })
    .await;
}

/// The form of our own output: heartbeats are a comment line without a blank line, between events; no blank
/// line of ours stands behind anything but data.
#[track_caller]
fn assert_well_formed(bytes: &[u8], name: &str) {
    let output = std::str::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = output.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let beats: Vec<usize> = (0..lines.len()).filter(|line| lines[*line] == ": ping").collect();
    assert!(!beats.is_empty(), "{name}: no heartbeat in {output:?}");
    for beat in beats {
        assert!(beat == 0 || lines[beat - 1].is_empty() || lines[beat - 1] == ": ping", "{name}: {output:?}");
        assert!(!lines[beat + 1].is_empty(), "{name}: a block without data: {output:?}");
    }
}

/// That an error event of ours is the last thing, in the form that the SDKs of this API raise.
#[track_caller]
fn assert_ends_with_our_error(bytes: &[u8], api: Api, code: &str, name: &str) {
    let output = String::from_utf8_lossy(bytes);
    let last = curl::events(bytes).pop().unwrap();
    let last: Value = serde_json::from_slice(&last).unwrap();
    assert_eq!((&last["error"]["code"], &last["error"]["type"]), (&json!(code), &json!("server_error")));
    assert!(last["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}: {last}");
    assert_eq!(last["type"] == "error", api == Api::Messages, "{name}: {last}");
    assert_eq!(output.contains("event: error\n"), api != Api::Chat, "{name}: {output:?}");
    assert!(!output.contains("[DONE]"), "{name}: {output:?}");
    assert!(output.ends_with("\n\n"), "{name}: {output:?}");
}
