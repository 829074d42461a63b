//! Whether a stream is one answer of its protocol, and what it says.

use std::collections::BTreeMap;

use lastbyte_core::Dialect;
use lastbyte_core::sse::Scanner;
use serde_json::Value;

/// What an answer says: its texts by what they are (`0:content`, `call 0 name`), and its usage.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) usage: Value,
    pub(crate) restarts: usize,
    /// How many chunks of a chat answer had a role.
    pub(crate) roles: usize,
}

impl Said {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    fn add(&mut self, key: String, piece: &Value) {
        self.texts.entry(key).or_default().push_str(piece.as_str().expect("a piece of text"));
    }
}

/// Reads a stream that ended as it should.
///
/// # Panics
///
/// Where it is not one answer, whole and in order.
pub(crate) fn read(dialect: Dialect, stream: &[u8]) -> Said {
    let mut events = Vec::new();
    let mut scanner = Scanner::new(1 << 20);
    let scanned = scanner.push(stream, |event| {
        events.push((String::from_utf8(event.name().to_vec()).unwrap(), event.text().into_owned()));
    });
    scanned.unwrap();
    assert!(!scanner.is_open(), "it ends in the middle of an event");
    let restarts = events.iter().filter(|(name, _)| name == "restart").count();
    let begin = events.iter().rposition(|(name, _)| name == "restart").map_or(0, |at| at + 1);
    let events = events.split_off(begin);
    let mut said = match dialect {
        Dialect::OpenAiChat => chat(events),
        Dialect::Anthropic => messages(events),
        Dialect::OpenAiResponses => responses(events),
    };
    said.restarts = restarts;
    said
}

fn parse(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
}

fn chat(events: Vec<(String, String)>) -> Said {
    let mut said = Said::default();
    let (mut roles, mut finished) = (BTreeMap::new(), BTreeMap::new());
    let mut common: Option<Value> = None;
    let count = events.len();
    for (at, (name, data)) in events.into_iter().enumerate() {
        assert_eq!(name, "");
        if data == "[DONE]" {
            assert_eq!(at + 1, count, "the end mark is the last event");
            assert!(
                !finished.is_empty() && finished.len() == roles.len(),
                "all choices are finished before it"
            );
            return said;
        }
        let chunk = parse(&data);
        let of = serde_json::json!([chunk["id"], chunk["model"], chunk["created"], chunk["object"]]);
        assert_eq!(*common.get_or_insert(of.clone()), of, "one answer: {data}");
        if !chunk["usage"].is_null() {
            said.usage = chunk["usage"].clone();
        }
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap();
            assert!(!finished.contains_key(&index), "nothing behind the finish: {data}");
            let delta = choice["delta"].as_object().unwrap();
            if delta.contains_key("role") {
                roles.insert(index, ());
                said.roles += 1;
            }
            assert!(roles.contains_key(&index), "the role comes first: {data}");
            for (key, value) in delta.iter().filter(|(key, value)| *key != "role" && !value.is_null()) {
                if key != "tool_calls" {
                    said.add(format!("{index}:{key}"), value);
                    continue;
                }
                for call in value.as_array().unwrap() {
                    let number = call["index"].as_u64().unwrap();
                    for key in ["id", "type"] {
                        if let Some(value) = call.get(key) {
                            said.add(format!("{index}:call {number} {key}"), value);
                        }
                    }
                    for (key, value) in call["function"].as_object().unwrap() {
                        assert!(said.texts.contains_key(&format!("{index}:call {number} id")), "{data}");
                        said.add(format!("{index}:call {number} {key}"), value);
                    }
                }
            }
            if !choice["finish_reason"].is_null() {
                finished.insert(index, ());
            }
        }
    }
    panic!("no end mark");
}

fn messages(events: Vec<(String, String)>) -> Said {
    let mut said = Said::default();
    let mut open: Option<u64> = None;
    let mut next = 0;
    let (mut has_reason, mut is_over) = (false, false);
    for (at, (name, data)) in events.into_iter().enumerate() {
        let event = parse(&data);
        assert_eq!(event["type"], *name);
        assert!(!is_over, "nothing behind the stop");
        assert_eq!(at == 0, name == "message_start", "one start, at the start: {data}");
        let index = event["index"].as_u64();
        match &*name {
            "message_start" => said.usage = event["message"]["usage"].clone(),
            "ping" => {}
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(next)), "{data}");
                (open, next) = (index, next + 1);
                let block = &event["content_block"];
                said.add(format!("{}:kind", next - 1), &block["type"]);
                for key in ["text", "name", "thinking"] {
                    if block[key].is_string() {
                        said.add(format!("{}:{key}", next - 1), &block[key]);
                    }
                }
            }
            "content_block_delta" => {
                assert!(open.is_some() && open == index, "{data}");
                for (key, value) in
                    event["delta"].as_object().unwrap().iter().filter(|(key, _)| *key != "type")
                {
                    said.add(format!("{}:{key}", next - 1), value);
                }
            }
            "content_block_stop" => {
                assert!(open.is_some() && open == index, "{data}");
                open = None;
            }
            "message_delta" => {
                assert!(open.is_none() && !has_reason, "{data}");
                has_reason = event["delta"]["stop_reason"].is_string();
                for (key, value) in event["usage"].as_object().unwrap() {
                    said.usage[key] = value.clone();
                }
            }
            "message_stop" => {
                assert!(has_reason, "a reason before the stop");
                is_over = true;
            }
            other => panic!("{other}: {data}"),
        }
    }
    assert!(is_over, "no stop");
    said
}

fn responses(events: Vec<(String, String)>) -> Said {
    let mut said = Said::default();
    let mut items: Vec<Value> = Vec::new();
    let mut response: Option<Value> = None;
    let mut is_over = false;
    for (at, (name, data)) in events.into_iter().enumerate() {
        let event = parse(&data);
        assert_eq!(event["type"], *name);
        assert_eq!(event["sequence_number"], at, "numbered one by one: {data}");
        assert!(!is_over, "nothing behind the end");
        if let Some(of) = event.get("response") {
            let of_now = serde_json::json!([of["id"], of["created_at"], of["model"]]);
            assert_eq!(*response.get_or_insert(of_now.clone()), of_now, "one response: {data}");
        }
        assert!(response.is_some(), "it is announced first: {data}");
        let output = event["output_index"].as_u64().unwrap_or(0);
        let known = items.get(output as usize);
        if let Some(id) = event.get("item_id") {
            assert_eq!(known.map(|item| &item["id"]), Some(id), "an item that was announced: {data}");
        }
        let key = |kind: &str| format!("{output}:{kind}");
        match &*name {
            "response.created" | "response.in_progress" => {}
            "response.output_item.added" => {
                assert_eq!(output as usize, items.len(), "{data}");
                items.push(event["item"].clone());
                said.add(key("kind"), &event["item"]["type"]);
            }
            "response.output_item.done" => same_item(known, &event["item"], &said, output),
            "response.completed" => {
                is_over = true;
                said.usage = event["response"]["usage"].clone();
                let output = event["response"]["output"].as_array().unwrap();
                assert_eq!(output.len(), items.len());
                for (at, item) in output.iter().enumerate() {
                    same_item(items.get(at), item, &said, at as u64);
                }
            }
            _ if name.ends_with(".delta") => {
                let kind = name.trim_start_matches("response.").trim_end_matches(".delta");
                said.add(key(kind), &event["delta"]);
            }
            _ if name.ends_with(".added") => {}
            _ if name.ends_with("part.done") => {}
            _ if name.ends_with(".done") => {
                let kind = name.trim_start_matches("response.").trim_end_matches(".done");
                let whole = event["text"].as_str().or(event["arguments"].as_str());
                assert_eq!(whole, Some(said.text(&key(kind))), "{data}");
            }
            other => panic!("{other}: {data}"),
        }
    }
    assert!(is_over, "no end");
    said
}

fn same_item(known: Option<&Value>, item: &Value, said: &Said, output: u64) {
    let known = known.expect("it was announced");
    for key in ["id", "type", "call_id"] {
        assert_eq!(known.get(key), item.get(key), "{item}");
    }
    let (kind, whole) = match item["type"].as_str().unwrap() {
        "message" => ("output_text", &item["content"][0]["text"]),
        "reasoning" => ("reasoning_summary_text", &item["summary"][0]["text"]),
        _ => ("function_call_arguments", &item["arguments"]),
    };
    assert_eq!(whole, said.text(&format!("{output}:{kind}")), "{item}");
}
