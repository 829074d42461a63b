//! A chat API whose events say when they were sent. It has a thread and a runtime of its own.

use std::convert::Infallible;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::support::{Done, runtime};

/// How an answer goes: 1 KB/s in events of about 100 bytes, for 6 s.
pub(crate) const FIRST_EVENT: Duration = Duration::from_millis(50);
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);
pub(crate) const EVENTS: u32 = 60;

/// How many digits a stamp has: microseconds since the epoch of a [`Paced`].
pub(crate) const DIGITS: usize = 12;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// It runs; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Paced {
    pub(crate) url: String,
    /// What stamps count from.
    pub(crate) epoch: Instant,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Paced {
    pub(crate) fn start() -> Done<Self> {
        let epoch = Instant::now();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let bound = runtime().and_then(|runtime| {
                let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
                let addr = listener.local_addr()?;
                Ok((runtime, listener, addr))
            });
            let (runtime, listener) = match bound {
                Ok((runtime, listener, addr)) => {
                    let _ = tell.send(Ok(addr));
                    (runtime, listener)
                }
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, epoch) => {}
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{}", told.recv()??);
        Ok(Self { url, epoch, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, epoch: Instant) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, epoch));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, epoch: Instant) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, epoch));
    // Readers that leave break their connections.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, epoch: Instant) -> Done<Response<Body>> {
    request.into_body().collect().await?;
    let asked = Instant::now();
    let events = stream::iter(0..EVENTS).then(move |number| async move {
        sleep_until(asked + FIRST_EVENT + INTERVAL * number).await;
        let now = epoch.elapsed().as_micros();
        Bytes::from(event(&format!("{now:0DIGITS$}"), "null"))
    });
    let end = stream::iter([Bytes::from(event("", "\"stop\"") + "data: [DONE]\n\n")]);
    let body = StreamBody::new(events.chain(end).map(|piece| Ok(Frame::data(piece)))).boxed_unsync();
    Ok(Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body)?)
}

fn event(text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"a\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\
         \"finish_reason\":{finish}}}]}}\n\n"
    )
}
