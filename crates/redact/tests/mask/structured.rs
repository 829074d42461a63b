//! Answers that are JSON because the request asks for it.

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt, Full};
use lastbyte_core::Resume;
use serde_json::{Value, json};

use crate::support::*;

const SAYS: &str = r"password: C0rp\admin!9 ";
const PASSWORD: &str = r"C0rp\admin!9";

/// Requests that ask for it in all ways, with the paths they go to.
fn requests() -> Vec<(&'static str, Value)> {
    let schema = json!({"type": "json_schema", "schema": {}});
    let asks = [
        (PATHS[0], "response_format", json!({"type": "json_object"})),
        (PATHS[0], "response_format", schema.clone()),
        (PATHS[1], "text", json!({"format": schema})),
        (PATHS[2], "output_format", schema.clone()),
        (PATHS[2], "output_config", json!({"format": schema})),
    ];
    let says = |(path, name, format): (&'static str, &str, Value)| {
        let request = says(path, SAYS).into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
        let mut body: Value = serde_json::from_slice(&request).unwrap();
        body[name] = format;
        (path, body)
    };
    asks.into_iter().map(says).collect()
}

fn of(text: &str) -> String {
    json!({"password": text.strip_prefix("password: ").unwrap().trim_end()}).to_string()
}

#[tokio::test]
async fn what_is_said_stays_json_where_json_was_asked_for() {
    for (path, body) in requests() {
        let api = move |_: &_, body: &Bytes| {
            let (text, thought) = (of(&said(path, body)), said(path, body));
            let pieces = cut(&text, (0..text.len()).step_by(7));
            let thinks = match path {
                "/v1/responses" => json!({"type": "response.reasoning_text.done", "text": thought}),
                "/v1/messages" => {
                    json!({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": thought}})
                }
                _ => json!({"choices": [{"index": 0, "delta": {"reasoning_content": thought}}]}),
            };
            stream([vec![format!("data: {thinks}\n\n")], events(path, &pieces, &[&text])].concat())
        };
        let (answer, _) = send(&layer(), post(path, body.to_string()), api).await;
        let (came, error) = read(answer).await;
        let (text, arguments) = joined(&came);
        assert!(error.is_none() && came.contains(&Value::from(SAYS).to_string()), "{came}");
        for text in [text, arguments] {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"password": PASSWORD}));
        }
        // The same in one piece, with a summary of what was thought.
        let api = move |_: &_, body: &Bytes| {
            let (text, thought) = (of(&said(path, body)), said(path, body));
            let whole = match path {
                "/v1/responses" => {
                    json!({"output": [{"summary": [{"text": thought}]}, {"content": [{"text": text}]}]})
                }
                "/v1/messages" => json!({"content": [{"thinking": thought}, {"text": text}]}),
                _ => json!({"choices": [{"message": {"reasoning_content": thought, "content": text}}]}),
            };
            let body = Full::from(whole.to_string()).map_err(|never| match never {}).boxed_unsync();
            head("application/json").body(body).unwrap()
        };
        let mut body = body;
        body["stream"] = json!(false);
        let (answer, _) = send(&layer(), post(path, body.to_string()), api).await;
        let (came, _) = read(answer).await;
        let whole: Value = serde_json::from_str(&came).unwrap();
        let text = [
            &whole["output"][1]["content"][0]["text"],
            &whole["content"][1]["text"],
            &whole["choices"][0]["message"]["content"],
        ];
        let text = text.iter().find_map(|text| text.as_str()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({"password": PASSWORD}));
        assert!(came.contains(&Value::from(SAYS).to_string()), "{came}");
    }
}

#[tokio::test]
async fn what_was_shown_of_json_is_told_to_the_chat_api_as_it_said_it() {
    let (path, body) = requests().remove(0);
    let shown = json!({"password": PASSWORD}).to_string();
    let mut request = post(path, body.to_string());
    let delta = json!({"choices": [{"index": 0, "delta": {"content": shown}}]});
    let events = vec![Bytes::from(format!("data: {delta}\n\n"))];
    request.extensions_mut().insert(Resume { text: shown.clone(), events });
    let api = |_: &_, _: &_| stream(["data: [DONE]\n\n"]);
    let (_, seen) = send(&layer(), request, api).await;
    let (head, body) = seen.unwrap();
    let masked = of(&said(path, &body));
    let resume: &Resume = head.extensions.get().unwrap();
    assert_eq!((&resume.text, masked.contains("C0rp")), (&masked, false));
    assert!(std::str::from_utf8(&resume.events[0]).unwrap().contains(&Value::from(masked).to_string()));
}
