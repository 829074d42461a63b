//! `cargo xtask chaos`: the tests that are short in `test`, as long as what they promise.

use crate::servers;
use crate::tools::{Clock, Done, cargo, run as run_command};

/// How often gateways are killed under load, on each store.
const KILLS: &str = "50";

/// How many minutes a quota is held to its limit.
const MINUTES: &str = "3";

/// Kills gateways, lets readers come back, and counts what two gateways let through.
pub(crate) fn run(arguments: &[String]) -> Done<bool> {
    if let Some(other) = arguments.first() {
        return Err(format!("chaos: there is no argument `{other}`"));
    }
    let clock = Clock::start();
    servers::install()?;
    let mut tests = cargo();
    tests.args(["test", "--release", "--package", "gateway", "--test", "crash", "--test", "shared_quota"]);
    // One after the other: each asks for the whole machine.
    tests.args(["--", "--test-threads", "1", "--nocapture"]);
    tests.env("LASTBYTE_KILLS", KILLS).env("LASTBYTE_MINUTES", MINUTES);
    run_command(&mut tests)?;
    println!("chaos: all passed in {}", clock.shown());
    Ok(true)
}
