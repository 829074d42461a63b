use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::{Process, Waiting, ask, free_port};

/// One server, which writes down what it is told before it says so (AOF, `appendfsync always`).
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    password: Option<String>,
    process: Process,
}

/// A certificate of `localhost` that nobody else has signed.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder }
    }

    /// The certificate's file, which who is to trust it needs.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

impl Server {
    /// A server of its own, for everybody who asks.
    pub async fn standalone() -> Self {
        Self::with(&[], None).await
    }

    /// One that only takes this password of the user `default`.
    pub async fn with_password(password: &str) -> Self {
        Self::with(&["--requirepass", password], Some(password)).await
    }

    /// One that also speaks TLS, on [`tls_port`](Self::tls_port), and its certificate.
    pub async fn tls() -> (Self, Certificate) {
        let certificate = Certificate::new();
        let file = |name: &str| certificate.folder.path().join(name).display().to_string();
        let (cert, key) = (file("cert.pem"), file("key.pem"));
        let port = free_port().to_string();
        let arguments = [
            ["--tls-port", &port],
            ["--tls-cert-file", &cert],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &cert],
            ["--tls-auth-clients", "no"],
        ];
        (Self::with(&arguments.concat(), None).await, certificate)
    }

    /// One that follows another.
    pub async fn replica_of(master: u16) -> Self {
        Self::with(&["--replicaof", &format!("127.0.0.1 {master}"), "--repl-diskless-sync-delay", "0"], None)
            .await
    }

    /// One with these further arguments.
    pub async fn with(more: &[&str], password: Option<&str>) -> Self {
        loop {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let arguments = arguments(port, more);
            let process = Process::start(folder.path(), &arguments);
            let password = password.map(str::to_owned);
            let mut server = Self { folder, port, arguments, password, process };
            if server.ready().await {
                return server;
            }
            // Somebody else was given the port.
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port it speaks TLS on, where it does.
    pub fn tls_port(&self) -> Option<u16> {
        let at = self.arguments.iter().position(|argument| argument == "--tls-port")?;
        self.arguments.get(at + 1)?.parse().ok()
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it keeps its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it without a goodbye.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, with the port and the data it had.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = Process::start(self.folder.path(), &self.arguments);
        assert!(self.ready().await, "the port {} was taken meanwhile", self.port);
    }

    /// Its answer to an inline command.
    pub async fn ask(&self, command: &str) -> String {
        let answer = ask(self.port, self.password.as_deref(), command).await;
        answer.unwrap_or_else(|| panic!("no answer to {command}"))
    }

    /// Waits until its answer to a command has this in it.
    pub async fn until(&self, command: &str, has: &str) {
        let waiting = Waiting::until(format!("{command} has {has}"));
        while !ask(self.port, self.password.as_deref(), command).await.is_some_and(|it| it.contains(has)) {
            waiting.longer().await;
        }
    }

    /// Whether it came up, rather than end at once.
    async fn ready(&mut self) -> bool {
        let waiting = Waiting::until("the server answers");
        while !ask(self.port, self.password.as_deref(), "PING").await.is_some_and(|it| it.contains("PONG")) {
            if self.process.has_ended() {
                return false;
            }
            waiting.longer().await;
        }
        // Not somebody else's.
        !self.process.has_ended()
    }
}

fn arguments(port: u16, more: &[&str]) -> Vec<String> {
    let port = port.to_string();
    let always = [
        ["--port", &port],
        ["--bind", "127.0.0.1"],
        ["--save", ""],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        // Tests stop replicas and ask for the wildest things.
        ["--enable-debug-command", "yes"],
    ];
    always.concat().into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
}
