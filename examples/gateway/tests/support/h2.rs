use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// One HTTP/2 connection, with prior knowledge. Dropped, it is closed.
pub(crate) struct H2 {
    sender: http2::SendRequest<Full<Bytes>>,
    connection: AbortHandle,
}

impl H2 {
    /// Connects with a window for each stream, and one that never is the narrow place for all of them.
    pub(crate) async fn connect(addr: SocketAddr, stream_window: u32) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(stream_window)
            .initial_connection_window_size(64 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { sender, connection: connection.abort_handle() }
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.sender.clone().send_request(request).await.unwrap()
    }
}

impl Drop for H2 {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
