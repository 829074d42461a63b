use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::capacity::Bucket;
use crate::recent::Recent;
use crate::stats::{Counters, Running};
use crate::{Fault, Faults, Kind, Stats, reset, routes};

/// How many connections may wait to be accepted: a burst of clients at once is what is tried here.
const BACKLOG: i32 = 4096;

/// What a [`Mock`] begins with.
#[derive(Clone, Debug)]
pub struct MockConfig {
    /// What texts and faults are a function of.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for MockConfig {
    /// Seed 1, no faults.
    fn default() -> Self {
        Self { seed: 1, faults: Faults::default() }
    }
}

/// A running chat API. Dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Mock {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) seed: u64,
    pub(crate) counters: Counters,
    pub(crate) recent: Recent,
    ids: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: Arc<Faults>,
    random: fastrand::Rng,
    number: usize,
    bucket: Bucket,
}

impl Mock {
    /// Listens on `addr` (port 0: any free one).
    ///
    /// # Errors
    ///
    /// Those of the socket: an address in use, above all.
    pub async fn bind(addr: SocketAddr, config: MockConfig) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            seed: config.seed,
            counters: Counters::default(),
            recent: Recent::default(),
            ids: AtomicU64::new(0),
            state: Mutex::new(State::new(config.seed, Arc::new(config.faults))),
        });
        // Dropping `Mock` ends it, and its connections with it: they are in its `JoinSet`.
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { addr, shared, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of the API, which ends in `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Changes what goes wrong, and begins the script anew.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.shared.counters.lock().clone()
    }

    /// What the calls with this `x-request-id` met, in order, among the last 1024 calls that had one: the
    /// attempts of a gateway at one answer share their id.
    pub fn met(&self, request_id: &str) -> Vec<Fault> {
        self.shared.recent.of(request_id)
    }

    /// Forgets what was counted, and rolls the dice from the seed again.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Ends it with all its connections.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn new(seed: u64, faults: Arc<Faults>) -> Self {
        Self { faults, random: fastrand::Rng::with_seed(seed), number: 0, bucket: Bucket::default() }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> Arc<Faults> {
        self.state().faults.clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.state() = State::new(self.seed, Arc::new(faults));
    }

    pub(crate) fn reset(&self) {
        let mut state = self.state();
        *state = State::new(self.seed, state.faults.clone());
        let active = self.counters.lock().active;
        *self.counters.lock() = Stats { active, peak: active, ..Stats::default() };
    }

    /// The fault of the next chat request.
    pub(crate) fn choose(&self) -> (Arc<Faults>, Fault) {
        let mut state = self.state();
        let (number, random) = (state.number, state.random.f64());
        state.number += 1;
        (state.faults.clone(), state.faults.choose(number, random))
    }

    /// Takes a chat request in, if there is room for it.
    pub(crate) fn admit(&self, faults: &Faults, kind: Kind, now: Instant) -> Option<Running> {
        let mut state = self.state();
        let admit = |active| match &faults.capacity {
            Some(capacity) => state.bucket.admit(capacity, active, now),
            None => true,
        };
        self.counters.begin(kind, admit)
    }

    pub(crate) fn next_id(&self) -> String {
        format!("mock-{}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, shared.clone()));
                }
                // Out of files, most likely: others have to end first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let (stream, reset) = reset::on_demand(stream);
    let service = service_fn(move |request| routes::answer(shared.clone(), reset.clone(), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is what faults are for.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
