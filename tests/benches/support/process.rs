//! The gateway and the mock as processes of their own, so that what each costs can be told apart.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lastbyte_mock::Faults;
use tempfile::NamedTempFile;

use super::Done;

/// Builds the gateway as it is shipped. Its path.
pub(crate) fn built() -> Done<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--package", "gateway", "--bin", "gateway"]);
    if !cargo.status()?.success() {
        return Err("the gateway could not be built".into());
    }
    let told = cargo.args(["--message-format", "json", "--quiet"]).output()?;
    let messages = String::from_utf8(told.stdout)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executable = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    Ok(executable.next_back().ok_or("cargo did not say where it built the gateway")?)
}

/// A process that listens; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Listening {
    child: Child,
    /// Where, with the scheme.
    pub(crate) url: String,
    /// Where operators connect; a mock has no such side.
    pub(crate) admin: String,
    // Open, so that what it writes has somewhere to go.
    stdout: BufReader<ChildStdout>,
    _config: Option<NamedTempFile>,
}

impl Listening {
    /// `gateway mock`.
    pub(crate) fn mock(gateway: &str, seed: u64, faults: &Faults) -> Done<Self> {
        let (seed, faults) = (seed.to_string(), serde_json::to_string(faults)?);
        Self::start(Command::new(gateway).args(["mock", "--seed", &seed, "--faults", &faults]), None)
    }

    /// `gateway serve` before the mock at `upstream`.
    pub(crate) fn gateway(gateway: &str, upstream: &str, config: &str) -> Done<Self> {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
        file.write_all(config.as_bytes())?;
        let mut command = Command::new(gateway);
        command.arg("serve").arg("--config").arg(file.path()).args(["--upstream", &format!("{upstream}/v1")]);
        command.args(["--admin-listen", "127.0.0.1:0"]).env_remove("OPENAI_API_KEY");
        if !config.contains("[store]") {
            // Not the file of whoever runs this.
            command.args(["--store", "memory:"]);
        }
        let mut gateway = Self::start(&mut command, Some(file))?;
        gateway.admin = gateway.line("admin on ")?;
        Ok(gateway)
    }

    fn start(command: &mut Command, config: Option<NamedTempFile>) -> Done<Self> {
        let command = command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let (url, admin) = (String::new(), String::new());
        let mut listening = Self { child, url, admin, stdout, _config: config };
        listening.url = listening.line("listening on ")?;
        Ok(listening)
    }

    /// The next line that it writes, behind `start`.
    fn line(&mut self, start: &str) -> Done<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let rest = line.trim_end().strip_prefix(start).map(str::to_owned);
        Ok(rest.ok_or_else(|| format!("the gateway did not start: {line:?}"))?)
    }

    pub(crate) fn chat(&self) -> String {
        format!("{}/v1/chat/completions", self.url)
    }

    /// Tells a mock what goes wrong from now on.
    pub(crate) async fn set_faults(&self, faults: &Faults) -> Done {
        let faults = serde_json::to_string(faults)?;
        send(Method::POST, &format!("{}/faults", self.url), faults).await.map(drop)
    }

    /// How many requests a mock has seen.
    pub(crate) async fn requests(&self) -> Done<u64> {
        let stats = send(Method::GET, &format!("{}/stats", self.url), String::new()).await?;
        let stats: serde_json::Value = serde_json::from_slice(&stats)?;
        Ok(stats["requests"].as_u64().ok_or("the mock did not say how many requests it has seen")?)
    }

    /// A metric of a gateway; 0 where it has no such line yet.
    pub(crate) async fn metric(&self, name: &str) -> Done<u64> {
        let text = send(Method::GET, &format!("{}/metrics", self.admin), String::new()).await?;
        let text = std::str::from_utf8(&text)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.map_or(Ok(0), str::parse)?)
    }

    /// Seconds of processor time that it has used; `None` where this system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn cpu(&self) -> Option<f64> {
        let stat = self.process()?.stat().ok()?;
        Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn cpu(&self) -> Option<f64> {
        None
    }

    /// Bytes that it has given the disk to write; `None` where this system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn written(&self) -> Option<u64> {
        Some(self.process()?.io().ok()?.write_bytes)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn written(&self) -> Option<u64> {
        None
    }

    /// What it takes of the machine now; `None` where this system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn held(&self) -> Option<Held> {
        let status = self.process()?.status().ok()?;
        let (resident, most_resident) = (status.vmrss? << 10, status.vmhwm? << 10);
        Some(Held { threads: status.threads, resident, most_resident })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn held(&self) -> Option<Held> {
        None
    }

    #[cfg(target_os = "linux")]
    fn process(&self) -> Option<procfs::process::Process> {
        procfs::process::Process::new(self.child.id().try_into().ok()?).ok()
    }
}

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) threads: u64,
    /// Bytes in memory, now and at most since its start.
    pub(crate) resident: u64,
    pub(crate) most_resident: u64,
}

/// Sends one request. What came back, where that is a success.
async fn send(method: Method, url: &str, body: String) -> Done<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body)))?;
    let response = client.request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status.is_success() { Ok(body) } else { Err(format!("{url}: {status}").into()) }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
