//! Every fault of the chat API, before every client: what comes before content heals, what comes after it
//! is raised, and nothing that is not whole looks whole.

use lastbyte_mock::Kind;
use serde_json::{Value, json};

use crate::client::{Api, Question, Sdk};
use crate::gateway::{Place, faults_of, for_each};

/// Short waits, so that a fault costs little. The timeouts are far above what a healthy answer takes here.
const QUICK: &str = "
[breaker]
enabled = false
[timeouts]
first_event = \"1s\"
idle = \"1s\"
[retry]
initial = \"10ms\"
cap = \"50ms\"
budget = 100
";

/// What is to come of a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// It is none: the answer is whole at the first attempt.
    Whole,
    /// The next attempt heals it; without one the client sees this status. Streamed or not.
    Heals(u16),
    /// The same, where it is a fault of streams only.
    HealsStream(u16),
    /// The answer breaks after content: an error with this code and these words in its message.
    Breaks(&'static str, &'static str),
}

use Then::{Breaks, Heals, HealsStream, Whole};

const ENDED: Then = Breaks("stream_truncated", "ended before it was finished");
const BROKE: Then = Breaks("stream_truncated", "broke in the middle of the answer");
const HALF: Then = Breaks("stream_truncated", "ended in the middle of an event");

/// After so many content events an answer breaks.
const PIECES: usize = 5;

/// The faults of a kind. A kind that is new does not compile without a decision on it.
fn faults_of_kind(kind: Kind) -> Vec<(Value, Then)> {
    let status = |code: u16| (json!({"kind": "status", "code": code, "retry_after_ms": 20}), Heals(code));
    let of = |more: Value, then: Then| {
        let mut fault = json!({ "kind": kind });
        for (key, value) in more.as_object().into_iter().flatten() {
            fault[key] = value.clone();
        }
        (fault, then)
    };
    match kind {
        Kind::None | Kind::NoDone => vec![of(json!({}), Whole)],
        Kind::Slow => vec![of(json!({"ms": 10}), Whole)],
        Kind::Status => [429, 500, 502, 503, 529].map(status).into(),
        Kind::Refuse | Kind::ResetBeforeHead | Kind::Garbage => vec![of(json!({}), Heals(502))],
        Kind::Stall => vec![
            of(json!({}), HealsStream(504)),
            of(json!({"head": true}), HealsStream(504)),
            of(json!({"after": PIECES}), Breaks("idle_timeout", "fell silent")),
        ],
        Kind::Cut => vec![
            of(json!({"after": 0}), Heals(502)),
            of(json!({"after": 0, "reset": true}), Heals(502)),
            of(json!({"after": PIECES}), ENDED),
            of(json!({"after": PIECES, "reset": true}), BROKE),
            // All the text and no sign of its end.
            of(json!({"after": 1_000_000}), ENDED),
        ],
        Kind::HalfEvent => {
            vec![of(json!({"after": 0}), Heals(502)), of(json!({"after": PIECES}), HALF)]
        }
        Kind::ErrorEvent => vec![
            of(json!({"after": 0}), Heals(502)),
            of(json!({"after": PIECES}), Breaks("upstream_error", "reported an error")),
        ],
        Kind::Panic => {
            vec![of(json!({"after": 0}), Heals(502)), of(json!({"after": PIECES}), BROKE)]
        }
    }
}

fn all_faults() -> Vec<(Value, Then)> {
    let kinds = [
        Kind::None,
        Kind::Status,
        Kind::Refuse,
        Kind::ResetBeforeHead,
        Kind::Cut,
        Kind::HalfEvent,
        Kind::Stall,
        Kind::Slow,
        Kind::Garbage,
        Kind::ErrorEvent,
        Kind::NoDone,
        Kind::Panic,
    ];
    kinds.into_iter().flat_map(faults_of_kind).collect()
}

/// The ways a client can be asked in which this fault comes to that.
fn ways(sdk: Sdk, then: Then) -> Vec<(Api, bool)> {
    let streams: &[bool] = if matches!(then, Whole | Heals(_)) { &[true, false] } else { &[true] };
    sdk.apis().iter().flat_map(|api| streams.iter().map(|stream| (*api, *stream))).collect()
}

/// Asks with this fault for the first attempt, and returns what names the case.
fn case(place: &Place, fault: &Value, api: Api, stream: bool) -> (Question, String) {
    place.upstream.set_faults(faults_of(&json!({ "script": [fault] })));
    let context = format!("{}, {api:?}, stream {stream}: {fault}", place.sdk);
    (Question::new(api, stream, format!("{fault}")), context)
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_breaks_before_content_arrives_whole() {
    for_each(&Sdk::ALL, QUICK, async |place| {
        for (fault, then) in all_faults() {
            let attempts = match then {
                Whole => "1",
                Heals(_) | HealsStream(_) => "2",
                Breaks(..) => continue,
            };
            for (api, stream) in ways(place.sdk, then) {
                let (question, context) = case(place, &fault, api, stream);
                let answer = place.client.ask(&question).await;
                answer.assert_whole(&question, &context);
                assert_eq!(answer.attempts.as_deref(), Some(attempts), "{context}");
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn what_breaks_after_content_is_raised() {
    for_each(&Sdk::ALL, QUICK, async |place| {
        for (fault, then) in all_faults() {
            let Breaks(code, words) = then else { continue };
            for (api, stream) in ways(place.sdk, then) {
                let (question, context) = case(place, &fault, api, stream);
                let answer = place.client.ask(&question).await;
                let raised = answer.raised(&context);
                assert!(raised.of_sdk, "{context}: {raised:?}");
                assert_eq!(raised.code.as_deref(), Some(code), "{context}: {raised:?}");
                assert!(raised.message.contains(words), "{context}: {raised:?}");
                // All that came before the break, and nothing else.
                let pieces = if fault["after"] == PIECES { PIECES } else { usize::MAX };
                assert_eq!(answer.text(), beginning(&question.expected(), pieces), "{context}");
                assert_eq!(answer.finish, None, "{context}");
                assert_eq!(place.upstream.stats().requests, 1, "{context}: asked again after content");
                place.upstream.reset();
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs what `cargo xtask test` installs"]
async fn without_retries_the_failures_show() {
    let config = format!("{QUICK}max_attempts = 1\n");
    for_each(&Sdk::ALL, &config, async |place| {
        for (fault, then) in all_faults() {
            let (Heals(status) | HealsStream(status)) = then else { continue };
            for (api, stream) in ways(place.sdk, then) {
                let (question, context) = case(place, &fault, api, stream);
                let answer = place.client.ask(&question).await;
                let raised = answer.raised(&context);
                assert!(raised.of_sdk, "{context}: {raised:?}");
                assert_eq!(raised.status, Some(status), "{context}: {raised:?}");
                assert_eq!(answer.text(), "", "{context}");
            }
        }
    })
    .await;
}

/// The first pieces of a text, as the chat API cuts it: of 12 bytes at most, none inside a character.
fn beginning(text: &str, pieces: usize) -> &str {
    let mut end = 0;
    for _ in 0..pieces.min(text.len()) {
        end = text.floor_char_boundary(end + 12);
    }
    &text[..end]
}
