//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Sources;

/// A gateway that carries chat answers to their last byte.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything at once, with no key and no set-up: a chat API that fails often, the gateway, a page.
    Demo(Shared),
    /// The gateway.
    Serve(Shared),
    /// The fault-injecting chat API alone.
    Mock(MockArgs),
    /// Reads the configuration, and prints what would run or every mistake in it.
    Check(Shared),
    /// Standard input to standard output, redacted, as it comes.
    Redact(RedactArgs),
}

#[derive(Args, Debug)]
pub(crate) struct Shared {
    /// The configuration (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where readers connect; port 0 is any free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where operators connect.
    #[arg(long, value_name = "ADDR:PORT")]
    admin_listen: Option<String>,
    /// The chat API's base URL, which ends in /v1.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Where answers are kept: `memory:`, `sqlite:PATH`, `redis://…`, `redis+sentinel://…`, `redis+cluster://…`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct MockArgs {
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8090")]
    pub(crate) listen: std::net::SocketAddr,
    /// What texts and faults are a function of.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What goes wrong, as `POST /faults` takes it, or `@FILE` with it.
    #[arg(long, value_name = "JSON")]
    pub(crate) faults: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct RedactArgs {
    /// What is looked for, with commas: zh, email, phone, id, card, ip, secret [default: all but zh].
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) rules: Vec<String>,
    /// What stands in the place of a value: label, or pseudonym with a key in GATEWAY_REDACT_KEY.
    #[arg(long, value_name = "STYLE", default_value = "label", value_parser = ["label", "pseudonym"])]
    pub(crate) style: String,
    /// The lines are JSON, and stay JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Shared {
    pub(crate) fn sources(&self) -> Sources {
        let flags = [
            ("--listen", "listen", &self.listen),
            ("--admin-listen", "admin_listen", &self.admin_listen),
            ("--upstream", "upstream.url", &self.upstream),
            ("--store", "store.url", &self.store),
        ];
        let set = flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.clone()?)));
        Sources { file: self.config.clone(), flags: set.collect() }
    }
}
