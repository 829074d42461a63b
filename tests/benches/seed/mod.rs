//! Long connections under a few faults: what the layers save, and what they cost.
//!
//! Readers (this process), the gateway and the mock are three processes. Each row runs twice: at the pace of a
//! chat API, where first events, failures and the gateway's processor time are measured, and as fast as it
//! goes. Each answer's text is compared with what the mock must have given.

use std::time::Duration;

use crate::support::process::Listening;
use crate::support::{Done, runtime};
use load::{Load, Measured, Until};

pub(crate) mod cuts;
pub(crate) mod load;
pub(crate) mod mix;
pub(crate) mod report;

const SEED: u64 = 1;

/// What all gateways are told: an answer has its first event after 50 ms and the next after 300 ms.
const COMMON: &str = "[timeouts]\nfirst_event = \"2s\"\nidle = \"2s\"\n[log]\nlevel = \"error\"\n";

/// A way to be before the chat API.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// The gateway's configuration; without it there is no gateway.
    config: Option<String>,
}

/// The rows, in order.
pub(crate) fn settings() -> Vec<Setting> {
    let gateway = |name, more: &str| Setting { name, config: Some(format!("{COMMON}{more}")) };
    vec![
        Setting { name: "no gateway", config: None },
        gateway(
            "nothing",
            "[retry]\nmax_attempts = 1\n[breaker]\nenabled = false\n[backpressure]\nadaptive = false\n",
        ),
        gateway("retry", "[breaker]\nenabled = false\n[backpressure]\nadaptive = false\n"),
        gateway("retry and breaker", ""),
        gateway("retry and continuation", "[upstream]\ncontinuation = \"vllm\"\n"),
    ]
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) connections: usize,
    pub(crate) answers: u64,
    /// At saturation: connections that are always busy, and for how long.
    pub(crate) busy: usize,
    pub(crate) busy_for: Duration,
    /// Answers where cuts alone are tried.
    pub(crate) cut: u64,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        connections: 500,
        answers: 30_000,
        busy: 128,
        busy_for: Duration::from_secs(15),
        cut: 100_000,
    };
    pub(crate) const QUICK: Self =
        Self { connections: 250, answers: 1_000, busy: 64, busy_for: Duration::from_secs(2), cut: 1_000 };
}

/// What was measured of one setting.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) paced: Part,
    pub(crate) busy: Part,
}

/// One of the two runs, and the processor seconds of the gateway in it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) measured: Measured,
    pub(crate) cpu: Option<f64>,
}

/// Measures one setting with a gateway and a mock of its own.
pub(crate) fn measure(gateway: &str, setting: &Setting, size: Size) -> Done<Row> {
    let mock = Listening::mock(gateway, SEED, &mix::faults(true))?;
    let before = match &setting.config {
        Some(config) => Some(Listening::gateway(gateway, &mock.url, config)?),
        None => None,
    };
    let url = before.as_ref().unwrap_or(&mock).chat();
    let part = |load: Load| -> Done<Part> {
        let cpu = || before.as_ref().and_then(Listening::cpu);
        let at_first = cpu();
        let measured = load.run(|begun| eprint!("\r{}: {begun} answers ", setting.name))?;
        eprintln!(
            "\r{}: {} answers in {:.0} s, {} failed",
            setting.name,
            measured.answers,
            measured.seconds,
            measured.failures()
        );
        let cpu = cpu().zip(at_first).map(|(now, at_first)| now - at_first);
        Ok(Part { measured, cpu })
    };
    let load = Load {
        url: url.clone(),
        seed: SEED,
        connections: size.connections,
        over: Duration::from_secs(3),
        until: Until::Answers(size.answers),
    };
    let paced = part(load)?;
    runtime()?.block_on(mock.set_faults(&mix::faults(false)))?;
    let busy = part(Load {
        url,
        seed: SEED,
        connections: size.busy,
        over: Duration::ZERO,
        until: Until::Time(size.busy_for),
    })?;
    Ok(Row { name: setting.name, paced, busy })
}
