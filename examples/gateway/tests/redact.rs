//! `gateway redact`, and what is taken out of the log.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Output, Stdio};

use serde_json::json;
use support::*;

/// What comes out of the command for an input.
fn redacted(args: &[&str], key: Option<&str>, input: &[u8]) -> Output {
    let mut command = binary();
    command.arg("redact").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(key) = key {
        command.env("GATEWAY_REDACT_KEY", key);
    }
    let mut child = command.spawn().unwrap();
    // Where it has ended at once, there is nobody to write to.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn a_text_is_redacted_as_the_flags_say() {
    let input = "打138 1234 5678找li.wei@example.com\n".as_bytes();
    assert_eq!(text(&redacted(&[], None, input)), "打[PHONE]找[EMAIL]\n");
    assert_eq!(text(&redacted(&["--rules", "phone"], None, input)), "打[PHONE]找li.wei@example.com\n");
    assert_eq!(text(&redacted(&["--json"], None, b"{\"a\":4111111111111111}")), "{\"a\":\"[CARD]\"}");
    assert_eq!(
        text(&redacted(&["--rules", ""], None, input)).as_bytes(),
        input,
        "no rules, as in the environment"
    );
    let style = ["--style", "pseudonym", "--rules", "email,phone"];
    let [one, same, other] = ["a key of sixteen bytes", "a key of sixteen bytes", "another key of sixteen"]
        .map(|key| text(&redacted(&style, Some(key), input)).to_owned());
    assert!(one == same && one != other && one.contains("[PHONE:"), "{one}{other}");
}

#[test]
fn what_is_certain_comes_out_before_the_input_has_ended() {
    let mut child = binary().arg("redact").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(b"mail li.wei@").unwrap();
    let mut first = [0; 5];
    output.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"mail ");
    input.write_all(b"example.com\n").unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "[EMAIL]\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_wrong_is_told() {
    for (args, key, word) in [
        (&["--rules", "mail"][..], None, "no rule is called"),
        (&["--style", "pseudonym"], None, "GATEWAY_REDACT_KEY"),
        (&["--style", "pseudonym"], Some("short"), "at least 16"),
        (&["--style", "hash"], None, "label"),
    ] {
        let output = redacted(args, key, b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && told.contains(word), "{args:?}: {told}");
    }
}

#[tokio::test]
async fn a_value_in_a_path_is_not_in_the_log() {
    let mock = mock(json!({})).await;
    for format in ["json", "text"] {
        let gateway = Gateway::start_with("serve", &["--upstream", &mock.url()], |command| {
            command.env("GATEWAY_LOG__FORMAT", format).env("GATEWAY_REDACT__RULES", "email,phone");
            command.stderr(Stdio::piped());
        });
        let path = format!("{}/v1/files/li.wei@example.com", gateway.url);
        let _ = client().get(path.parse().unwrap()).await.unwrap();
        let log = gateway.log().await;
        assert!(log.contains("/v1/files/[EMAIL]") && !log.contains("li.wei"), "{log}");
    }
}

/// What the playground answers.
async fn played(gateway: &Gateway, body: impl Into<bytes::Bytes>) -> Answer {
    send(&client(), post(&format!("{}/redact", gateway.admin), body.into())).await
}

#[tokio::test]
async fn the_playground_tells_what_a_text_becomes_and_why() {
    let gateway = Gateway::start_with("serve", &[], |command| {
        command.env("GATEWAY_REDACT__RULES", "email,phone");
    });
    let text = "打１３８１２３４５６７８找li.wei@example.com 4111 1111 1111 1111";
    let answer = played(&gateway, json!({"text": text}).to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let told = answer.json();
    assert_eq!(told["text"], "打[PHONE]找[EMAIL] 4111 1111 1111 1111");
    assert_eq!((&told["rules"], &told["style"]), (&json!(["email", "phone"]), &json!("label")));
    let hits = told["hits"].as_array().unwrap();
    let found: Vec<_> = hits
        .iter()
        .map(|hit| {
            let [start, end] = ["start", "end"].map(|name| hit[name].as_u64().unwrap() as usize);
            (&text[start..end], hit["rule"].as_str().unwrap(), hit["mark"].as_str().unwrap())
        })
        .collect();
    let phone = ("１３８１２３４５６７８", "phone", "[PHONE]");
    assert_eq!(found, [phone, ("li.wei@example.com", "email", "[EMAIL]")]);
    assert!(hits.iter().all(|hit| !hit["why"].as_str().unwrap().is_empty()), "{hits:?}");
    let chosen = json!({"text": format!("打电话 {text}"), "rules": ["card", "zh"], "style": "pseudonym"});
    let told = played(&gateway, chosen.to_string()).await.json();
    let rules: Vec<_> = told["hits"].as_array().unwrap().iter().map(|hit| &hit["rule"]).collect();
    assert!(rules.contains(&&json!("zh")) && rules.contains(&&json!("card")), "{told}");
    assert!(told["text"].as_str().unwrap().contains("[CARD:"), "{told}");
}

/// Else whoever comes there could find out by trying which value a pseudonym of the log is of.
#[tokio::test]
async fn the_playgrounds_pseudonyms_are_not_the_logs() {
    let key = "a key of sixteen bytes";
    let gateway = Gateway::start_with("serve", &[], |command| {
        command.env("GATEWAY_REDACT__STYLE", "pseudonym").env("GATEWAY_REDACT_KEY", key);
    });
    let told = played(&gateway, json!({"text": "li.wei@example.com"}).to_string()).await.json();
    let played = told["text"].as_str().unwrap();
    let style = ["--style", "pseudonym"];
    let logged = text(&redacted(&style, Some(key), b"li.wei@example.com")).to_owned();
    assert!(played.starts_with("[EMAIL:") && logged.starts_with("[EMAIL:") && played != logged, "{played}");
}

#[tokio::test]
async fn the_playground_has_a_bound_and_logs_nothing() {
    let gateway = Gateway::start_with("serve", &[], |command| {
        command.env("GATEWAY_LOG__LEVEL", "trace").env("GATEWAY_REDACT__RULES", "").stderr(Stdio::piped());
    });
    let code = |answer: &Answer| answer.json()["error"]["code"].as_str().unwrap().to_owned();
    let of_size = |size: usize| {
        let frame = json!({"text": ""}).to_string();
        json!({"text": "x".repeat(size - frame.len())}).to_string()
    };
    assert_eq!(played(&gateway, of_size(64 << 10)).await.status, 200);
    let answer = played(&gateway, of_size((64 << 10) + 1)).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (413, "request_too_large".into()));
    for body in ["{\"text\": \"plugh\", \"plugh\": 1}", "plugh", ""] {
        let answer = played(&gateway, body).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (400, "invalid_redaction".into()));
        assert!(!String::from_utf8_lossy(&answer.body).contains("plugh"));
    }
    assert_eq!(played(&gateway, json!({"text": "xyzzy plugh"}).to_string()).await.status, 200);
    let log = gateway.log().await;
    assert!(!log.contains("plugh") && log.contains("draining"), "{log}");
}

#[tokio::test]
async fn the_playgrounds_page_has_no_script_in_it() {
    let gateway = Gateway::start("serve", &[]);
    for (path, kind) in [
        ("/redact", "text/html; charset=utf-8"),
        ("/redact.js", "text/javascript; charset=utf-8"),
        ("/redact.css", "text/css; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = send(&client(), request(http::Method::GET, &format!("{}{path}", gateway.admin))).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self'"), "{path}");
    }
}
