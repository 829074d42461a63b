use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// An upstream that says byte for byte what it is told to, for what no chat API would say.
pub(crate) struct Upstream {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: AbortHandle,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The request line and the headers, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.head.lines().any(|line| line.starts_with(&format!("{name}:")))
    }
}

/// What is sent back: bytes, and more that are repeated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) head: Bytes,
    pub(crate) part: Bytes,
    pub(crate) times: usize,
    /// The time between two of them.
    pub(crate) every: Duration,
}

impl Reply {
    pub(crate) fn new(all: impl Into<Bytes>) -> Self {
        Self { head: all.into(), ..Self::default() }
    }
}

impl Upstream {
    /// Answers each request with what `reply` makes of it.
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, reply) = (Arc::new(Mutex::new(Vec::new())), Arc::new(reply));
        let all = seen.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, all.clone(), reply.clone()));
            }
        });
        Self { port, seen, accepting: accepting.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Seen>>>,
    reply: Arc<impl Fn(&Seen) -> Reply + Send + Sync>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.unwrap_or(0);
        while read.len() < end + length {
            stream.read_buf(&mut read).await?;
        }
        let body = Bytes::copy_from_slice(&read[end..end + length]);
        read.drain(..end + length);
        let one = Seen { head, body };
        let Reply { head, part, times, every } = reply(&one);
        seen.lock().unwrap().push(one);
        stream.write_all(&head).await?;
        for _ in 0..times {
            stream.write_all(&part).await?;
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
        }
    }
}
