//! The example gateway, made of lastbyte's layers.
//!
//! `gateway demo` is the one to begin with. The README beside this crate has the rest.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use lastbyte_mock::{Faults, Mock, MockConfig};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

mod admin;
mod calls;
mod cli;
mod config;
mod demo;
mod drain;
mod journal;
mod places;
mod proxy;
mod quotas;
mod redact;
mod routes;
mod server;
mod stats;
mod tenants;
mod upstream;

use cli::{Cli, Command, MockArgs, RedactArgs, Shared};
use config::{Config, LogFormat};
use drain::Drain;
use lastbyte::redact::trace::{RedactLayer, install_panic_hook};

/// What went wrong, by the exit code it has.
#[derive(Debug)]
enum Failed {
    /// 2: wrong usage or configuration.
    Usage(String),
    /// 1: while running.
    Running(String),
}

fn main() -> ExitCode {
    // clap prints what is wrong and exits with 2 by itself.
    let cli = Cli::parse();
    // A call has two connections, and the usual soft limit is 1024 of them.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Failed::Running(format!("threads cannot be started: {error}"))),
    };
    let done = match &cli.command {
        Command::Demo(shared) => runtime.block_on(run_demo(shared)),
        Command::Serve(shared) => runtime.block_on(run_serve(shared)),
        Command::Mock(args) => runtime.block_on(run_mock(args)),
        Command::Redact(args) => run_redact(args),
        Command::Check(shared) => load(Config::default(), shared).map(|config| print(&config.to_string())),
    };
    // What is still open has had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done.map_or_else(fail, |()| ExitCode::SUCCESS)
}

fn fail(failed: Failed) -> ExitCode {
    let (text, code) = match failed {
        Failed::Usage(text) => (text, 2),
        Failed::Running(text) => (text, 1),
    };
    for line in text.lines() {
        eprintln!("gateway: {line}");
    }
    ExitCode::from(code)
}

/// To standard output, which may be a pipe that nobody reads any more.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

fn load(defaults: Config, shared: &Shared) -> Result<Config, Failed> {
    config::load(defaults, &shared.sources()).map_err(|mistakes| Failed::Usage(mistakes.to_string()))
}

/// Everything that is logged is redacted as it is written.
fn start_log(config: &Config) -> Result<(), Failed> {
    let redactor = config.redact.redactor().map_err(Failed::Usage)?;
    let filter = EnvFilter::try_new(&config.log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = RedactLayer::new(redactor.clone()).with_writer(std::io::stderr);
    let layer = match config.log.format {
        LogFormat::Text => layer.with_colours(colours),
        LogFormat::Json => layer.with_json(),
    };
    install_panic_hook(redactor);
    // Where one is set already there is nothing to do.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    Ok(())
}

fn run_redact(args: &RedactArgs) -> Result<(), Failed> {
    let redactor = redact::redactor(args).map_err(Failed::Usage)?;
    let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let passed = if args.json {
        redact::json(&redactor, input, output)
    } else {
        redact::text(&redactor, input, output)
    };
    match passed {
        // Nobody reads any more: that is no fault of ours.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failed::Running(format!("standard input to output: {error}"))),
    }
}

fn listen(addr: SocketAddr, flag: &str) -> Result<TcpListener, Failed> {
    server::bind(addr).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("; another program has this port: choose one with {flag}")
            }
            _ => String::new(),
        };
        Failed::Running(format!("cannot listen on {addr}: {error}{hint}"))
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failed> {
    listener.local_addr().map_err(|error| Failed::Running(error.to_string()))
}

async fn run_serve(shared: &Shared) -> Result<(), Failed> {
    let config = load(Config::default(), shared)?;
    start_log(&config)?;
    run(config, None).await
}

async fn run_demo(shared: &Shared) -> Result<(), Failed> {
    // Answers go with the demo, and so does the folder.
    let folder = tempfile::Builder::new().prefix("lastbyte-demo-").tempdir();
    let folder = folder.map_err(|error| Failed::Running(format!("no temporary folder: {error}")))?;
    let mut config = load(demo::defaults(folder.path()), shared)?;
    start_log(&config)?;
    let mock = demo::mock(1).await.map_err(Failed::Running)?;
    if shared.upstream.is_none() {
        config.upstream.url = mock.url().parse().map_err(|_| Failed::Running("no URL of the mock".into()))?;
    }
    run(config, Some(mock)).await
}

async fn run(config: Config, mock: Option<Mock>) -> Result<(), Failed> {
    let public = listen(config.listen, "--listen")?;
    let admin = listen(config.admin_listen, "--admin-listen")?;
    let (public_addr, admin_addr) = (address(&public)?, address(&admin)?);
    let drain = Drain::default();
    let (timeout, stall_timeout) = (config.drain_timeout, config.backpressure.stall_timeout);
    let (upstream, key_env) = (config.upstream.url.clone(), config.upstream.api_key_env.clone());
    let store = journal::open(&config.store.url).await.map_err(Failed::Running)?;
    tracing::info!(store = %config.store.url.shown(), "answers are kept there");
    let proxy = proxy::Proxy::new(config, &store, drain.clone()).map_err(Failed::Usage)?;
    let proxy = Arc::new(proxy);
    if let (Some(name), false) = (&key_env, proxy.has_key()) {
        tracing::warn!("{name} is not set: the readers' own keys are passed on");
    }
    tracing::info!(%upstream, "calls go there");

    let mut router = routes::public(proxy.clone());
    let is_demo = mock.is_some();
    if let Some(mock) = mock {
        router = router.merge(demo::routes(mock));
    }
    let signals = Signals::new()?;
    print(&format!("listening on http://{public_addr}\nadmin on http://{admin_addr}"));
    if is_demo {
        print(&demo::pages(public_addr, admin_addr));
    }

    // Ends with the process: readiness is asked for while the readers' side drains.
    let (circuits, care, answers) = (proxy.clone(), proxy.clone(), proxy.answers.clone());
    let operators = routes::finish(routes::admin(proxy));
    let admin = server::serve(admin, operators, Drain::default(), Duration::ZERO, stall_timeout);
    let public = server::serve(public, routes::finish(router), drain.clone(), timeout, stall_timeout);
    let care = take_care(&care, &drain);
    let finish = async {
        tokio::pin!(public);
        let begun = tokio::select! {
            () = &mut public => tokio::time::Instant::now(),
            () = drain.begun() => {
                let begun = tokio::time::Instant::now();
                public.await;
                begun
            }
        };
        // Answers whose readers have left have the rest of the time; then somebody else may go on with them.
        let _ = tokio::time::timeout(timeout.saturating_sub(begun.elapsed()), answers.drained()).await;
        answers.interrupt();
        let _ = tokio::time::timeout(HAND_OVER, answers.drained()).await;
    };
    tokio::pin!(admin, finish);
    tokio::select! {
        () = &mut finish => {}
        () = &mut admin => {}
        () = circuits.log_circuits() => {}
        () = care => {}
        () = signals.twice(|| {
            tracing::info!("draining; a second signal ends at once");
            drain.begin();
        }) => tracing::warn!("ended at once"),
    }
    store.close().await;
    Ok(())
}

/// What answers that are still written have to be handed over.
const HAND_OVER: Duration = Duration::from_secs(1);

/// Looks after what was left behind, until the process drains; it never ends by itself.
async fn take_care(proxy: &proxy::Proxy, drain: &Drain) {
    tokio::select! {
        () = proxy.take_care() => {}
        // Who drains takes on nothing new: what it has it goes on with.
        () = drain.begun() => {}
    }
    std::future::pending().await
}

async fn run_mock(args: &MockArgs) -> Result<(), Failed> {
    let faults = match args.faults.as_deref() {
        None => Faults::default(),
        Some(given) => {
            let json = match given.strip_prefix('@') {
                Some(path) => std::fs::read_to_string(path)
                    .map_err(|error| Failed::Usage(format!("--faults: {path}: cannot be read: {error}")))?,
                None => given.to_owned(),
            };
            Faults::read(json.as_bytes()).map_err(|why| Failed::Usage(format!("--faults: {why}")))?
        }
    };
    let config = MockConfig { seed: args.seed, faults };
    let mock = Mock::bind(args.listen, config).await.map_err(|error| {
        Failed::Running(format!("cannot listen on {}: {error}; choose another with --listen", args.listen))
    })?;
    let signals = Signals::new()?;
    print(&format!("listening on http://{}", mock.addr()));
    signals.once().await;
    mock.shutdown().await;
    Ok(())
}

/// What asks the process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Result<Self, Failed> {
        use tokio::signal::unix::{SignalKind, signal};
        let on = |kind| signal(kind).map_err(|error| Failed::Running(format!("no signals: {error}")));
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self, Failed> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }

    async fn once(mut self) {
        self.next().await;
    }

    async fn twice(mut self, first: impl FnOnce()) {
        self.next().await;
        first();
        self.next().await;
    }
}
