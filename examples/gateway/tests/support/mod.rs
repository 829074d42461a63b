//! The gateway as a process of its own, a chat API in this one, and a reader that looks at every byte.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::{Faults, Mock, MockConfig};
use serde_json::{Value, json};

/// Far more than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

mod answer;
mod h2;
mod raw;
mod reader;
mod upstream;
mod wire;

pub(crate) use answer::{Answer, Told};
pub(crate) use h2::H2;
pub(crate) use raw::{Raw, dechunked};
pub(crate) use reader::{Got, Reader};
pub(crate) use upstream::{Reply, Seen, Upstream};
pub(crate) use wire::Wire;

pub(crate) const CHAT: &str = "/v1/chat/completions";

/// A running gateway; dropped, it is killed.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
    stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// `gateway COMMAND` on free ports, with more arguments.
    pub(crate) fn start(command: &str, args: &[&str]) -> Self {
        Self::start_with(command, args, |_| {})
    }

    /// The same with something else about the process.
    pub(crate) fn start_with(command: &str, args: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut process = binary();
        process
            // A file in the user's folder would be one for all tests.
            .env("GATEWAY_STORE__URL", "memory:")
            .arg(command)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        change(&mut process);
        let mut child = process.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = |start: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().strip_prefix(start).unwrap_or_else(|| panic!("{line:?}")).to_owned()
        };
        let (url, admin) = (line("listening on "), line("admin on "));
        Self { child, url, admin, stdout }
    }

    /// A gateway before this chat API, with these lines of configuration.
    pub(crate) fn before(mock: &Mock, config: &str) -> Self {
        Self::upstream(&mock.url(), config)
    }

    /// A gateway before whatever is there.
    pub(crate) fn upstream(url: &str, config: &str) -> Self {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), config).unwrap();
        Self::start("serve", &["--config", file.path().to_str().unwrap(), "--upstream", url])
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// How many bytes of it are in memory.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Lets it drain, so that the line of each call is written, and gives its log: of one that was started with a
    /// pipe for it.
    pub(crate) async fn log(mut self) -> String {
        let log = self.child.stderr.take().unwrap();
        self.terminate();
        let rest = self.exit_with_output().await;
        assert_eq!(rest, "", "standard output has the two addresses and nothing else");
        drain(log)
    }

    /// Waits for its end, which has to be a good one, and gives what else it wrote to standard output.
    pub(crate) async fn exit_with_output(mut self) -> String {
        let waited = tokio::task::spawn_blocking(move || {
            assert!(self.child.wait().unwrap().success());
            drain(&mut self.stdout)
        });
        tokio::time::timeout(PATIENCE, waited).await.expect("the gateway did not end").unwrap()
    }

    pub(crate) async fn exit(mut self) -> ExitStatus {
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

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env_remove("OPENAI_API_KEY");
    command
}

/// Runs to the end: the exit code, standard output, standard error.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    let done = binary().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

pub(crate) fn set_faults(mock: &Mock, faults: Value) {
    mock.set_faults(Faults::read(faults.to_string().as_bytes()).unwrap());
}

pub(crate) async fn mock(faults: Value) -> Mock {
    let faults = Faults::read(faults.to_string().as_bytes()).unwrap();
    Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 1, faults }).await.unwrap()
}

pub(crate) fn messages(question: &str) -> Value {
    json!([{"role": "user", "content": question}])
}

pub(crate) fn question(question: &str, stream: bool) -> Bytes {
    Bytes::from(json!({"model": "m", "messages": messages(question), "stream": stream}).to_string())
}

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) fn post(url: &str, body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(url).header("content-type", "application/json");
    request.body(Full::new(body)).unwrap()
}

pub(crate) fn request(method: Method, url: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(url).body(Full::default()).unwrap()
}

/// Sends it, and reads to the end.
pub(crate) async fn send(client: &Http, request: Request<Full<Bytes>>) -> Answer {
    read(client.request(request).await.unwrap()).await
}

/// Reads to the end.
pub(crate) async fn read(response: Response<Incoming>) -> Answer {
    let reading = async {
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
    tokio::time::timeout(PATIENCE, reading).await.expect("no end of the answer")
}

pub(crate) async fn ask(url: &str, words: &str, stream: bool) -> Answer {
    send(&client(), post(&format!("{url}{CHAT}"), question(words, stream))).await
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Everything a pipe has until it ends.
pub(crate) fn drain(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).unwrap();
    text
}
