use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What stands between a store and its server, and loses a reply on demand: the server has done what it was told,
/// and nobody hears of it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    /// The reply that has this in it is lost, once.
    lost: Arc<Mutex<Option<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Stands before the server at this port.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lost = Arc::<Mutex<Option<Vec<u8>>>>::default();
        let mut tasks = JoinSet::new();
        let shared = lost.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, shared.clone()));
            }
        });
        Self { port, lost, _tasks: tasks }
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Loses the next reply that has this in it, and the connection with it.
    pub fn lose(&self, reply: &str) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply.into());
    }

    /// Whether it was lost.
    pub fn has_lost(&self) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

async fn carry(mut client: TcpStream, server: u16, lost: Arc<Mutex<Option<Vec<u8>>>>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let asked = async { while pass(&mut from_client, &mut to_server, |_| true).await {} };
    let told = async {
        let is_heard = |reply: &[u8]| {
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            let is_lost = lost.as_ref().is_some_and(|lost| reply.windows(lost.len()).any(|at| at == lost));
            if is_lost {
                *lost = None;
            }
            !is_lost
        };
        while pass(&mut from_server, &mut to_client, is_heard).await {}
    };
    tokio::select! {
        () = asked => {}
        () = told => {}
    }
}

/// Passes on what comes; `false` where it was the last.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    is_heard: impl FnOnce(&[u8]) -> bool,
) -> bool {
    let mut buffer = vec![0; 1 << 16];
    match from.read(&mut buffer).await {
        Ok(read) if read > 0 && is_heard(&buffer[..read]) => to.write_all(&buffer[..read]).await.is_ok(),
        _ => false,
    }
}
