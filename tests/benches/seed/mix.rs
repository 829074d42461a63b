//! What goes wrong: 2.3 % of all requests, in ways that chat APIs are seen to fail.

use lastbyte_mock::{Fault, Faults, Kind};

/// Content events of one answer. With its frame one has about 240 bytes on the wire.
const EVENTS: usize = 12;

/// Between two of them: 1 KB/s for each connection.
const INTERVAL_MS: u64 = 300;

/// From the request to the first content, where nothing goes wrong.
const FIRST_EVENT_MS: u64 = 50;

/// Each fault, and its name.
pub(crate) fn mix() -> Vec<(&'static str, Fault)> {
    let of = |rate, kind| Fault { rate, ..Fault::new(kind) };
    let status = |rate, code| Fault { code: Some(code), ..of(rate, Kind::Status) };
    vec![
        ("reset before the head", of(0.004, Kind::ResetBeforeHead)),
        ("500", status(0.002, 500)),
        ("503", status(0.003, 503)),
        ("429, without a time to come back", status(0.004, 429)),
        ("silence for ever after the head", of(0.002, Kind::Stall)),
        ("an error event before any content", Fault { after: Some(0), ..of(0.001, Kind::ErrorEvent) }),
        ("an error event in the middle", of(0.002, Kind::ErrorEvent)),
        ("cut in the middle, cleanly", of(0.002, Kind::Cut)),
        ("cut in the middle, by a reset", Fault { reset: true, ..of(0.002, Kind::Cut) }),
        ("cut inside an event", of(0.001, Kind::HalfEvent)),
    ]
}

/// The mock's settings: with `paced` 1 KB/s for each connection, otherwise as fast as it can.
pub(crate) fn faults(paced: bool) -> Faults {
    Faults {
        mix: mix().into_iter().map(|(_, fault)| fault).collect(),
        chunks: EVENTS,
        interval_ms: if paced { INTERVAL_MS } else { 0 },
        first_event_ms: if paced { FIRST_EVENT_MS } else { 0 },
        continuations: vec!["vllm".to_owned()],
        ..Faults::default()
    }
}
