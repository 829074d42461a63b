//! What is found in an answer.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::support::{
    Lines, PATHS, Pieces, answer, events, exchange, post, question, redacted, send, stream,
};

const TEXT: &str = "打 13812345678 or mail li.wei@example.com, key sk-proj-Ab12Cd34Ef56Gh78Ij90Kl \u{1F600}!";
const MARKED: &str = "打 [PHONE] or mail [EMAIL], key [SECRET] \u{1F600}!";

/// The text cut in two, at every place, and character by character.
fn splits(text: &str) -> Vec<Vec<&str>> {
    let places = text.char_indices().map(|(at, _)| at);
    let in_two = places.map(|at| vec![&text[..at], &text[at..]]);
    let chars = text.char_indices().map(|(at, ch)| &text[at..at + ch.len_utf8()]).collect();
    in_two.chain([chars]).collect()
}

fn ask(path: &str) -> http::Request<Pieces> {
    post(path, Pieces::new([r#"{"messages":[{"role":"user","content":"Hi"}]}"#]))
}

#[tokio::test]
async fn a_value_that_is_split_over_deltas_is_redacted_in_every_format() {
    let lines = Lines::new();
    for path in PATHS {
        for deltas in splits(TEXT) {
            exchange(&redacted(), ask(path), stream(events(path, &deltas))).await;
            let line = lines.one();
            assert_eq!(line["answer"], MARKED, "{path} {deltas:?}");
            assert_eq!(line["ending"], "complete");
            assert_eq!(line["answer_chars"], TEXT.chars().count().to_string());
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_wherever_its_bytes_are_cut_and_passes_as_it_is() {
    let lines = Lines::new();
    for path in PATHS {
        let whole = events(path, &splits(TEXT)[30]).concat();
        for at in 0..whole.len() {
            let (before, after) = whole.as_bytes().split_at(at);
            let body = send(&redacted(), ask(path), stream([before, after])).await.into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), whole);
            assert_eq!(lines.one()["answer"], MARKED, "{path} at {at}");
        }
    }
}

/// An answer in one piece, in the format of that path.
fn whole(path: &str, text: &str) -> Value {
    match path {
        "/v1/responses" => json!({"object": "response", "status": "completed", "output": [
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": text}]},
        ]}),
        "/v1/messages" => {
            json!({"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": [
                {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text},
                {"type": "tool_use", "input": {"text": "no"}},
            ]})
        }
        _ => json!({"choices": [
            {"index": 0, "message": {"content": text, "reasoning_content": "hm"}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": "another"}, "finish_reason": "stop"},
        ]}),
    }
}

/// As text, with the members that tell what a thing is before what it holds, as the APIs have them.
fn typed_first(json: &Value) -> String {
    match json {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name != "type");
            let member = |(name, value): &(&String, &Value)| format!("\"{name}\":{}", typed_first(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(typed_first).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_is_read_wherever_it_is_cut() {
    let lines = Lines::new();
    for path in PATHS {
        let json = typed_first(&whole(path, TEXT));
        for at in 0..json.len() {
            let (before, after) = json.as_bytes().split_at(at);
            let response = answer("application/json; charset=utf-8", Pieces::new([before, after]));
            exchange(&redacted(), ask(path), response).await;
            let line = lines.one();
            assert_eq!(
                (line["answer"].as_str(), line["ending"].as_str()),
                (MARKED, "complete"),
                "{path} {at}"
            );
        }
    }
}

#[tokio::test]
async fn only_the_first_of_several_answers_is_read() {
    let lines = Lines::new();
    let choice =
        |index: u32, text: &str| format!("{{\"delta\":{{\"content\":\"{text}\"}},\"index\":{index}}}");
    let chunk = |choices: [String; 2]| format!("data: {{\"choices\":[{}]}}\n\n", choices.join(","));
    let chunks =
        [chunk([choice(0, "1381"), choice(1, "no")]), chunk([choice(1, "no"), choice(0, "2345678")])];
    exchange(&redacted(), question("Hi"), stream(chunks.into_iter().chain(events(PATHS[0], &[])))).await;
    assert_eq!(lines.one()["answer"], "[PHONE]");
    let unnumbered =
        "data: {\"choices\":[{\"delta\":{\"content\":\"yes\"}},{\"delta\":{\"content\":\"no\"}}]}\n\n";
    exchange(
        &redacted(),
        question("Hi"),
        stream([unnumbered.to_owned()].into_iter().chain(events(PATHS[0], &[]))),
    )
    .await;
    assert_eq!(lines.one()["answer"], "yes");
}

#[tokio::test]
async fn reasoning_and_tool_calls_are_not_the_answer_and_a_refusal_is() {
    let lines = Lines::new();
    let delta = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let chat = [
        delta(json!({"reasoning_content": "hm"})),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})),
        delta(json!({"refusal": "I can"})),
        delta(json!({"refusal": "not"})),
    ];
    exchange(&redacted(), question("Hi"), stream(chat.into_iter().chain(events(PATHS[0], &[])))).await;
    assert_eq!(lines.one()["answer"], "I cannot");
    let event = |kind: &str, mut data: Value| {
        data["type"] = kind.into();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let messages = [
        event("content_block_delta", json!({"delta": {"type": "thinking_delta", "thinking": "hm"}})),
        event("content_block_start", json!({"content_block": {"type": "text", "text": ""}})),
        event("content_block_delta", json!({"delta": {"type": "text_delta", "text": "one"}})),
        event("content_block_start", json!({"content_block": {"type": "text", "text": ""}})),
        event("content_block_delta", json!({"delta": {"type": "text_delta", "text": "two"}})),
        event("content_block_delta", json!({"delta": {"type": "input_json_delta", "partial_json": "{}"}})),
    ];
    exchange(&redacted(), ask(PATHS[2]), stream(messages.into_iter().chain(events(PATHS[2], &[])))).await;
    assert_eq!(lines.one()["answer"], "one\ntwo");
    let responses = [
        event("response.reasoning_text.delta", json!({"delta": "hm"})),
        event("response.output_text.delta", json!({"delta": "one"})),
        event("response.function_call_arguments.delta", json!({"delta": "{}"})),
        "event: response.output_text.delta\ndata: {\"delta\":\" two\"}\n\n".to_owned(),
        event("response.output_text.done", json!({"text": "one two"})),
    ];
    exchange(&redacted(), ask(PATHS[1]), stream(responses.into_iter().chain(events(PATHS[1], &[])))).await;
    assert_eq!(lines.one()["answer"], "one two");
}

#[tokio::test]
async fn what_cannot_be_read_passes_and_the_line_says_why() {
    let lines = Lines::new();
    let with = |status: u16, kind: &str, encoding: Option<&str>| {
        let mut response = answer(kind, Pieces::new([&[0x1f, 0x8b][..], b"x"]));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        if let Some(encoding) = encoding {
            response.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        }
        response
    };
    for (response, why, ending) in [
        (with(200, "text/event-stream", Some("gzip")), "compressed", "opaque"),
        (with(200, "application/json", Some("br")), "compressed", "opaque"),
        (with(200, "audio/mpeg", None), "no chat answer", "opaque"),
        (with(200, "application/json", Some("identity")), "no JSON", "failed"),
        (with(503, "application/json", None), "no answer", "failed"),
    ] {
        let status = response.status().as_u16();
        let body = send(&redacted(), question("Hi"), response).await.into_body();
        assert_eq!(body.size_hint().lower(), 3);
        assert_eq!(body.collect().await.unwrap().to_bytes(), &[0x1f, 0x8b, b'x'][..]);
        let line = lines.one();
        assert_eq!((line["answer_unread"].as_str(), line["ending"].as_str()), (why, ending));
        assert_eq!((line["status"].clone(), line["question"].as_str()), (status.to_string(), "Hi"));
        assert!(!line.contains_key("answer") && !line.contains_key("answer_chars"));
    }
}

use http_body::Body as _;

#[tokio::test]
async fn reasoning_is_not_the_answer_where_its_kind_comes_behind_its_text() {
    let lines = Lines::new();
    let item = |text: &str, kind: &str| format!(r#"{{"content":[{{"text":"{text}"}}],"type":"{kind}"}}"#);
    let items = [item("hidden", "reasoning"), item("shown", "message"), item("hidden", "reasoning")];
    let json = format!(r#"{{"output":[{}],"status":"completed"}}"#, items.join(","));
    for at in 0..json.len() {
        let response = answer("application/json", Pieces::new([&json[..at], &json[at..]]));
        exchange(&redacted(), ask(PATHS[1]), response).await;
        let line = lines.one();
        assert_eq!((line["answer"].as_str(), line["answer_chars"].as_str()), ("shown", "5"), "{at}");
        let broken = answer("application/json", Pieces::new([&json[..at]]));
        exchange(&redacted(), ask(PATHS[1]), broken).await;
        assert!(!lines.one()["answer"].contains("hidden"), "{at}");
    }
}

#[tokio::test]
async fn of_an_answer_that_breaks_off_within_a_value_no_half_is_shown() {
    let lines = Lines::new();
    let ends = [("stop\"", "length\""), ("end_turn", "max_tokens"), ("completed", "incomplete")];
    let cut = |text: String| ends.iter().fold(text, |text, (end, cut)| text.replace(end, cut));
    for path in PATHS {
        for (before, half) in [
            ("Your card is ", "4111 1111 1111 111"),
            ("The id: ", "11010119900307451"),
            ("A key, ", "sk-proj-Ab12Cd34Ef5"),
            ("Mail to ", "li.wei@example.c"),
        ] {
            let text = format!("{before}{half}");
            let all = events(path, &splits(&text)[text.len()]);
            let (broken, json) = (&all[..text.len()], typed_first(&whole(path, &text)));
            let within = json.find(half).unwrap() + half.len();
            for response in [
                stream(broken),
                stream([cut(all.concat())]),
                answer("application/json", Pieces::new([cut(json.clone())])),
                answer("application/json", Pieces::new([&json[..within]])),
            ] {
                exchange(&redacted(), ask(path), response).await;
                let line = lines.one();
                let shown = line["answer"].trim_end().trim_end_matches("[SECRET]");
                assert_eq!(shown.trim_end(), before.trim_end(), "{path} {line:?}");
                assert!(line.contains_key("answer_withheld"));
            }
            // A value that is whole has its mark.
            let whole = events(path, &["打 138123", "45678"]);
            exchange(&redacted(), ask(path), stream(&whole[..2])).await;
            assert_eq!(lines.one()["answer"], "打 [PHONE]");
        }
    }
}
