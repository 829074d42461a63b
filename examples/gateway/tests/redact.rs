//! `gateway redact`, and what is taken out of the log.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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
        let mut child = binary()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--upstream",
                &mock.url(),
            ])
            .env("GATEWAY_LOG__FORMAT", format)
            .env("GATEWAY_REDACT__RULES", "email,phone")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        let path = format!("{base}/v1/files/li.wei@example.com");
        let _ = client().get(path.parse().unwrap()).await.unwrap();
        let sent = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let log = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        assert!(log.contains("/v1/files/[EMAIL]") && !log.contains("li.wei"), "{log}");
    }
}
