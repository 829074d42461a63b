use proptest::prelude::*;
use serde_json::json;

use super::*;

const CHAT: Option<Dialect> = Some(Dialect::OpenAiChat);
const RESPONSES: Option<Dialect> = Some(Dialect::OpenAiResponses);
const ANTHROPIC: Option<Dialect> = Some(Dialect::Anthropic);

fn wanted(body: &serde_json::Value) -> Wanted {
    wanted_as(CHAT, body)
}

fn wanted_as(dialect: Option<Dialect>, body: &serde_json::Value) -> Wanted {
    Wanted::read(dialect, body.to_string().as_bytes())
}

/// A prompt of that many characters before a model whose tokenizer is unknown, in tokens.
fn ascii(characters: u64) -> u64 {
    (characters * 3).div_ceil(10)
}

#[test]
fn a_chat_is_its_messages() {
    let body = json!({"model": "qwen-max", "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "你好，世界"}]},
    ]});
    // "system" and "user", "Be short.", five characters; two messages, and the answer's beginning.
    assert_eq!(wanted(&body).prompt(), ascii(6 + 4 + 9) + 5 + 3 * 2 + 3);
    assert_eq!(wanted(&body).model(), Some("qwen-max"));
    assert_eq!((wanted(&body).cap(), wanted(&body).choices()), (None, 1));
}

#[test]
fn of_several_caps_the_largest_counts() {
    let caps = json!({"max_tokens": 1, "max_completion_tokens": 9_000, "max_output_tokens": 5, "n": 3});
    assert_eq!((wanted(&caps).cap(), wanted(&caps).choices()), (Some(9_000), 3));
    let twice = br#"{"max_tokens": 7000, "max_tokens": 1}"#;
    assert_eq!(Wanted::read(CHAT, twice).cap(), Some(7_000), "an API may take either");
    // What another format calls a cap is none.
    assert_eq!((wanted_as(RESPONSES, &caps).cap(), wanted_as(RESPONSES, &caps).choices()), (Some(5), 1));
    assert_eq!((wanted_as(ANTHROPIC, &caps).cap(), wanted_as(ANTHROPIC, &caps).choices()), (Some(1), 1));
    assert_eq!(wanted(&json!({"max_output_tokens": 1})).cap(), None);
    assert_eq!(wanted_as(None, &json!({"best_of": 4})).choices(), 4, "completions of the old kind");
}

#[test]
fn numbers_are_read_as_lenient_apis_read_them() {
    for n in [json!(128), json!("128"), json!(128.0), json!(127.5), json!(" 128 "), json!("1.28e2")] {
        assert_eq!(wanted(&json!({ "n": n, "max_tokens": n })).choices(), 128, "{n}");
        assert_eq!(wanted(&json!({ "max_tokens": n })).cap(), Some(128), "{n}");
    }
    let nonsense = json!({"max_tokens": "many", "n": -1, "model": ["a", {"b": 1}]});
    assert_eq!((wanted(&nonsense).cap(), wanted(&nonsense).choices()), (None, 1));
    for nothing in [json!(null), json!(true), json!([]), json!({"a": [1]}), json!("nan"), json!("-1")] {
        assert_eq!(wanted(&json!({ "n": nothing, "max_tokens": nothing })).cap(), None, "{nothing}");
    }
    assert_eq!(wanted(&json!({"n": u64::MAX, "max_tokens": u64::MAX})).choices(), u32::MAX);
}

#[test]
fn all_three_wire_formats_are_read() {
    let text = "a".repeat(100);
    let responses = json!({"instructions": text, "input": [{"role": "user", "content": [
        {"type": "input_text", "text": text}]}]});
    assert_eq!(wanted(&responses).prompt(), ascii(204) + 6);
    assert_eq!(wanted(&json!({ "input": text })).prompt(), ascii(100) + 3);
    let anthropic = json!({"system": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": text}]});
    assert_eq!(wanted(&anthropic).prompt(), ascii(204) + 6);
}

#[test]
fn an_image_is_not_its_bytes() {
    let image = format!("data:image/png;base64,{}", "A".repeat(100_000));
    let chat = json!({"messages": [{"content": [
        {"type": "image_url", "image_url": {"url": image, "detail": "high"}}, {"type": "text", "text": "abc"}]}]});
    assert_eq!(wanted(&chat).prompt(), ATTACHMENT + 1 + 6);
    let anthropic = json!({"messages": [{"content": [
        {"type": "image", "source": {"type": "base64", "data": image}}]}]});
    assert_eq!(wanted(&anthropic).prompt(), ATTACHMENT + 6);
    let responses =
        json!({"input": [{"content": [{"type": "input_file", "filename": "a", "file_data": image}]}]});
    assert_eq!(wanted(&responses).prompt(), ATTACHMENT + 6);
}

#[test]
fn a_text_is_counted_wherever_it_stands() {
    let text = "a".repeat(1_000);
    let source = |source: serde_json::Value| {
        let message = json!({"content": [{"type": "document", "source": source}]});
        wanted_as(ANTHROPIC, &json!({ "messages": [message] })).prompt()
    };
    assert_eq!(source(json!({"type": "text", "data": text})), ascii(1_000) + 6);
    assert_eq!(source(json!({"data": text, "type": "text"})), ascii(1_000) + 6);
    assert_eq!(
        source(json!({"type": "content", "content": [{"type": "text", "text": text}]})),
        ascii(1_000) + 6
    );
    assert_eq!(source(json!({"type": "base64", "data": text})), ATTACHMENT + 6);
    let input =
        json!({"messages": [{"content": [{"type": "tool_use", "input": {"source": text, "file": text}}]}]});
    assert_eq!(wanted_as(ANTHROPIC, &input).prompt(), ascii(6 + 4 + 2_000) + 6);
}

#[test]
fn tools_count_with_their_names() {
    let tools = json!({"tools": [{"type": "function", "function": {"name": "file", "parameters": {
        "source": {"type": "string"}}}}]});
    let characters =
        ["type", "function", "function", "name", "file", "parameters", "source", "type", "string"];
    let characters: usize = characters.iter().map(|text| text.len()).sum();
    assert_eq!(wanted(&tools).prompt(), ascii(characters as u64) + 3);
}

#[test]
fn what_cannot_be_read_is_estimated_by_its_length() {
    for body in ["", "[]", "no json", "{\"model\": \"a\"", "{} {}", "{\"messages\": [\u{7}]}", "null"] {
        let length = body.len() as u64;
        assert_eq!(Wanted::read(CHAT, body.as_bytes()), Wanted::of_length(length), "{body}");
    }
    let deep = format!("{{\"messages\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Wanted::read(CHAT, deep.as_bytes()).prompt(), deep.len().div_ceil(4) as u64);
    assert_eq!(Wanted::read(CHAT, br#"{"messages": {"a": "\ud83d"}}"#).prompt(), 8, "half a character");
    let model = json!({ "model": "m".repeat(MAX_MODEL + 1) });
    assert_eq!(wanted(&model).model(), None, "it is none, and would be kept");
}

proptest! {
    #[test]
    fn anything_is_read(body: Vec<u8>) {
        prop_assert!(Wanted::read(CHAT, &body).choices() > 0);
    }

    #[test]
    fn any_text_is_counted(text: String) {
        let prompt = wanted(&json!({ "messages": [{ "content": text }] })).prompt();
        let most = text.chars().count() as u64 * 2;
        prop_assert!((6..=6 + most).contains(&prompt), "{prompt}");
    }
}
