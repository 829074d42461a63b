//! Nothing but cuts: how many answers arrive whole, and what that costs the chat API.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use lastbyte_mock::{Fault, Faults, Kind};

use super::load::{Load, Measured, Until};
use super::process::Listening;
use super::{COMMON, SEED, Size};
use crate::support::Done;

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
    let mock = Listening::mock(gateway, SEED, &serde_json::to_string(&faults)?)?;
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
    Ok(Row { name, measured, requests: requests(&mock)? })
}

/// How many requests a mock has seen.
fn requests(mock: &Listening) -> Done<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let request =
            http::Request::get(format!("{}/stats", mock.url)).body(Full::<bytes::Bytes>::default())?;
        let body = client.build_http().request(request).await?.into_body().collect().await?.to_bytes();
        let stats: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(stats["requests"].as_u64().ok_or("the mock did not say how many requests it has seen")?)
    })
}
