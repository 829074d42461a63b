//! A chat API that answers every request with the same bytes: for what the mock does not say.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A part of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Bytes(&'static str),
    Pause(Duration),
    /// The connection is closed without the last chunk.
    Cut,
    /// The connection is reset.
    Reset,
}

/// Dropped, it ends with all its connections.
pub(crate) struct Script {
    pub(crate) url: String,
    parts: Arc<Mutex<Vec<Part>>>,
    _accepting: JoinSet<()>,
}

impl Script {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let parts: Arc<Mutex<Vec<Part>>> = Arc::default();
        let of_all = parts.clone();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let parts = of_all.lock().unwrap().clone();
                // A gateway that leaves early is no failure here.
                connections.spawn(async move { drop(answer(stream, &parts).await) });
            }
        });
        Self { url, parts, _accepting: accepting }
    }

    /// From now on every answer is these parts; without another end, it ends as it is framed.
    pub(crate) fn say(&self, parts: Vec<Part>) {
        *self.parts.lock().unwrap() = parts;
    }
}

async fn answer(mut stream: TcpStream, parts: &[Part]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    read_request(&mut stream).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for part in parts {
        match part {
            Part::Bytes(bytes) => {
                stream.write_all(format!("{:x}\r\n{bytes}\r\n", bytes.len()).as_bytes()).await?;
            }
            Part::Pause(time) => tokio::time::sleep(*time).await,
            Part::Cut => return Ok(()),
            Part::Reset => return stream.set_zero_linger(),
        }
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ").and_then(|it| it.parse().ok())
        });
        if body.len() >= length.unwrap_or(0) {
            return Ok(());
        }
    }
}
