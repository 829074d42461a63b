//! What is found in a request.

use lastbyte_redact::tower::QuestionsLayer;
use serde_json::{Value, json};

use crate::support::{Lines, PATHS, Pieces, events, exchange, keyed, post, question, redacted, stream};

const TEXT: &str = "写给 li.wei@example.com，\u{1F600} please";
const MARKED: &str = "写给 [EMAIL]，\u{1F600} please";

fn hello() -> http::Response<Pieces> {
    stream(events(PATHS[0], &["Hello"]))
}

#[tokio::test]
async fn a_digest_has_length_language_and_hash_and_no_word() {
    let lines = Lines::new();
    let layer = QuestionsLayer::new(keyed());
    exchange(&layer, question("李雷的电话是13812345678"), hello()).await;
    let first = lines.one();
    assert_eq!(first["question_chars"], "17");
    assert_eq!(first["question_language"], "zh");
    assert_eq!(first["question_hash"], keyed().digest("李雷的电话是13812345678").hash.unwrap());
    assert_eq!((first["answer_chars"].as_str(), first["answer_language"].as_str()), ("5", "latin"));
    assert_eq!(first["answer_hash"], keyed().digest("Hello").hash.unwrap());
    assert!(!first.contains_key("question") && !first.contains_key("answer"));
    for value in first.values() {
        assert!(!["李雷", "1381", "Hell"].iter().any(|word| value.contains(word)), "{value}");
    }
    exchange(&layer, question("李雷的电话是13812345678"), hello()).await;
    assert_eq!(lines.one()["question_hash"], first["question_hash"]);
    exchange(&layer, question("李雷的电话是13812345679"), hello()).await;
    assert_ne!(lines.one()["question_hash"], first["question_hash"]);
}

#[tokio::test]
async fn without_a_key_there_is_no_hash() {
    let lines = Lines::new();
    exchange(&QuestionsLayer::new(Default::default()), question("Hi"), hello()).await;
    let line = lines.one();
    assert_eq!(line["question_chars"], "2");
    assert!(!line.contains_key("question_hash") && !line.contains_key("answer_hash"));
}

#[tokio::test]
async fn hashes_of_two_tenants_cannot_be_told_to_be_of_one_text() {
    let lines = Lines::new();
    let mut hashes = Vec::new();
    for tenant in [0, 1, 2, 1] {
        let mut request = question("Hi");
        request.extensions_mut().insert(lastbyte_core::Tenant(tenant));
        exchange(&QuestionsLayer::new(keyed()), request, hello()).await;
        hashes.push(lines.one()["question_hash"].clone());
    }
    assert_eq!(hashes[1], hashes[3]);
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
}

/// What is shown of a request.
async fn shown(path: &str, body: &Value) -> Option<String> {
    let lines = Lines::new();
    exchange(&redacted(), post(path, Pieces::new([body.to_string()])), hello()).await;
    lines.one().remove("question")
}

#[tokio::test]
async fn the_last_user_message_is_the_question_in_every_format() {
    let part = |kind: &str, text: &str| json!({"type": kind, "text": text});
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let bodies = [
        (
            PATHS[0],
            json!({"messages": [
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"}, {"role": "user", "content": TEXT},
                {"role": "assistant", "content": null, "tool_calls": [{"function": {"arguments": "{}"}}]},
                {"role": "tool", "content": "21 degrees", "tool_call_id": "1"},
            ]}),
        ),
        (PATHS[0], json!({"messages": [{"role": "user", "content": [image, part("text", TEXT)]}]})),
        (PATHS[1], json!({"input": TEXT, "instructions": "Be brief."})),
        (
            PATHS[1],
            json!({"input": [
                {"role": "user", "content": [part("input_text", TEXT)]},
                {"type": "function_call_output", "call_id": "1", "output": "21 degrees"},
            ]}),
        ),
        (
            PATHS[2],
            json!({"system": "Be brief.", "messages": [
                {"role": "user", "content": TEXT}, {"role": "assistant", "content": [part("text", "I look")]},
                {"role": "user", "content": [{"type": "tool_result", "content": [part("text", "21 degrees")]}]},
            ]}),
        ),
    ];
    for (path, body) in bodies {
        assert_eq!(shown(path, &body).await.as_deref(), Some(MARKED), "{body}");
    }
    let parts =
        json!({"messages": [{"role": "user", "content": [part("text", "one"), part("text", "two")]}]});
    assert_eq!(shown(PATHS[0], &parts).await.as_deref(), Some("one\ntwo"));
}

#[tokio::test]
async fn members_stand_in_any_order_and_words_in_any_spelling() {
    for body in [
        r#"{"messages":[{"role":"user","content":"Hi"},{"content":"No","role":"assistant"}],"model":"m"}"#,
        r#"{"messages":[{"content":"Hi","role":"user"},{"content":"No","role":"users"}]}"#,
        "{ \"m\\u0065ssages\" : [\n{\"rol\\u0065\": \"us\\u0065r\", \"content\": \"H\\u0069\"} ] }",
    ] {
        let lines = Lines::new();
        exchange(&redacted(), post(PATHS[0], Pieces::new([body])), hello()).await;
        assert_eq!(lines.one()["question"], "Hi", "{body}");
    }
}

#[tokio::test]
async fn a_request_is_read_however_it_is_cut_and_passes_as_it_is() {
    let body = json!({"messages": [{"role": "user", "content": TEXT}]}).to_string();
    let bytes = body.as_bytes();
    let one_by_one = bytes.chunks(1).map(<[u8]>::to_vec).collect();
    let in_two = (0..=bytes.len()).map(|at| vec![bytes[..at].to_vec(), bytes[at..].to_vec()]);
    for pieces in in_two.chain([one_by_one]) {
        let lines = Lines::new();
        exchange(&redacted(), post(PATHS[0], Pieces::new(pieces)), hello()).await;
        assert_eq!(lines.one()["question"], MARKED);
    }
}

#[tokio::test]
async fn where_no_question_is_seen_the_line_says_why() {
    let lines = Lines::new();
    for (body, why) in [
        ("", "not read to its end"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]", "not read to its end"),
        ("--boundary", "no JSON"),
        ("{\"messages\":[{\"role\":\"system\",\"content\":\"Hi\"}]}", "no user message"),
    ] {
        exchange(&redacted(), post(PATHS[0], Pieces::new([body])), hello()).await;
        let line = lines.one();
        assert_eq!(line["question_unread"], why, "{body}");
        assert!(!line.contains_key("question") && !line.contains_key("question_chars"));
        assert_eq!(line["answer"], "Hello");
    }
    let mut request = question("Hi");
    request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    exchange(&redacted(), request, hello()).await;
    assert_eq!(lines.one()["question_unread"], "compressed");
}
