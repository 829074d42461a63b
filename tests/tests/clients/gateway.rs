//! The gateway as a process, and a place for each client to try it from.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use futures_util::future::join_all;
use lastbyte_mock::{Faults, Mock, MockConfig};
use serde_json::{Value, json};

use crate::client::{Client, Sdk};
use crate::program::told;
use crate::script::Script;

/// What texts and faults are a function of; the demo's chat API has the same.
pub(crate) const SEED: u64 = 1;

/// A running gateway; dropped, it is killed.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
    // A log that nobody reads must not break the pipe.
    _stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// `gateway COMMAND` on free ports, with more arguments.
    pub(crate) fn start(command: &str, args: &[&str]) -> Self {
        let mut child = Command::new(told("LASTBYTE_GATEWAY"))
            .arg(command)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(args)
            .env_remove("OPENAI_API_KEY")
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

    /// A gateway before a chat API at `upstream`, with these lines of configuration.
    pub(crate) fn before(upstream: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, config).unwrap();
        // By default answers are kept in the home of whoever runs this.
        let store = ["--store", "memory:"];
        let args = ["--config", file.to_str().unwrap(), "--upstream", upstream];
        Self::start("serve", &[store.as_slice(), &args].concat())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chat API in this process.
pub(crate) async fn mock(faults: &Value) -> Mock {
    let config = MockConfig { seed: SEED, faults: faults_of(faults) };
    Mock::bind(([127, 0, 0, 1], 0).into(), config).await.unwrap()
}

pub(crate) fn faults_of(json: &Value) -> Faults {
    Faults::read(json.to_string().as_bytes()).unwrap()
}

/// A client, its gateway, and the chat API behind that: nobody else uses the last two.
pub(crate) struct Place<U = Mock> {
    pub(crate) sdk: Sdk,
    pub(crate) client: Client,
    pub(crate) gateway: Gateway,
    pub(crate) upstream: U,
}

/// Runs a test for each of these clients, all at once, with these lines of the gateway's configuration.
pub(crate) async fn for_each(sdks: &[Sdk], config: &str, test: impl AsyncFn(&Place)) {
    let tests = sdks.iter().map(async |sdk| {
        let upstream = mock(&json!({})).await;
        let gateway = Gateway::before(&upstream.url(), config);
        test(&Place { sdk: *sdk, client: sdk.at(&gateway.url), gateway, upstream }).await;
    });
    join_all(tests).await;
}

/// The same with a chat API whose bytes the test chooses.
pub(crate) async fn for_each_scripted(sdks: &[Sdk], config: &str, test: impl AsyncFn(&Place<Script>)) {
    let tests = sdks.iter().map(async |sdk| {
        let upstream = Script::start().await;
        let gateway = Gateway::before(&upstream.url, config);
        test(&Place { sdk: *sdk, client: sdk.at(&gateway.url), gateway, upstream }).await;
    });
    join_all(tests).await;
}
