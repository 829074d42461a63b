//! The gateway as a process of its own, a chat API in this one, and a reader that looks at every byte.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::{Faults, Mock, MockConfig};
use serde_json::{Value, json};

/// Far more than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const CHAT: &str = "/v1/chat/completions";

/// A running gateway; dropped, it is killed.
pub struct Gateway {
    pub child: Child,
    pub url: String,
    pub admin: String,
    _stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// `gateway COMMAND` on free ports, with more arguments.
    pub fn start(command: &str, args: &[&str]) -> Self {
        let mut child = binary()
            .arg(command)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = |start: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().strip_prefix(start).unwrap_or_else(|| panic!("{line:?}")).to_owned()
        };
        let (url, admin) = (line("listening on "), line("admin on "));
        Self { child, url, admin, _stdout: stdout }
    }

    /// A gateway before this chat API, with these lines of configuration.
    pub fn before(mock: &Mock, config: &str) -> Self {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), config).unwrap();
        Self::start("serve", &["--config", file.path().to_str().unwrap(), "--upstream", &mock.url()])
    }

    pub fn addr(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn exit(mut self) -> ExitStatus {
        let waited = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        tokio::time::timeout(PATIENCE, waited).await.expect("the gateway did not end").unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env_remove("OPENAI_API_KEY");
    command
}

/// Runs to the end: the exit code, standard output, standard error.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let done = binary().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

pub async fn mock(faults: Value) -> Mock {
    let faults = Faults::read(faults.to_string().as_bytes()).unwrap();
    Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await.unwrap()
}

pub fn messages(question: &str) -> Value {
    json!([{"role": "user", "content": question}])
}

pub fn question(question: &str, stream: bool) -> Bytes {
    Bytes::from(json!({"model": "m", "messages": messages(question), "stream": stream}).to_string())
}

/// What came back, and whether the transport said that this was all of it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub clean: bool,
}

/// How a streamed answer looks to one who reads it to its end.
#[derive(Debug, PartialEq)]
pub enum Told {
    Whole(String),
    /// The code of the error event, or the status.
    Failed(String),
    /// Neither: what must never be.
    Unknown,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{:?}", self.body))
    }

    /// The data of each event.
    pub fn events(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.body);
        let blocks = text.split("\n\n").filter_map(|block| {
            let lines: Vec<_> = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        });
        blocks.collect()
    }

    pub fn told(&self) -> Told {
        if !self.status.is_success() {
            return Told::Failed(self.status.as_str().to_owned());
        }
        let (mut text, mut finished) = (String::new(), false);
        for event in self.events() {
            let Ok(event) = serde_json::from_str::<Value>(&event) else { continue };
            if let Some(code) = event["error"]["code"].as_str() {
                return if self.clean { Told::Unknown } else { Told::Failed(code.to_owned()) };
            }
            text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
            finished |= event["choices"][0]["finish_reason"].is_string();
        }
        if finished && self.clean { Told::Whole(text) } else { Told::Unknown }
    }
}

pub type Http = Client<HttpConnector, Full<Bytes>>;

pub fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

pub fn post(url: &str, body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(url).header("content-type", "application/json");
    request.body(Full::new(body)).unwrap()
}

pub fn request(method: Method, url: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(url).body(Full::default()).unwrap()
}

/// Sends it, and reads to the end.
pub async fn send(client: &Http, request: Request<Full<Bytes>>) -> Answer {
    let reading = async {
        let response = client.request(request).await.unwrap();
        let (head, mut body) = response.into_parts();
        let (mut bytes, mut clean) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    clean = false;
                    break;
                }
            }
        }
        Answer { status: head.status, headers: head.headers, body: bytes.into(), clean }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("no answer")
}

pub async fn ask(url: &str, words: &str, stream: bool) -> Answer {
    send(&client(), post(&format!("{url}{CHAT}"), question(words, stream))).await
}

/// Waits until it is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Everything a pipe has until it ends.
pub fn drain(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).unwrap();
    text
}
