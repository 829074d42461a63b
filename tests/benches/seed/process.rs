//! The gateway and the mock as processes of their own, so that what each costs can be told apart.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::NamedTempFile;

use crate::support::Done;

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
    // Open, so that what it writes has somewhere to go.
    _stdout: BufReader<ChildStdout>,
    _config: Option<NamedTempFile>,
}

impl Listening {
    /// `gateway mock`.
    pub(crate) fn mock(gateway: &str, seed: u64, faults: &str) -> Done<Self> {
        let seed = seed.to_string();
        Self::start(Command::new(gateway).args(["mock", "--seed", &seed, "--faults", faults]), None)
    }

    /// `gateway serve` before the mock at `upstream`.
    pub(crate) fn gateway(gateway: &str, upstream: &str, config: &str) -> Done<Self> {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
        file.write_all(config.as_bytes())?;
        let mut command = Command::new(gateway);
        command.arg("serve").arg("--config").arg(file.path()).args(["--upstream", &format!("{upstream}/v1")]);
        command.args(["--admin-listen", "127.0.0.1:0"]).env_remove("OPENAI_API_KEY");
        Self::start(&mut command, Some(file))
    }

    fn start(command: &mut Command, config: Option<NamedTempFile>) -> Done<Self> {
        let command = command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let mut listening = Self { child, url: String::new(), _stdout: stdout, _config: config };
        let url = line.trim_end().strip_prefix("listening on ").map(str::to_owned);
        listening.url = url.ok_or_else(|| format!("the gateway did not start: {line:?}"))?;
        Ok(listening)
    }

    pub(crate) fn chat(&self) -> String {
        format!("{}/v1/chat/completions", self.url)
    }

    /// Seconds of processor time that it has used; `None` where this system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn cpu(&self) -> Option<f64> {
        let stat = procfs::process::Process::new(self.child.id().try_into().ok()?).ok()?.stat().ok()?;
        Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn cpu(&self) -> Option<f64> {
        None
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
