//! The accept loop, on both listeners.
//!
//! hyper-util instead of `axum::serve`: small events must leave at once (`TCP_NODELAY`), a broken answer
//! has to know when its last event was written ([`Flushed`]), and draining has an end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use lastbyte::core::{Flushed, Hangup};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::drain::Drain;
use io_flush::{FlushIo, Turns};

#[path = "server/io_flush.rs"]
mod io_flush;

/// How many connections may wait to be accepted. 128, the usual number, loses some of a burst.
const BACKLOG: i32 = 4096;

/// How long a connection may take to send the head of a request.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent HTTP/2 connection is asked whether its reader is still there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// What HTTP/2 takes of a head, in bytes: more than is allowed, so that the answer that says so can be ours.
const HEADER_LIST: u32 = 256 << 10;

/// What streams that had to be interrupted have for their error event to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How many bytes may wait in the kernel to be sent, on each connection: what has not been acknowledged
/// does not count, so that a long way is not a slow one.
#[cfg(target_os = "linux")]
const NOT_SENT: u32 = 16 << 10;

/// The same where there is only one number for both.
#[cfg(not(target_os = "linux"))]
const SEND_BUFFER: usize = 128 << 10;

/// What hyper keeps of an HTTP/1 connection's answer that cannot be written, and of a request's head, in
/// bytes. Above the largest head that is allowed, so that the answer that says so can be ours.
const HTTP1_BUFFER: usize = 80 << 10;

/// What is kept of one HTTP/2 stream that cannot be written, in bytes.
const HTTP2_BUFFER: usize = 64 << 10;

/// Listens on `addr`.
pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of its predecessor to be forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts a connection, with Nagle's algorithm off: with it every small event waits for the reader to
/// acknowledge the one before, 40 ms where the reader delays that.
///
/// And with little of an answer in the kernel that has not been sent: it takes megabytes, so that nobody
/// would feel a reader that stopped. A connection that takes nothing is given up after twice `stall_timeout`.
async fn accept(listener: &TcpListener, stall_timeout: Duration) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(&stream);
        socket.set_tcp_notsent_lowat(NOT_SENT)?;
        // Later than the watchdog, which knows whose fault it is.
        socket.set_tcp_user_timeout(Some(stall_timeout.saturating_mul(2)))?;
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stall_timeout;
        socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    }
    Ok(stream)
}

/// Serves until `drain` begins, then until the open requests have ended or `timeout` is over.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    drain: Drain,
    timeout: Duration,
    stall_timeout: Duration,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(HTTP2_BUFFER);

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = drain.begun() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, stall_timeout) => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    // Out of files, most likely: others have to end first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let (flusher, flushed) = Flushed::new();
        let router = router.clone();
        let hangup = Hangup::new();
        let asked = hangup.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(flushed.clone());
            // HTTP/2 resets the one stream.
            if request.version() < Version::HTTP_2 {
                request.extensions_mut().insert(hangup.clone());
            }
            router.clone().oneshot(request)
        });
        let io = FlushIo::new(TokioIo::new(stream), flusher.clone());
        let connection = builder.serve_connection(io, service).into_owned();
        let connection = Turns::new(graceful.watch(connection), flusher);
        // The reader ends it by closing, or this set with the listener.
        connections.spawn(async move {
            tokio::select! {
                () = asked.asked() => tracing::debug!("a reader stopped reading, its connection is closed"),
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended with an error");
                },
            }
        });
    }

    // From here nobody is accepted: whoever balances the load sees it.
    drop(listener);
    let finished = graceful.shutdown();
    tokio::pin!(finished);
    tokio::select! {
        () = &mut finished => return,
        () = tokio::time::sleep(timeout) => {}
    }
    tracing::warn!(open = connections.len(), "the drain timeout is over, what is open is interrupted");
    drain.interrupt();
    let _ = tokio::time::timeout(LAST_WORDS, finished).await;
    // Dropping the set ends the rest.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_accepted_connection_has_nagle_off() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(!client.nodelay().unwrap(), "the system's default is to have it on");
        assert!(accept(&listener, Duration::from_secs(30)).await.unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let error = bind(listener.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
