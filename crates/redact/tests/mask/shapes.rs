//! Requests in the shapes in which clients write them.

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::requests::{MAIL, seen};
use crate::support::*;

/// A call of a tool in a dialogue, with these arguments.
fn call(arguments: &Value) -> Value {
    json!({"messages": [
        {"role": "user", "content": format!("ask {MAIL}")},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
    ]})
}

/// The arguments of that call.
fn arguments(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    body["messages"][1]["tool_calls"][0]["function"]["arguments"].clone()
}

#[tokio::test]
async fn arguments_that_are_no_string_are_the_callers_own_in_all_depths() {
    let object = json!({"to": MAIL, "name": MAIL, "contact": {"id": "110101199003074514"}, "url": MAIL,
        "password": "hunter22", "phone": 13812345678_u64, "n": 5});
    let response = json!({"input": [
        {"type": "function_call", "name": "f", "arguments": object},
        {"type": "local_shell_call", "action": {"type": "exec", "command": ["ls"], "env": {"DB_PASSWORD": "hunter22", "id": MAIL}}},
    ]});
    let (chat, chat_back) = seen(PATHS[0], &call(&object).to_string()).await;
    let (response, response_back) = seen(PATHS[1], &response.to_string()).await;
    for seen in [&chat, &response] {
        for value in [MAIL, "110101", "hunter22", "138123"] {
            assert!(!seen.contains(value), "{value}: {seen}");
        }
    }
    let quoted = r#"let"me\in9"#;
    let listed = call(&json!({"password": quoted, "arguments": [quoted]})).to_string();
    let (listed_seen, back) = seen(PATHS[0], &listed).await;
    assert!(!listed_seen.contains("in9") && back == listed, "{listed_seen}: {back}");
    assert_eq!(arguments(&chat)["n"], 5);
    assert_eq!(arguments(&chat_back)["contact"], object["contact"]);
    assert!(response.contains(r#""type":"exec""#) && response_back.contains(r#""DB_PASSWORD":"hunter22""#));
}

#[tokio::test]
async fn an_object_that_the_protocol_has_not_is_what_somebody_wrote() {
    let body = json!({"messages": [{"role": "user", "id": MAIL, "content": "hi",
        "customer": {"id": "110101199003074514", "name": MAIL, "status": MAIL}}]});
    let (seen, back) = seen(PATHS[0], &body.to_string()).await;
    assert!(!seen.contains("110101") && seen.matches(MAIL).count() == 1, "{seen}");
    assert_eq!(back, body.to_string());
}

#[tokio::test]
async fn names_of_members_are_masked_where_they_are_the_callers_own() {
    let roles = json!({MAIL: "admin", "13812345678": {"v": MAIL}});
    let text = call(&roles.to_string().into());
    let object = call(&roles);
    let schema = json!({"properties": {"env": {"properties": {"8.8.8.8": {"type": "string"}}}}});
    let anthropic = json!({"tools": [{"name": "f", "input_schema": schema}], "metadata": {MAIL: "x"}, "messages": [
        {"role": "user", "content": MAIL},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"roles": roles}}]},
    ]});
    for (path, body) in [(PATHS[0], text), (PATHS[0], object), (PATHS[2], anthropic)] {
        let body = body.to_string();
        let (seen, back) = seen(path, &body).await;
        assert!(!seen.contains(MAIL) && !seen.contains("138123"), "{seen}");
        assert!(seen.contains("EMAIL_") && seen.contains("PHONE_"), "{seen}");
        assert_eq!(seen.contains("8.8.8.8"), path == PATHS[2], "a schema is a setting: {seen}");
        assert_eq!(back, body);
    }
}

#[tokio::test]
async fn a_call_that_is_told_again_is_masked_as_the_model_wrote_it() {
    // The model's arguments have a stand-in for a name; the reader tells the restored ones again.
    let api = |_: &_, body: &bytes::Bytes| {
        let standin = said(PATHS[0], body);
        let arguments = json!({standin: "admin"}).to_string();
        let calls = json!([{"index": 0, "id": "c1", "function": {"name": "f", "arguments": arguments}}]);
        let event =
            json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]});
        stream([format!("data: {event}\n\n")])
    };
    let (answer, first) = send(&layer(), says(PATHS[0], MAIL), api).await;
    let restored = joined(&read(answer).await.0).1;
    assert_eq!(restored, json!({MAIL: "admin"}).to_string());
    let (second, _) = seen(PATHS[0], &call(&restored.into()).to_string()).await;
    let standin = said(PATHS[0], &first.unwrap().1);
    assert_eq!(arguments(&second), json!({standin: "admin"}).to_string());
}

#[tokio::test]
async fn names_in_an_answer_that_is_not_streamed_are_restored() {
    let api = |_: &_, body: &bytes::Bytes| {
        let standin = said(PATHS[2], body);
        let block = json!({"type": "tool_use", "input": {"roles": {standin.clone(): "admin"}, "v": standin}});
        let body = Full::from(json!({"content": [block]}).to_string());
        head("application/json").body(body.map_err(|never| match never {}).boxed_unsync()).unwrap()
    };
    let (answer, _) = send(&layer(), says(PATHS[2], MAIL), api).await;
    let came: Value = serde_json::from_str(&read(answer).await.0).unwrap();
    assert_eq!(came["content"][0]["input"], json!({"roles": {MAIL: "admin"}, "v": MAIL}));
}

#[tokio::test]
async fn arguments_that_are_not_quite_json_are_masked_in_their_place() {
    for arguments_text in [
        r#"{"q":"it\'s li.wei@example.com", "n": "li.wei@example.com"}"#,
        "{\"q\":\"a\\tb\nli.wei@example.com\"}",
        "{\"q\":\"a\nli.wei@example.com\"}",
        r#"{"q":"half \ud83d li.wei@example.com"}"#,
        r#"{"a\'b":"li.wei@example.com"}"#,
        r#"{"q":"li.wei@example.com"#,
    ] {
        let body = call(&arguments_text.into()).to_string();
        let (seen, back) = seen(PATHS[0], &body).await;
        let masked = said(PATHS[0], seen.as_bytes());
        let standin = masked.strip_prefix("ask ").unwrap();
        assert_eq!(arguments(&seen), arguments_text.replace(MAIL, standin));
        assert_eq!(arguments(&back), arguments_text);
    }
}

#[tokio::test]
async fn half_a_surrogate_pair_stays_and_hides_no_value() {
    let without = r#"{"messages":[{"role":"user","content":"no value \ud83d"}]}"#;
    assert_eq!(seen(PATHS[0], without).await.0, without);
    let with = r#"{"\udbff":1,"messages":[{"role":"user","content":"\udc00li.wei@example.com\ud83d\ud83d\ude00\\ud83d \u00e9"}]}"#;
    let (seen, back) = seen(PATHS[0], with).await;
    let standin = &seen[seen.find("EMAIL_").unwrap()..][..18];
    assert_eq!(
        seen,
        with.replace(MAIL, standin)
            .replace(r"\ud83d\ud83d\ude00", "\\ud83d\u{1f600}")
            .replace(r"\u00e9", "é")
    );
    assert!(back == seen, "what an API says with half a pair passes as it is: {back}");
}

#[tokio::test]
async fn a_document_of_text_is_text_and_one_of_base64_is_not() {
    let text = |data: &str| json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}});
    let file = |data: &str| json!({"type": "document", "source": {"data": data, "media_type": "text/csv", "type": "base64"}});
    let audio = |data: &str| json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}});
    // A card's number and an address of mail, and the same as one file.
    let long = "MTM4MTIzNDU2NzgsbGkud2VpQGV4YW1wbGUuY29tCjEzODEyMzQ1Njc4LGxpLndlaUBleGFtcGxlLmNv\nbQo=\n";
    let url = format!("data:text/csv;base64,{}", long.replace('\n', ""));
    for (part, values) in [
        (text("data:\n  mail: li.wei@example.com\n"), 1),
        (text("13812345678"), 1),
        (text("data:text/plain;base64,13812345678"), 1),
        (file("13812345678"), 0),
        (file(&long.replace('\n', "\r\n")), 0),
        (file("no base64, li.wei@example.com"), 1),
        (audio(long), 0),
        (audio(&long.replace('\n', "")), 0),
        (audio("13812345678"), 1),
        (audio("sk-proj-Ab12Cd34Ef56Gh78Ij90Kl"), 1),
        (json!({"type": "redacted_thinking", "data": "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl"}), 0),
        (audio("name\n13812345678\n"), 1),
        (json!({"type": "file", "file": {"file_data": url}}), 0),
        (json!({"type": "file", "file": {"file_data": "data:text/plain,to li.wei@example.com"}}), 1),
    ] {
        let body = json!({"messages": [{"role": "user", "content": [part]}]}).to_string();
        let (seen, back) = seen(PATHS[2], &body).await;
        let standins = ["EMAIL_", "PHONE_", "SECRET_"].map(|label| seen.matches(label).count());
        assert_eq!(standins.iter().sum::<usize>(), values, "{seen}");
        assert_eq!((seen == body, back), (values == 0, body));
    }
    let images =
        json!({"messages": [{"role": "user", "content": MAIL, "images": [long, &long.replace('\n', "")]}]});
    let (seen, _) = seen(PATHS[0], &images.to_string()).await;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["messages"][0]["images"], images["messages"][0]["images"]);
}

#[tokio::test]
async fn signed_thoughts_change_only_where_they_had_a_stand_in() {
    let thought = "The mail of li.wei@example.com; an example is john.doe@gmail.com, or dns 8.8.8.8.";
    let thinking = |block: Value| {
        json!({"messages": [{"role": "user", "content": MAIL}, {"role": "assistant", "content": [block]}]})
            .to_string()
    };
    let signed = thinking(json!({"type": "thinking", "thinking": thought, "signature": "sig"}));
    let (seen_signed, back) = seen(PATHS[2], &signed).await;
    assert!(!seen_signed.contains(MAIL), "{seen_signed}");
    assert!(seen_signed.contains("; an example is john.doe@gmail.com, or dns 8.8.8.8."), "{seen_signed}");
    assert_eq!(back, signed);
    // Nobody has signed these.
    for block in [
        json!({"type": "thinking", "thinking": thought}),
        json!({"type": "thinking", "thinking": thought, "signature": ""}),
        json!({"type": "tool_use", "input": {"thinking": thought, "signature": "sig"}}),
        json!({"type": "text", "text": thought, "signature": "sig"}),
    ] {
        let (seen, _) = seen(PATHS[2], &thinking(block)).await;
        assert!(!seen.contains("john.doe"), "{seen}");
    }
}

#[tokio::test]
async fn what_the_api_logs_in_with_stays() {
    let login = json!({"authentication": {"type": "connection_string", "connection_string": "mongodb+srv://bob:hunter22x@c.example.com/"}});
    let body = json!({"messages": [{"role": "user", "content": MAIL}], "data_sources": [{"type": "azure_cosmos_db", "parameters": login}]});
    let (seen, _) = seen(PATHS[0], &body.to_string()).await;
    assert!(seen.contains("bob:hunter22x@c.example.com") && !seen.contains(MAIL), "{seen}");
}

#[tokio::test]
async fn names_in_an_event_are_restored_where_they_are_the_callers_own() {
    let api = |_: &_, body: &bytes::Bytes| {
        let standin = said(PATHS[2], body);
        let input = json!({"roles": {standin.clone(): true}, "v": standin});
        let block = json!({"type": "tool_use", "id": "t", "name": "f", "input": input});
        let event = json!({"type": "content_block_start", "index": 0, "content_block": block});
        let stop = json!({"type": "message_stop"});
        stream([format!("data: {event}\n\n"), format!("data: {stop}\n\n")])
    };
    let (answer, _) = send(&layer(), says(PATHS[2], MAIL), api).await;
    let came = read(answer).await.0;
    let data: Value =
        serde_json::from_str(came.lines().next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["content_block"]["input"], json!({"roles": {MAIL: true}, "v": MAIL}));
}
