//! curl as a client, for what an SDK does not show: the bytes, and how the transport ended.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::client::{Answer, Api, Question, Raised};

/// Asks as an SDK would; a transport that was not ended as it was framed is raised as an error.
pub(crate) async fn ask(url: &str, question: &Question) -> Answer {
    let (path, key) = match question.api {
        Api::Chat => ("chat/completions", "messages"),
        Api::Responses => ("responses", "input"),
        Api::Messages => ("messages", "messages"),
    };
    let mut body = json!({"model": "mock-1", "max_tokens": 1000, "stream": question.stream});
    body[key] = question.messages();
    for (key, value) in question.more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let key = question.key.as_ref().map(|key| format!("idempotency-key: {key}"));
    let mut request = vec!["--header", "content-type: application/json", "--data-binary", "@-"];
    request.extend(key.iter().flat_map(|key| ["--header", key]));
    let (code, out) = run(&format!("{url}/v1/{path}"), &request, &body.to_string()).await;
    let (head, body) = split(&out, b"\r\n\r\n");
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = |name: &str| {
        let of_name = |line: &str| Some(line.split_once(": ").filter(|(it, _)| *it == name)?.1.to_owned());
        head.lines().find_map(of_name)
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    let mut answer = Answer {
        status,
        attempts: header("x-lastbyte-attempts"),
        answer: header("x-lastbyte-answer"),
        replayed: header("idempotent-replayed"),
        bytes: body.to_vec(),
        ..Answer::default()
    };
    let mut error = None;
    for event in if question.stream && status == Some(200) { events(body) } else { vec![body.to_vec()] } {
        let Ok(event) = serde_json::from_slice::<Value>(&event) else { continue };
        answer.chunks += 1;
        if event["error"].is_object() {
            error = Some(event["error"].clone());
        }
        hear(&mut answer, question.api, &event);
    }
    if code != 0 || status != Some(200) {
        let error = error.unwrap_or_default();
        answer.error = Some(Raised {
            class: if code == 0 { "status".into() } else { format!("curl {code}") },
            of_sdk: true,
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            code: error["code"].as_str().map(str::to_owned),
            status: status.filter(|status| *status != 200),
            retry_after: header("retry-after"),
            should_retry: header("x-should-retry"),
        });
    }
    answer
}

/// What JSON there is at a URL.
pub(crate) async fn get(url: &str) -> Value {
    let (code, out) = run(url, &[], "").await;
    assert_eq!(code, 0, "{url}");
    serde_json::from_slice(split(&out, b"\r\n\r\n").1).unwrap()
}

/// The status and the body behind an event.
pub(crate) async fn resume(url: &str, seen: usize) -> (String, Vec<u8>) {
    let (code, out) = run(url, &["--header", &format!("last-event-id: {seen}")], "").await;
    assert_eq!(code, 0, "{url}");
    let (head, body) = split(&out, b"\r\n\r\n");
    let status = String::from_utf8_lossy(head).split(' ').nth(1).unwrap().to_owned();
    (status, body.to_vec())
}

/// Sends JSON there.
pub(crate) async fn post(url: &str, json: &Value) {
    let (code, out) = run(url, &["--fail", "--data-binary", "@-"], &json.to_string()).await;
    assert_eq!(code, 0, "{url}: {}", String::from_utf8_lossy(&out));
}

/// The exit code, and the head and the body as they came.
async fn run(url: &str, args: &[&str], input: &str) -> (i32, Vec<u8>) {
    let mut child = Command::new("curl")
        .args(["--silent", "--no-buffer", "--include", "--max-time", "90"])
        .args(args)
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Closed behind it, which is its end.
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let done = child.wait_with_output().await.unwrap();
    (done.status.code().unwrap(), done.stdout)
}

/// The data of each event, which is one line in all that is tried here.
pub(crate) fn events(body: &[u8]) -> Vec<Vec<u8>> {
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter_map(|line| line.strip_prefix(b"data: ")).map(<[u8]>::to_vec).collect()
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(at.len()).position(|window| window == at) {
        Some(found) => (&bytes[..found], &bytes[found + at.len()..]),
        None => (bytes, &[]),
    }
}

fn hear(answer: &mut Answer, api: Api, event: &Value) {
    let mut text = |choice: usize, text: &Value| {
        if let Some(text) = text.as_str() {
            answer.texts.resize(answer.texts.len().max(choice + 1), String::new());
            answer.texts[choice] += text;
        }
    };
    let (finish, usage) = match api {
        Api::Chat => {
            let mut finish = &Value::Null;
            for choice in event["choices"].as_array().into_iter().flatten() {
                let index = choice["index"].as_u64().unwrap_or_default() as usize;
                text(index, &choice["delta"]["content"]);
                text(index, &choice["message"]["content"]);
                let arguments = &choice["delta"]["tool_calls"][0]["function"]["arguments"];
                answer.arguments += arguments.as_str().unwrap_or_default();
                finish = &choice["finish_reason"];
            }
            (finish, &event["usage"]["completion_tokens"])
        }
        Api::Responses => {
            let response = if event["type"] == "response.completed" { &event["response"] } else { event };
            match event["type"].as_str() {
                Some("response.output_text.delta") => text(0, &event["delta"]),
                Some("response.function_call_arguments.delta") => {
                    answer.arguments += event["delta"].as_str().unwrap_or_default();
                }
                _ => text(0, &event["output"][0]["content"][0]["text"]),
            }
            (&response["status"], &response["usage"]["output_tokens"])
        }
        Api::Messages => {
            text(0, &event["delta"]["text"]);
            text(0, &event["content"][0]["text"]);
            answer.arguments += event["delta"]["partial_json"].as_str().unwrap_or_default();
            let finish = if event["type"] == "message" { event } else { &event["delta"] };
            (&finish["stop_reason"], &event["usage"]["output_tokens"])
        }
    };
    answer.finish = finish.as_str().map(str::to_owned).or(answer.finish.take());
    answer.usage = usage.as_u64().or(answer.usage);
}
