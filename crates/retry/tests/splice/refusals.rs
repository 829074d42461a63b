//! Each reason not to ask again.

use bytes::Bytes;
use lastbyte_core::Dialect;
use lastbyte_retry::splice::{Continuation, Mismatch, Settings, Splice, Strategy, Way, WhyNot};
use serde_json::{Value, json};

const REQUEST: &[u8] = br#"{"messages":[{"role":"user","content":"Hi"}]}"#;

fn settings(strategy: Strategy, continuation: Continuation) -> Settings {
    Settings { strategy, continuation, ..Settings::default() }
}

fn continuing() -> Settings {
    settings(Strategy::Continue, Continuation::Vllm)
}

fn chat(choice: &Value) -> Bytes {
    format!("data: {}\n\n", json!({"id": "a", "choices": [choice]})).into()
}

fn delta(delta: Value) -> Bytes {
    chat(&json!({"index": 0, "delta": delta}))
}

fn named(event: &Value) -> Bytes {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into()
}

/// Why an answer that has shown these events is not asked for again.
fn why(settings: Settings, dialect: Dialect, events: &[Bytes], request: &[u8]) -> Option<WhyNot> {
    let mut splice = Splice::new(settings, dialect, false);
    for event in events {
        assert_eq!(splice.forward(event.clone()).bytes, event);
    }
    splice.plan(request).err()
}

#[test]
fn a_request_for_more_than_plain_text_is_not_continued() {
    let asked = |more: Value| {
        let mut request = json!({"messages": [{"role": "user", "content": "Hi"}]});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        why(
            continuing(),
            Dialect::OpenAiChat,
            &[delta(json!({"content": "Hello"}))],
            request.to_string().as_bytes(),
        )
    };
    for (more, expected) in [
        (json!({"n": 2}), WhyNot::SeveralChoices),
        (json!({"best_of": 3}), WhyNot::SeveralChoices),
        (json!({"response_format": {"type": "json_object"}}), WhyNot::Structured),
        (json!({"response_format": {"type": "json_schema", "json_schema": {}}}), WhyNot::Structured),
        (json!({"structured_outputs": {"regex": "a+"}}), WhyNot::Structured),
        (json!({"guided_json": {"type": "object"}}), WhyNot::Structured),
        (json!({"output_config": {"format": {"type": "json_schema"}}}), WhyNot::Structured),
        (json!({"ebnf": "root ::= \"a\""}), WhyNot::Structured),
        (json!({"logprobs": true}), WhyNot::LogProbs),
        (json!({"top_logprobs": 3}), WhyNot::LogProbs),
        (json!({"modalities": ["text", "audio"]}), WhyNot::Audio),
        (json!({"audio": {"voice": "alloy"}}), WhyNot::Audio),
        (json!({"tool_choice": "required"}), WhyNot::ToolCall),
        (json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}), WhyNot::ToolCall),
        (json!({"tool_choice": {"type": "any"}}), WhyNot::ToolCall),
        (json!({"function_call": {"name": "f"}}), WhyNot::ToolCall),
        (json!({"thinking": {"type": "enabled"}}), WhyNot::Reasoning),
        (json!({"chat_template_kwargs": {"enable_thinking": true}}), WhyNot::Reasoning),
        (json!({"messages": [{"role": "assistant", "content": "Sure:"}]}), WhyNot::Begun),
        (json!({"messages": []}), WhyNot::RequestUnread),
        (json!({"messages": "Hi"}), WhyNot::RequestUnread),
    ] {
        assert_eq!(asked(more.clone()), Some(expected), "{more}");
    }
    // These say that nothing of it is wanted, or leave it to the model.
    for more in [
        json!({"n": 1, "logprobs": false, "top_logprobs": 0, "response_format": {"type": "text"}}),
        json!({"n": null, "response_format": null, "modalities": ["text"], "audio": null}),
        json!({"tools": [{"type": "function"}], "tool_choice": "auto"}),
        json!({"tools": [{"name": "f"}], "tool_choice": {"type": "auto"}, "thinking": {"type": "disabled"}}),
    ] {
        assert_eq!(asked(more.clone()), None, "{more}");
    }
    for request in [&b"not JSON"[..], b"[]", b"{}", b""] {
        let shown = [delta(json!({"content": "Hello"}))];
        assert_eq!(why(continuing(), Dialect::OpenAiChat, &shown, request), Some(WhyNot::RequestUnread));
    }
}

#[test]
fn an_answer_that_is_more_than_plain_text_is_not_continued() {
    let text = || delta(json!({"content": "Hello"}));
    let call =
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{\"a"}}]});
    for (events, expected) in [
        (vec![], None),
        (vec![delta(json!({"role": "assistant", "content": ""}))], None),
        (vec![text()], None),
        (vec![delta(json!({"content": " \n\u{3000}\u{1f}"}))], Some(WhyNot::NoText)),
        (vec![text(), delta(call.clone())], Some(WhyNot::ToolCall)),
        (vec![delta(call)], Some(WhyNot::ToolCall)),
        (vec![delta(json!({"function_call": {"name": "f", "arguments": "{"}}))], Some(WhyNot::ToolCall)),
        (vec![delta(json!({"reasoning_content": "Hm"}))], Some(WhyNot::Reasoning)),
        // Also where it ended before the text: what the model thought would not be sent.
        (vec![delta(json!({"reasoning": "Hm"})), text()], Some(WhyNot::Reasoning)),
        (vec![delta(json!({"refusal": "No"}))], Some(WhyNot::Unread)),
        (vec![text(), delta(json!({"annotations": [{"type": "url_citation"}]}))], Some(WhyNot::Unread)),
        (vec![delta(json!({"content": [{"type": "text", "text": "Hello"}]}))], Some(WhyNot::Unread)),
        (vec![delta(json!({"audio": {"data": "AAAA"}}))], Some(WhyNot::Audio)),
        (vec![text(), chat(&json!({"index": 1, "delta": {"content": "Hi"}}))], Some(WhyNot::SeveralChoices)),
        (
            vec![text(), chat(&json!({"index": 1, "delta": {"role": "assistant"}}))],
            Some(WhyNot::SeveralChoices),
        ),
        (
            vec![text(), chat(&json!({"index": 0, "delta": {}, "finish_reason": "stop"}))],
            Some(WhyNot::Finished),
        ),
        (
            vec!["data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n".into()],
            Some(WhyNot::Unread),
        ),
        (vec!["data: nonsense\n\n".into()], Some(WhyNot::Unread)),
    ] {
        assert_eq!(why(continuing(), Dialect::OpenAiChat, &events, REQUEST), expected, "{events:?}");
    }
}

#[test]
fn a_message_that_is_more_than_one_text_is_not_continued() {
    let settings = settings(Strategy::Continue, Continuation::Anthropic);
    let start = |index: u64, kind: &str| {
        let block = json!({"type": kind, "name": "f", "data": "x"});
        named(&json!({"type": "content_block_start", "index": index, "content_block": block}))
    };
    let part = |index: u64, delta: Value| {
        named(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
    };
    let text = |index| part(index, json!({"type": "text_delta", "text": "Hello"}));
    for (events, expected) in [
        (vec![start(0, "text"), text(0)], None),
        (
            vec![start(0, "thinking"), part(0, json!({"type": "thinking_delta", "thinking": "Hm"}))],
            Some(WhyNot::Reasoning),
        ),
        (vec![start(0, "redacted_thinking"), start(1, "text"), text(1)], Some(WhyNot::Reasoning)),
        (
            vec![start(0, "tool_use"), part(0, json!({"type": "input_json_delta", "partial_json": "{"}))],
            Some(WhyNot::ToolCall),
        ),
        (vec![start(0, "text"), text(0), start(1, "web_search_tool_result")], Some(WhyNot::ToolCall)),
        (vec![start(0, "text"), text(0), start(1, "text"), text(1)], Some(WhyNot::Unread)),
        (
            vec![start(0, "text"), text(0), part(0, json!({"type": "citations_delta", "citation": {}}))],
            Some(WhyNot::Unread),
        ),
        // A block out of its order is not known.
        (vec![start(1, "text"), text(1)], Some(WhyNot::Unread)),
    ] {
        assert_eq!(why(settings, Dialect::Anthropic, &events, REQUEST), expected, "{events:?}");
    }
}

#[test]
fn where_the_upstream_or_the_wire_has_no_way_nobody_goes_on() {
    let text = [delta(json!({"content": "Hello"}))];
    let none = Some(WhyNot::NoContinuation);
    let none_configured = settings(Strategy::Continue, Continuation::None);
    assert_eq!(why(none_configured, Dialect::OpenAiChat, &text, REQUEST), none);
    let responses =
        [named(&json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0,
                                   "item_id": "i", "delta": "Hello"}))];
    assert_eq!(why(continuing(), Dialect::OpenAiResponses, &responses, REQUEST), none);
    let message = [named(
        &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hello"}}),
    )];
    assert_eq!(why(continuing(), Dialect::Anthropic, &message, REQUEST), none);
    assert_eq!(
        why(settings(Strategy::Fail, Continuation::Vllm), Dialect::OpenAiChat, &text, REQUEST),
        Some(WhyNot::Off)
    );
}

#[test]
fn what_is_kept_and_what_is_sent_is_bounded() {
    let settings = Settings { max_kept: 1000, max_request: 900, ..continuing() };
    let shown = |length: usize| [delta(json!({"content": "x".repeat(length)}))];
    let of = |length| why(settings, Dialect::OpenAiChat, &shown(length), REQUEST);
    assert_eq!(of(700), None);
    assert_eq!(of(850), Some(WhyNot::RequestTooLarge));
    assert_eq!(of(1001), Some(WhyNot::TooLong));
    let replaying = Settings { strategy: Strategy::Replay, ..settings };
    assert_eq!(why(replaying, Dialect::OpenAiChat, &shown(1001), REQUEST), Some(WhyNot::TooLong));
}

#[test]
fn frames_without_end_are_not_kept() {
    let anthropic = settings(Strategy::Continue, Continuation::Anthropic);
    let blocks = (0..1100).map(|index| {
        let block = json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
        named(&block)
    });
    let roomy = Settings { max_kept: 10 << 20, ..anthropic };
    assert_eq!(why(roomy, Dialect::Anthropic, &blocks.collect::<Vec<_>>(), REQUEST), Some(WhyNot::Unread));
    let items = (0..5000).map(|index| {
        let item = json!({"type": "message", "id": index.to_string()});
        named(&json!({"type": "response.output_item.added", "output_index": index, "item": item}))
    });
    let roomy = Settings { strategy: Strategy::Replay, ..roomy };
    assert_eq!(
        why(roomy, Dialect::OpenAiResponses, &items.collect::<Vec<_>>(), REQUEST),
        Some(WhyNot::Unread)
    );
}

#[test]
fn an_event_larger_than_allowed_ends_the_attempt_behind_the_event_before() {
    for size in [1, 1000, 10_000] {
        let small = delta(json!({"content": "Hello"}));
        let stream = [&small[..], &delta(json!({"content": "x".repeat(2000)}))].concat();
        let mut splice =
            Splice::new(Settings { max_event: 1000, ..continuing() }, Dialect::OpenAiChat, false);
        let mut read = Vec::new();
        let mut failed = None;
        for part in stream.chunks(size) {
            let forwarded = splice.forward(Bytes::copy_from_slice(part));
            read.extend_from_slice(&forwarded.bytes);
            failed = failed.or(forwarded.failed);
        }
        assert_eq!(failed, Some(Mismatch::TooLarge), "in pieces of {size}");
        assert_eq!(read, small, "in pieces of {size}");
        // Another attempt can do better.
        assert_eq!(splice.plan(REQUEST).map(|next| next.way), Ok(Way::Continue));
    }
}

#[test]
fn an_answer_is_asked_for_again_four_times_and_not_more() {
    let mut splice = Splice::new(continuing(), Dialect::OpenAiChat, false);
    splice.forward(delta(json!({"content": "Hello"})));
    let ways: Vec<_> = (0..5).map(|_| splice.plan(REQUEST).map(|next| next.way)).collect();
    assert_eq!(ways[..4], [Ok(Way::Continue); 4]);
    assert_eq!(ways[4], Err(WhyNot::Spent));
}

#[test]
fn a_response_that_the_upstream_keeps_is_not_replayed() {
    let settings = settings(Strategy::Replay, Continuation::None);
    let shown = [named(&json!({"type": "response.created", "response": {"id": "r"}, "sequence_number": 0}))];
    for (request, expected) in [
        (r#"{"input":"Hi"}"#, None),
        (r#"{"input":"Hi","store":false,"background":false,"conversation":null}"#, None),
        (r#"{"input":"Hi","store":true}"#, Some(WhyNot::Stored)),
        (r#"{"input":"Hi","background":true}"#, Some(WhyNot::Stored)),
        (r#"{"input":"Hi","conversation":"conv_1"}"#, Some(WhyNot::Stored)),
        ("Hi", Some(WhyNot::RequestUnread)),
    ] {
        let why = why(settings, Dialect::OpenAiResponses, &shown, request.as_bytes());
        assert_eq!(why, expected, "{request}");
    }
}

#[test]
fn auto_continues_or_else_restarts_or_else_says_why_it_did_not_continue() {
    let text = delta(json!({"content": "Hello"}));
    let call = delta(json!({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}));
    for (shown, continuation, restarts, expected) in [
        (&text, Continuation::Vllm, true, Ok(Way::Continue)),
        (&text, Continuation::None, true, Ok(Way::Restart)),
        (&text, Continuation::None, false, Err(WhyNot::NoContinuation)),
        (&call, Continuation::Vllm, true, Ok(Way::Restart)),
        (&call, Continuation::Vllm, false, Err(WhyNot::ToolCall)),
    ] {
        let mut splice = Splice::new(settings(Strategy::Auto, continuation), Dialect::OpenAiChat, restarts);
        splice.forward(shown.clone());
        assert_eq!(splice.plan(REQUEST).map(|next| next.way), expected);
    }
    let mut splice = Splice::new(settings(Strategy::Restart, Continuation::Vllm), Dialect::OpenAiChat, false);
    splice.forward(text.clone());
    assert_eq!(splice.plan(REQUEST).map(|next| next.way), Err(WhyNot::NoRestart));

    // A way that the upstream refused is not tried again.
    let mut splice = Splice::new(settings(Strategy::Auto, Continuation::Vllm), Dialect::OpenAiChat, true);
    splice.forward(text);
    assert_eq!(splice.plan(REQUEST).map(|next| next.way), Ok(Way::Continue));
    splice.rule_out(Way::Continue);
    assert_eq!(splice.plan(REQUEST).map(|next| next.way), Ok(Way::Restart));
}
