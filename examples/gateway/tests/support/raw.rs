use std::net::SocketAddr;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection of which every byte is looked at.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    /// One whose system holds about so many bytes that it has not read.
    pub(crate) async fn narrow(addr: SocketAddr, receive: usize) -> Self {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP)).unwrap();
        // Before it connects: the window that is announced cannot be taken back.
        socket.set_recv_buffer_size(receive).unwrap();
        socket.connect(&addr.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(TcpStream::from_std(socket.into()).unwrap())
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Bytes) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    }

    /// Everything up to the end of the connection, or up to where it broke.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let reading = self.0.read_to_end(&mut all);
        let _ = tokio::time::timeout(super::PATIENCE, reading).await.expect("no end of the connection");
        all
    }

    /// Reads until `end` was read.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        let reading = async {
            while !all.windows(end.len()).any(|window| window == end) {
                let read = self.0.read_buf(&mut all).await.unwrap();
                assert_ne!(read, 0, "it ended before: {:?}", String::from_utf8_lossy(&all));
            }
        };
        tokio::time::timeout(super::PATIENCE, reading).await.expect("it never came");
        all
    }
}

/// The head of an answer, the data in its chunks, and whether the last chunk came.
pub(crate) fn dechunked(answer: &[u8]) -> (String, Vec<u8>, bool) {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("no head");
    let head = String::from_utf8(answer[..split].to_vec()).unwrap();
    let (mut rest, mut data) = (&answer[split + 4..], Vec::new());
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (head, data, true);
        }
        let chunk = &rest[line + 2..];
        data.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = &chunk[(size + 2).min(chunk.len())..];
    }
    (head, data, false)
}
