use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Longer than any server takes to begin or to agree with others, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server's process, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a server with these arguments, in this folder.
    pub(crate) fn start(folder: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new("redis-server");
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        let started = command.stderr(Stdio::null()).spawn();
        Self(started.expect("redis-server has to be on the PATH; `cargo xtask test` installs it"))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Ends it without a goodbye (SIGKILL).
    pub(crate) fn kill(&mut self) {
        // Both fail for one that has ended and was waited for, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has, and that is free ten thousand higher, too, where nodes of a cluster speak to one
/// another. Somebody may take it before it is used.
pub(crate) fn free_port() -> u16 {
    loop {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        if let Some(bus) = port.checked_add(10_000)
            && TcpListener::bind(("127.0.0.1", bus)).is_ok()
        {
            return port;
        }
    }
}

/// Asks a server by an inline command, and gives its answer as it is on the wire: one line, or the lines of a
/// text. `None` where there is no answer.
pub(crate) async fn ask(port: u16, password: Option<&str>, command: &str) -> Option<String> {
    let asked = async {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.ok()?);
        let mut line = String::new();
        if let Some(password) = password {
            stream.write_all(format!("AUTH {password}\r\n").as_bytes()).await.ok()?;
            stream.read_line(&mut line).await.ok()?;
            line.clear();
        }
        stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if let Some(length) = line.strip_prefix('$') {
            let mut left: i64 = length.trim().parse().ok()?;
            let mut text = String::new();
            while left > 0 {
                left -= stream.read_line(&mut text).await.ok().filter(|read| *read > 0)? as i64;
            }
            return Some(text);
        }
        Some(line)
    };
    timeout(Duration::from_secs(2), asked).await.ok().flatten()
}

/// Waits for something that has to come.
pub(crate) struct Waiting {
    what: String,
    since: Instant,
}

impl Waiting {
    pub(crate) fn until(what: impl Into<String>) -> Self {
        Self { what: what.into(), since: Instant::now() }
    }

    /// Waits a little longer, and fails where that is too long.
    pub(crate) async fn longer(&self) {
        assert!(self.since.elapsed() < PATIENCE, "waited {PATIENCE:?} until {}", self.what);
        sleep(Duration::from_millis(20)).await;
    }
}
