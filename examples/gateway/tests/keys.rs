//! What the keys of the configuration do, where no other file has it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lastbyte_mock::expected_text;
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use support::*;
use tokio::time::Instant;

#[tokio::test]
async fn a_model_may_have_its_own_timeouts() {
    let mock = mock(json!({"stall": {"ms": 900}})).await;
    let config = "
        [timeouts]
        first_event = \"20s\"
        [timeouts.models.\"hasty-4.1\"]
        first_event = \"200ms\"
        [timeouts.models.short]
        total = \"300ms\"
        first_event = \"300ms\"
        [retry]
        max_attempts = 1
    ";
    let gateway = Gateway::before(&mock, config);
    let ask = async |model: &str, stream: bool| {
        let body = json!({"model": model, "messages": messages("a"), "stream": stream}).to_string();
        send(&client(), post(&format!("{}{CHAT}", gateway.url), body.into())).await
    };
    let (patient, hasty, whole, short) = tokio::join!(
        ask("patient", true),
        ask("hasty-4.1", true),
        ask("hasty-4.1", false),
        ask("short", false)
    );
    assert_eq!(patient.told(), Told::Whole(expected_text(1, &messages("a"))));
    assert_eq!(hasty.told(), Told::Failed("504".into()));
    assert_eq!(hasty.json()["error"]["code"], "first_event_timeout");
    assert_eq!(whole.told(), Told::Whole(expected_text(1, &messages("a"))), "no first event to wait for");
    assert_eq!(short.told(), Told::Failed("504".into()));
    assert_eq!(short.json()["error"]["code"], "total_timeout");
}

#[tokio::test]
async fn comments_and_pings_put_off_the_idle_limit_and_not_the_first_event() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let upstream = Upstream::start(move |_| Reply {
        head: head.into(),
        part: Bytes::from_static(b": still here\n\n"),
        times: usize::MAX,
        every: Duration::from_millis(50),
    })
    .await;
    let config = "[timeouts]\nfirst_event = \"400ms\"\nidle = \"200ms\"\n[retry]\nmax_attempts = 1";
    let gateway = Gateway::upstream(&upstream.url(), config);
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!(answer.told(), Told::Failed("504".into()));
    assert_eq!(answer.json()["error"]["code"], "first_event_timeout");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_given_up() {
    // An address whose queue is full: the system leaves further connections unanswered.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let connect = tokio::net::TcpStream::connect(addr);
        waiting.push(tokio::time::timeout(Duration::from_millis(50), connect).await);
    }
    assert!(waiting.iter().any(Result::is_err), "the queue is not full");
    let config = "[upstream]\nconnect_timeout = \"200ms\"\n[retry]\nmax_attempts = 1";
    let gateway = Gateway::upstream(&format!("http://{addr}/v1"), config);
    let began = Instant::now();
    let answer = ask(&gateway.url, "a", true).await;
    assert_eq!(answer.told(), Told::Failed("502".into()));
    assert!(began.elapsed() < Duration::from_secs(4), "the default is 5 s: {:?}", began.elapsed());
}

#[tokio::test]
async fn the_key_of_the_environment_takes_the_place_of_the_readers() {
    let reply = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::start(move |_| Reply::new(reply)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[upstream]\napi_key_env = \"TEST_KEY\"\n").unwrap();
    let args = ["--config", file.path().to_str().unwrap(), "--upstream", &upstream.url()];
    for key in ["sk-ours", ""] {
        let gateway = Gateway::start_with("serve", &args, |command| {
            command.env("TEST_KEY", key);
        });
        for path in [CHAT, Wire::Messages.path()] {
            let mut asked = post(&format!("{}{path}", gateway.url), question("a", false));
            asked.headers_mut().insert("authorization", "Bearer sk-reader".parse().unwrap());
            asked.headers_mut().insert("x-api-key", "sk-reader-too".parse().unwrap());
            send(&client(), asked).await;
        }
    }
    let seen: Vec<_> = upstream.seen().into_iter().map(|seen| seen.head).collect();
    assert!(
        seen[0].contains("authorization: Bearer sk-ours\r\n") && !seen[0].contains("sk-reader"),
        "{}",
        seen[0]
    );
    assert!(seen[1].contains("x-api-key: sk-ours\r\n") && !seen[1].contains("sk-reader"), "{}", seen[1]);
    for own in &seen[2..] {
        assert!(own.contains("Bearer sk-reader\r\n") && own.contains("x-api-key: sk-reader-too"), "{own}");
    }
}

#[tokio::test]
async fn the_log_is_json_on_standard_error_one_line_a_call_and_without_keys() {
    let mock = mock(json!({"script": ["none", {"kind": "cut"}]})).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[log]\nformat = \"json\"\nlevel = \"info\"\n").unwrap();
    let args = ["--config", file.path().to_str().unwrap(), "--upstream", &mock.url()];
    let gateway = Gateway::start_with("serve", &args, |command| {
        command.stderr(Stdio::piped());
    });
    for _ in 0..2 {
        let mut asked = post(&format!("{}{CHAT}", gateway.url), question("my secret question", true));
        asked.headers_mut().insert("authorization", "Bearer sk-reader".parse().unwrap());
        send(&client(), asked).await;
    }
    send(&client(), request(Method::GET, &format!("{}/healthz", gateway.url))).await;
    let log = gateway.log().await;
    assert!(!log.contains("sk-reader") && !log.contains("my secret"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["target"] == "gateway::stats").collect();
    assert_eq!(calls.len(), 2, "{log}");
    assert_eq!((&calls[0]["level"], &calls[0]["fields"]["ending"]), (&json!("INFO"), &json!("complete")));
    assert_eq!((&calls[1]["level"], &calls[1]["fields"]["ending"]), (&json!("WARN"), &json!("truncated")));
    assert_eq!((&calls[0]["fields"]["status"], &calls[0]["fields"]["attempts"]), (&json!(200), &json!(1)));
    assert!(calls[0]["span"]["id"].as_str().unwrap().starts_with("req_"), "{}", calls[0]);
}
