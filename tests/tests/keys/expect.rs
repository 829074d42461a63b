use serde_json::Value;

use crate::script::Ran;
use crate::support::Read;

/// What is otherwise than a script says.
pub(crate) fn check(case: &Value, ran: &Ran) -> Vec<String> {
    let expect = &case["expect"];
    let mut wrong = Vec::new();
    for response in expect["responses"].as_array().unwrap() {
        let id = response["id"].as_str().unwrap();
        match ran.read.get(id) {
            Some(read) => {
                wrong.extend(differences(response, read).into_iter().map(|what| format!("{id}: {what}")))
            }
            None => wrong.push(format!("{id}: no answer")),
        }
    }
    let mut counts = vec![("upstream_calls", ran.calls), ("billed_generations", ran.billed)];
    counts.retain(|(name, count)| expect[name].as_u64().is_some_and(|expected| expected != *count as u64));
    wrong.extend(counts.into_iter().map(|(name, count)| format!("{name}: {count}")));
    wrong
}

fn differences(response: &Value, read: &Read) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, value) in response.as_object().unwrap() {
        let text = value.as_str().unwrap_or_default();
        let is_so = match key.as_str() {
            "id" => true,
            "status" => value == read.status,
            "body" => text == read.body,
            "text" => text == read.text,
            "text_prefix" => read.text.starts_with(text),
            "replayed" => value == read.replayed(),
            // It is the one that was running, and so no replay.
            "joined" => !read.replayed(),
            "has_header" => read.has(text),
            "lacks_header" => !read.has(text),
            "problem" => {
                let problem: Value = serde_json::from_str(&read.body).unwrap_or_default();
                read.headers["content-type"] == "application/problem+json"
                    && problem["type"] == format!("urn:lastbyte:problem:{text}")
                    && read.code() == text
            }
            "end" => text == "error_event" && read.last_error().is_some() && !read.is_done(),
            _ => panic!("nobody knows what {key} is"),
        };
        if !is_so {
            wrong.push(format!("{key} is not {value}: {read:?}"));
        }
    }
    wrong
}
