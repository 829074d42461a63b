//! A way to a gateway that breaks once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Dropped, it ends with all its connections.
pub(crate) struct Line {
    pub(crate) url: String,
    opened: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl Line {
    /// A way to `url` whose first connection is reset once so many bytes have come back.
    pub(crate) async fn breaking(url: &str, after: u64) -> Self {
        let to: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let opened: Arc<AtomicUsize> = Arc::default();
        let counted = opened.clone();
        let mut accepting = JoinSet::new();
        // It ends with the line.
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
                let bytes = if is_first { after } else { u64::MAX };
                // It ends with either side, or with the line.
                connections.spawn(async move { drop(carry(near, to, bytes).await) });
            }
        });
        Self { url, opened, _accepting: accepting }
    }

    /// How many connections there were.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

async fn carry(near: TcpStream, to: SocketAddr, bytes: u64) -> io::Result<()> {
    let far = TcpStream::connect(to).await?;
    // Closed with something unread or not, the reader is told of a reset.
    if bytes < u64::MAX {
        near.set_zero_linger()?;
    }
    let (mut from_near, mut to_near) = near.into_split();
    let (from_far, mut to_far) = far.into_split();
    let asked = async {
        copy(&mut from_near, &mut to_far).await?;
        to_far.shutdown().await
    };
    let answered = async { copy(&mut from_far.take(bytes), &mut to_near).await };
    tokio::select! {
        Err(error) = asked => Err(error),
        done = answered => done.map(drop),
    }
}
