//! The circuits, as operators see and set them.

use lastbyte::breaker::{Mode, State, Status};
use serde::Deserialize;
use serde_json::{Value, json};

/// What can be asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) mode: Mode,
    /// `None`: all of them, and those to come.
    pub(super) upstream: Option<String>,
}

const MODES: [(&str, Mode); 4] =
    [("auto", Mode::Auto), ("observe", Mode::Observe), ("open", Mode::Open), ("closed", Mode::Closed)];

impl Change {
    /// From JSON, or what is wrong with it.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Asked {
            mode: String,
            upstream: Option<String>,
        }
        let asked: Asked = serde_json::from_slice(json).map_err(|error| {
            format!("expected {{\"mode\": …}}, and \"upstream\" where only one is meant: {error}")
        })?;
        let mode = MODES.into_iter().find(|(name, _)| *name == asked.mode);
        let (_, mode) = mode
            .ok_or_else(|| format!("mode: expected auto, observe, open or closed, found {:?}", asked.mode))?;
        Ok(Self { mode, upstream: asked.upstream })
    }
}

/// All of them, as JSON.
pub(super) fn shown(circuits: &[(Box<str>, Status)]) -> Value {
    let shown = circuits.iter().map(|(upstream, status)| {
        let mode = MODES.into_iter().find(|(_, mode)| *mode == status.mode).map(|(name, _)| name);
        json!({
            "upstream": upstream,
            "state": state(status.state),
            "mode": mode,
            "successes": status.successes,
            "failures": status.failures,
            "undecided": status.undecided,
            "slow": status.slow,
            "open_for_ms": status.open_for.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            "opened": status.opened,
            "refused": status.refused,
        })
    });
    json!({ "circuits": shown.collect::<Vec<_>>() })
}

fn state(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half-open",
        State::Closing => "closing",
    }
}

/// What a circuit is called: after the model, or after nothing where a call names none.
pub(super) fn name(upstream: &str) -> &str {
    if upstream.is_empty() { "calls without a model" } else { upstream }
}

/// What it does, for a person.
pub(super) fn in_words(status: &Status) -> String {
    let Status { successes, failures, slow, refused, .. } = status;
    let seen = format!("{successes} alive, {failures} failed, {slow} slow of late");
    match (status.mode, status.state, status.open_for) {
        (Mode::Open, ..) => format!("refuses every call, by hand ({refused} so far)"),
        (Mode::Closed, ..) => "lets every call through, by hand".into(),
        (mode, state, left) => {
            let watches = if mode == Mode::Observe { "would: " } else { "" };
            let what = match (state, left) {
                (State::Closed, _) => format!("lets every call through: {seen}"),
                (State::HalfOpen, _) => "lets a few calls through to see whether it is well again".into(),
                (State::Closing, _) => format!("lets a growing share of the calls through: {seen}"),
                (State::Open, left) => {
                    let seconds = left.unwrap_or_default().as_secs_f64();
                    format!("refuses calls for another {seconds:.0} s ({refused} so far)")
                }
            };
            format!("{watches}{what}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_or_told_what_is_wrong_with_it() {
        let change = Change::read(br#"{"mode": "open", "upstream": "gpt"}"#);
        assert_eq!(change, Ok(Change { mode: Mode::Open, upstream: Some("gpt".into()) }));
        assert!(Change::read(b"{}").unwrap_err().contains("expected {\"mode\": …}"));
        assert!(Change::read(br#"{"mode": "shut"}"#).unwrap_err().contains("found \"shut\""));
        assert!(Change::read(br#"{"mode": "open", "model": "gpt"}"#).is_err());
    }
}
