//! What is sent upstream, to the byte.

use bytes::Bytes;
use lastbyte_core::Dialect;
use lastbyte_retry::splice::{Continuation, Settings, Splice, Strategy, Way, WhyNot};

/// Shows `text` with the usage of a chunk, breaks, and gives the next request.
pub(crate) fn next(
    settings: Settings,
    dialect: Dialect,
    request: &str,
    text: &str,
    usage: &str,
) -> Result<String, WhyNot> {
    let mut splice = Splice::new(settings, dialect, false);
    let text = serde_json::to_string(text).unwrap();
    let event = match dialect {
        Dialect::Anthropic => format!(
            "data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{usage}}}}}\n\n\
             data: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n\
             data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}\n\n"
        ),
        _ => format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}],\"usage\":{usage}}}\n\n"
        ),
    };
    splice.forward(Bytes::from(event));
    let next = splice.plan(request.as_bytes())?;
    assert_eq!(next.way, Way::Continue);
    Ok(String::from_utf8(next.body.to_vec()).unwrap())
}

fn continuing(continuation: Continuation) -> Settings {
    Settings { strategy: Strategy::Continue, continuation, ..Settings::default() }
}

#[test]
fn each_provider_is_asked_in_its_own_way() {
    const REQUEST: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
    for (continuation, message, more) in [
        (
            Continuation::Vllm,
            r#"{"role":"assistant","content":"Guten\n\nTag"}"#,
            r#","add_generation_prompt":false,"continue_final_message":true"#,
        ),
        (
            Continuation::Sglang,
            r#"{"role":"assistant","content":"Guten\n\nTag"}"#,
            r#","continue_final_message":true"#,
        ),
        (Continuation::Deepseek, r#"{"role":"assistant","content":"Guten\n\nTag","prefix":true}"#, ""),
        (Continuation::Mistral, r#"{"role":"assistant","content":"Guten\n\nTag","prefix":true}"#, ""),
        (Continuation::Anthropic, r#"{"role":"assistant","content":"Guten\n\nTag"}"#, ""),
        (Continuation::Openrouter, r#"{"role":"assistant","content":"Guten\n\nTag"}"#, ""),
    ] {
        let expected = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}},{message}],"stream":true{more}}}"#
        );
        let sent = next(continuing(continuation), Dialect::OpenAiChat, REQUEST, "Guten\n\nTag \n", "null");
        assert_eq!(sent, Ok(expected), "{continuation:?}");
    }
    let sent = next(continuing(Continuation::Anthropic), Dialect::Anthropic, REQUEST, "Guten Tag", "null");
    assert_eq!(
        sent.unwrap(),
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Guten Tag"}],"stream":true}"#
    );
}

#[test]
fn what_a_request_has_besides_is_left_as_it_was_written() {
    let request = "{ \"temperature\": 0.70, \"seed\": 12345678901234567890123, \"add_generation_prompt\": true,\n \
                   \"messages\": [ {\"role\":\"user\",\"content\":\"Gr\\u00fc\\u00dfe\"} ], \"echo\": true, \"x\": null }";
    let sent = next(continuing(Continuation::Vllm), Dialect::OpenAiChat, request, "Hello", "null").unwrap();
    assert_eq!(
        sent,
        "{\"temperature\":0.70,\"seed\":12345678901234567890123,\"add_generation_prompt\":false,\
         \"messages\":[ {\"role\":\"user\",\"content\":\"Gr\\u00fc\\u00dfe\"} ,{\"role\":\"assistant\",\"content\":\"Hello\"}],\
         \"x\":null,\"continue_final_message\":true}"
    );
}

#[test]
fn a_token_limit_is_lowered_by_what_the_upstream_says_it_has_produced_and_not_by_a_guess() {
    for (dialect, request, usage, limits) in [
        (Dialect::OpenAiChat, r#""max_tokens":100"#, r#"{"completion_tokens":40}"#, r#""max_tokens":60"#),
        (
            Dialect::OpenAiChat,
            r#""max_completion_tokens":100"#,
            r#"{"completion_tokens":40}"#,
            r#""max_completion_tokens":60"#,
        ),
        // Nothing is left: the finish was lost, and takes another token to be told.
        (Dialect::OpenAiChat, r#""max_tokens":40"#, r#"{"completion_tokens":40}"#, r#""max_tokens":1"#),
        (Dialect::OpenAiChat, r#""max_tokens":100"#, "null", r#""max_tokens":100"#),
        (Dialect::OpenAiChat, r#""max_tokens":null"#, r#"{"completion_tokens":40}"#, r#""max_tokens":null"#),
        // The count that a message starts with says nothing of the text behind it.
        (
            Dialect::Anthropic,
            r#""max_tokens":100"#,
            r#"{"input_tokens":7,"output_tokens":1}"#,
            r#""max_tokens":100"#,
        ),
    ] {
        let request = format!(r#"{{{request},"messages":[{{"role":"user","content":"Hi"}}]}}"#);
        let sent = next(continuing(Continuation::Anthropic), dialect, &request, "Hello", usage).unwrap();
        assert!(sent.starts_with(&format!("{{{limits},")), "{sent}");
    }
}

#[test]
fn the_limit_is_lowered_by_what_all_attempts_have_produced() {
    let mut splice = Splice::new(continuing(Continuation::Vllm), Dialect::OpenAiChat, false);
    let request = br#"{"max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}"#;
    for limit in ["\"max_tokens\":90,", "\"max_tokens\":80,", "\"max_tokens\":70,"] {
        let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],\"usage\":{\"completion_tokens\":10}}\n\n";
        splice.forward(Bytes::from(chunk));
        let sent = splice.plan(request).unwrap().body;
        assert!(sent[1..].starts_with(limit.as_bytes()), "{sent:?}");
    }
}
