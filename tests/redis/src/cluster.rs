use std::process::{Command, Stdio};

use crate::Server;

/// Six nodes: three masters that share the slots, and a replica of each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts the nodes, makes them a cluster, and waits until each of them says that it is whole.
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        while nodes.len() < 6 {
            let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
            nodes.push(Server::with(&arguments, None).await);
        }
        let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(&hosts).args(["--cluster-replicas", "1", "--cluster-yes"]);
        let made = create.stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for node in &nodes {
            node.until("CLUSTER INFO", "cluster_state:ok").await;
            node.until("CLUSTER INFO", "cluster_known_nodes:6").await;
        }
        for node in &nodes[3..] {
            node.until("INFO replication", "master_link_status:up").await;
        }
        Self { nodes }
    }

    /// Its nodes: the first three began as masters.
    pub fn nodes(&mut self) -> &mut [Server] {
        &mut self.nodes
    }

    /// Its address, by two of its nodes.
    pub fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", self.nodes[0].port(), self.nodes[1].port())
    }
}
