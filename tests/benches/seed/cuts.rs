//! Nothing but cuts: how many answers arrive whole, and what that costs the chat API.

use std::time::Duration;

use lastbyte_mock::{Fault, Faults, Kind};

use super::load::{Load, Measured, Until};
use super::{COMMON, SEED, Size};
use crate::support::process::Listening;
use crate::support::{Done, runtime};

/// The share of the answers that is cut somewhere behind its first content: half of them cleanly.
pub(crate) const SHARE: f64 = 0.023;

/// What came of one way to meet them.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) measured: Measured,
    pub(crate) requests: u64,
}

/// Measures `fail`, `continue` and `replay`, each with a gateway and a mock of its own.
pub(crate) fn measure(gateway: &str, size: Size) -> Done<Vec<Row>> {
    ["fail", "continue", "replay"].into_iter().map(|name| one(gateway, name, size)).collect()
}

fn one(gateway: &str, name: &'static str, size: Size) -> Done<Row> {
    let cut = |reset| Fault { rate: SHARE / 2.0, reset, ..Fault::new(Kind::Cut) };
    let faults = Faults {
        mix: vec![cut(false), cut(true)],
        chunks: 12,
        interval_ms: 0,
        first_event_ms: 0,
        continuations: vec!["vllm".to_owned()],
        ..Faults::default()
    };
    let mock = Listening::mock(gateway, SEED, &faults)?;
    let config = format!("{COMMON}[upstream]\ncontinuation = \"vllm\"\n[retry]\nmid_stream = \"{name}\"\n");
    let before = Listening::gateway(gateway, &mock.url, &config)?;
    let load = Load {
        url: before.chat(),
        seed: SEED,
        connections: size.busy,
        over: Duration::ZERO,
        until: Until::Answers(size.cut),
    };
    let measured = load.run(|begun| eprint!("\r{name}: {begun} answers "))?;
    eprintln!("\r{name}: {} answers, {} failed", measured.answers, measured.failures());
    Ok(Row { name, measured, requests: runtime()?.block_on(mock.requests())? })
}
