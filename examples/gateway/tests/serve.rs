//! The process: its command line, its addresses, its end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use lastbyte_mock::expected_text;
use serde_json::json;
use support::*;

#[test]
fn check_prints_what_runs_or_every_mistake() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, "[retry]\nmax_attempts = 2\n").unwrap();
    let (code, out, _) = run(&["check", "--config", path]);
    assert_eq!(code, 0);
    assert!(out.contains("max_attempts = 2") && out.contains("url = \"https://api.openai.com/v1\""), "{out}");

    std::fs::write(path, "[retry]\nmax_attempt = 2\n[timeouts]\nidle = \"soon\"\n").unwrap();
    for command in ["check", "serve"] {
        let (code, out, err) = run(&[command, "--config", path]);
        assert_eq!((code, out.as_str()), (2, ""), "{command}");
        assert!(err.contains(&format!("{path}:2: retry.max_attempt: unknown key")), "{err}");
        assert!(err.contains(&format!("{path}:4: timeouts.idle: expected a duration")), "{err}");
    }
}

#[test]
fn check_never_prints_a_key() {
    let done = binary().arg("check").env("OPENAI_API_KEY", "sk-very-secret").output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(out.contains("api_key_env = \"OPENAI_API_KEY\"  # set") && !out.contains("sk-very"), "{out}");
}

#[test]
fn wrong_usage_is_2_with_a_clear_word() {
    for (args, word) in [
        (&["serve", "--upstream", "http://127.0.0.1:1"][..], "does not end in /v1"),
        (&["serve", "--listen", "0.0.0.0:80"], "--listen: listen:"),
        (&["serve", "--store", "postgres://127.0.0.1"], "--store: store.url:"),
        (&["serve", "--nonsense"], "--nonsense"),
        (&["mock", "--faults", "{\"refuze\": 1}"], "refuze"),
        (&["fly"], "fly"),
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(err.contains(word), "{args:?}: {err}");
    }
    let done = binary().args(["check"]).env("GATEWAY_RETRY__CAP", "never").output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(err.contains("GATEWAY_RETRY__CAP: retry.cap: expected a duration"), "{err}");
}

#[test]
fn a_port_in_use_is_1_and_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (command, flag) in [("serve", "--listen"), ("serve", "--admin-listen"), ("mock", "--listen")] {
        let mut args = vec![command, flag, &addr];
        if flag == "--admin-listen" {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        let (code, _, err) = run(&args);
        assert_eq!(code, 1, "{args:?}");
        assert!(err.contains(&addr) && err.contains(flag), "{args:?}: {err}");
    }
}

#[tokio::test]
async fn an_answer_has_the_headers_of_the_contract() {
    let mock = mock(json!({"script": ["none", {"kind": "status", "code": 503, "retry_after_ms": 1}]})).await;
    let gateway = Gateway::before(&mock, "");
    let first = ask(&gateway.url, "a", true).await;
    assert_eq!(first.told(), Told::Whole(expected_text(1, &messages("a"))));
    assert_eq!(first.header("x-lastbyte-attempts"), "1");
    assert!(first.header("x-upstream-request-id").starts_with("mock-"), "{:?}", first.headers);
    let second = ask(&gateway.url, "b", false).await;
    assert_eq!(second.json()["choices"][0]["message"]["content"], expected_text(1, &messages("b")));
    assert_eq!(second.header("x-lastbyte-attempts"), "2");
    assert!(first.header("x-request-id").starts_with("req_"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));

    let client = client();
    for (path, status) in
        [("/", 200), ("/healthz", 200), ("/readyz", 200), ("/nope", 404), ("/v1/realtime", 501)]
    {
        let answer = send(&client, request(Method::GET, &format!("{}{path}", gateway.url))).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("x-lastbyte-attempts"), "0", "{path}");
    }
    let stats = send(&client, request(Method::GET, &format!("{}/stats", gateway.admin))).await.json();
    let bytes = first.body.len() + second.body.len();
    assert_eq!(
        stats,
        json!({"requests": 2, "active": 0, "attempts": 3, "bytes": bytes, "endings": {"complete": 2}})
    );
}

#[tokio::test]
async fn a_drain_lets_open_answers_finish_and_ends_with_0() {
    let mock = mock(json!({"interval_ms": 40})).await;
    let gateway = Gateway::before(&mock, "");
    let (url, admin) = (format!("{}{CHAT}", gateway.url), gateway.admin.clone());
    let response = client().request(post(&url, question("a", true))).await.unwrap();
    gateway.terminate();
    // On the operators' side, which stays.
    let client = client();
    let ready = || send(&client, request(Method::GET, &format!("{admin}/readyz")));
    while ready().await.status == StatusCode::OK {}
    assert_eq!(ready().await.status, StatusCode::SERVICE_UNAVAILABLE);
    let refused = tokio::net::TcpStream::connect(gateway.addr()).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused, "no new work");
    let whole = response.into_body().collect().await.unwrap().to_bytes();
    assert!(whole.ends_with(b"data: [DONE]\n\n"), "{whole:?}");
    assert!(gateway.exit().await.success());
}

#[tokio::test]
async fn either_signal_ends_the_gateway_and_the_mock_with_0() {
    let mock = mock(json!({})).await;
    for signal in ["TERM", "INT"] {
        let gateway = Gateway::before(&mock, "");
        gateway.signal(signal);
        assert!(gateway.exit().await.success(), "{signal}");
        let mut child = binary()
            .args(["mock", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
        support::signal(child.id(), signal);
        assert!(child.wait().unwrap().success(), "{signal}");
        assert_eq!(drain(stdout), "", "one line for one listener");
    }
}

#[tokio::test]
async fn what_a_drain_does_not_outwait_is_told_so() {
    let mock = mock(json!({"stall": {"rate": 1, "after": 2}})).await;
    let gateway = Gateway::before(&mock, "drain_timeout = \"100ms\"");
    let url = format!("{}{CHAT}", gateway.url);
    let reading = tokio::spawn(async move { send(&client(), post(&url, question("a", true))).await });
    until("an answer upstream", || mock.stats().active == 1).await;
    gateway.terminate();
    assert_eq!(reading.await.unwrap().told(), Told::Failed("interrupted".into()));
    assert!(gateway.exit().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mock = mock(json!({"stall": {"rate": 1, "after": 2}})).await;
    let gateway = Gateway::before(&mock, "drain_timeout = \"10m\"");
    let response =
        client().request(post(&format!("{}{CHAT}", gateway.url), question("a", true))).await.unwrap();
    gateway.terminate();
    let (client, admin) = (client(), gateway.admin.clone());
    while send(&client, request(Method::GET, &format!("{admin}/readyz"))).await.status == StatusCode::OK {}
    gateway.terminate();
    assert!(gateway.exit().await.success());
    assert!(response.into_body().collect().await.is_err(), "a cut answer must not look whole");
}

#[tokio::test]
async fn the_mock_runs_alone() {
    let mut child = binary()
        .args(["mock", "--listen", "127.0.0.1:0", "--faults", "{\"refuse\": 0}", "--seed", "7"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
    let answer = ask(&url, "a", true).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer.told(), Told::Whole(expected_text(7, &messages("a"))));
}

#[tokio::test]
async fn the_operators_side_has_counts_metrics_and_a_page() {
    let mock = mock(json!({"script": ["none", {"kind": "cut"}]})).await;
    let gateway = Gateway::before(&mock, "");
    ask(&gateway.url, "a", true).await;
    ask(&gateway.url, "b", true).await;
    let client = client();
    let get = |base: &str, path: &str| request(Method::GET, &format!("{base}{path}"));
    let metrics = send(&client, get(&gateway.admin, "/metrics")).await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "lastbyte_ready 1",
        "lastbyte_requests_total 2",
        "lastbyte_attempts_total 2",
        "lastbyte_endings_total{ending=\"complete\"} 1",
        "lastbyte_endings_total{ending=\"truncated\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let page = send(&client, get(&gateway.admin, "/status")).await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(text.contains(&mock.url()) && text.contains("truncated"), "{text}");
    // None of it is the readers' business.
    for path in ["/stats", "/metrics", "/status"] {
        assert_eq!(send(&client, get(&gateway.url, path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let wrong = send(&client, request(Method::POST, &format!("{}/stats", gateway.admin))).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_413_on_both_versions() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "");
    let asked = || {
        let mut asked = post(&format!("{}{CHAT}", gateway.url), question("a", true));
        asked.headers_mut().insert("x-large", "x".repeat(70 << 10).parse().unwrap());
        asked
    };
    let h2 = H2::connect(gateway.addr(), 65_535).await;
    for answer in [send(&client(), asked()).await, read(h2.send(asked()).await).await] {
        assert_eq!((answer.status.as_u16(), answer.header("x-lastbyte-refused-by")), (413, "limits"));
        assert_eq!(answer.json()["error"]["code"], "request_too_large");
        assert_eq!(answer.header("x-lastbyte-attempts"), "0");
    }
    assert_eq!(mock.stats().requests, 0);
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::before(&mock, "max_body = \"1KiB\"");
    let (client, url) = (client(), format!("{}{CHAT}", gateway.url));
    let large = send(&client, post(&url, Bytes::from(vec![b'x'; 1025]))).await;
    assert_eq!((large.status.as_u16(), large.header("x-lastbyte-refused-by")), (413, "limits"));
    assert!(large.json()["error"]["message"].as_str().unwrap().contains("1024"), "{:?}", large.body);
    assert_eq!(large.header("x-should-retry"), "");
    // What JSON is, is the upstream's to say.
    let malformed = send(&client, post(&url, Bytes::from_static(b"{\"model\":"))).await;
    let direct =
        send(&client, post(&format!("{}/chat/completions", mock.url()), Bytes::from_static(b"{\"model\":")))
            .await;
    assert_eq!((malformed.status.as_u16(), &malformed.body), (400, &direct.body));
    assert_eq!(malformed.header("x-lastbyte-refused-by"), "");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_after_all_attempts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[retry]\ninitial = \"1ms\"\ncap = \"2ms\"\nmax_attempts = 3\n").unwrap();
    let gateway = Gateway::start("serve", &["--config", file.path().to_str().unwrap(), "--upstream", &url]);
    let answer = ask(&gateway.url, "a", false).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!((answer.header("x-lastbyte-attempts"), answer.header("x-should-retry")), ("3", "false"));
    assert_eq!(answer.json()["error"]["code"], "upstream_error");
}

#[tokio::test]
async fn a_callers_own_limit_is_kept_before_a_head() {
    let mock = mock(json!({"stall": {"rate": 1, "head": true}})).await;
    let gateway = Gateway::before(&mock, "");
    let mut asked = post(&format!("{}{CHAT}", gateway.url), question("a", false));
    asked.headers_mut().insert("x-request-timeout", "0.2".parse().unwrap());
    let began = tokio::time::Instant::now();
    let answer = send(&client(), asked).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_line_of_the_log_has_its_numbers_as_numbers() {
    let mock = mock(json!({})).await;
    let gateway = Gateway::start_with("serve", &["--upstream", &mock.url()], |command| {
        command.env("GATEWAY_LOG__FORMAT", "json").stderr(Stdio::piped());
    });
    let answer = ask(&gateway.url, "a", true).await;
    let log = gateway.log().await;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut lines = lines.filter(|line| line["target"] == "gateway::stats");
    let line = lines.next().unwrap()["fields"].clone();
    assert_eq!(line["ending"], "complete", "{line}");
    assert_eq!((&line["status"], &line["attempts"]), (&json!(200), &json!(1)), "{line}");
    assert_eq!(line["bytes"].as_u64(), Some(answer.body.len() as u64), "{line}");
    assert!(line["ms"].is_u64(), "{line}");
}
