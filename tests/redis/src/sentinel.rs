use std::fs;

use tempfile::TempDir;

use crate::Server;
use crate::process::{Process, Waiting, ask, free_port};

/// What a sentinel says who knows the replica and the other sentinels.
const WHOLE: &str = "slaves=1,sentinels=3";

/// A master, a replica, and three sentinels who put the replica in its place within a few seconds.
#[derive(Debug)]
pub struct Sentinels {
    /// At first the master.
    pub master: Server,
    /// At first the replica.
    pub replica: Server,
    /// The sentinels' processes, their ports and their folders.
    sentinels: Vec<(Process, u16, TempDir)>,
}

impl Sentinels {
    /// The name by which they know the two.
    pub const SERVICE: &str = "lastbyte";

    /// Starts all of them, and waits until they know one another.
    pub async fn start() -> Self {
        let master = Server::standalone().await;
        let replica = Server::replica_of(master.port()).await;
        replica.until("INFO replication", "master_link_status:up").await;
        let mut sentinels = Vec::new();
        while sentinels.len() < 3 {
            if let Some(sentinel) = sentinel(master.port()).await {
                sentinels.push(sentinel);
            }
        }
        for (_, port, _) in &sentinels {
            let waiting = Waiting::until("the sentinels know one another");
            while !ask(*port, None, "INFO sentinel").await.is_some_and(|told| told.contains(WHOLE)) {
                waiting.longer().await;
            }
        }
        Self { master, replica, sentinels }
    }

    /// The URL by which a store finds the master.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|(_, port, _)| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{}", hosts.join(","), Self::SERVICE)
    }

    /// Waits until the replica has become the master.
    pub async fn failed_over(&self) {
        self.replica.until("INFO replication", "role:master").await;
    }
}

async fn sentinel(master: u16) -> Option<(Process, u16, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let (port, service) = (free_port(), Sentinels::SERVICE);
    let config = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {service} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {service} 1000\nsentinel failover-timeout {service} 5000\n"
    );
    let file = folder.path().join("sentinel.conf");
    fs::write(&file, config).unwrap();
    let arguments = [file.display().to_string(), "--sentinel".to_owned()];
    let mut process = Process::start(folder.path(), &arguments);
    let waiting = Waiting::until("the sentinel answers");
    while !ask(port, None, "PING").await.is_some_and(|answer| answer.contains("PONG")) {
        if process.has_ended() {
            return None;
        }
        waiting.longer().await;
    }
    Some((process, port, folder))
}
