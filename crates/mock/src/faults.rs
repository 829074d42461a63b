use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong, and how often. The rates add up: one roll of the dice decides for each chat request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Each a kind of fault with its `rate`, 0 to 1.
    pub mix: Vec<Fault>,
    /// The faults of the first chat requests, in order; `none` is one of them.
    pub script: Vec<Fault>,
    /// How much the API can take.
    pub capacity: Option<Capacity>,
    /// How many content events an answer has; 0: as `chunk_bytes` has it.
    pub chunks: usize,
    /// How many bytes of text a content event has; 0: 12.
    pub chunk_bytes: usize,
    /// How many words an answer has; 0: 60, as [`expected_text`](crate::expected_text).
    pub words: usize,
    /// Milliseconds between two events.
    pub interval_ms: u64,
    /// Milliseconds before the first event.
    pub first_event_ms: u64,
    /// The continuations it takes: `vllm`, `sglang`, `deepseek`, `mistral`, `anthropic`, `openrouter`; `none`
    /// is no other.
    pub continuations: Vec<String>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which one.
    pub kind: Kind,
    /// Of all chat requests, 0 to 1.
    #[serde(default)]
    pub rate: f64,
    /// Of `status`: which one.
    #[serde(default, alias = "status")]
    pub code: Option<u16>,
    /// Of `status`: the header `Retry-After`.
    #[serde(default)]
    pub retry_after: Option<Value>,
    /// Of `status`: the header `retry-after-ms`.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// After how many content events; before the first one with 0.
    #[serde(default)]
    pub after: Option<usize>,
    /// Of `cut`: by a reset instead of a clean end.
    #[serde(default)]
    pub reset: bool,
    /// Of `stall`: how long; for ever without it. Of `slow`: between two events.
    #[serde(default, alias = "interval_ms")]
    pub ms: Option<u64>,
    /// Of `stall`: before the head.
    #[serde(default)]
    pub head: bool,
}

/// The kinds of faults, by their names in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A whole answer.
    None,
    /// An error with a status (`code`, `retry_after`, `retry_after_ms`).
    Status,
    /// The connection is closed without a word.
    Refuse,
    /// The connection is reset (TCP RST) before a head.
    ResetBeforeHead,
    /// The answer ends early (`after`): cleanly, or by a break of the connection (`reset`). One that is not
    /// streamed has fewer bytes than its length said.
    Cut,
    /// The same in the middle of an event (`after`).
    HalfEvent,
    /// Silence (`ms`, or for ever): before the `head`, before the first content, or `after` some.
    Stall,
    /// So many milliseconds (`ms`, or 200) between two events, or before an answer that is not streamed.
    Slow,
    /// A page of HTML with status 200.
    Garbage,
    /// An error inside the answer, in the middle of a stream (`after`).
    ErrorEvent,
    /// A whole answer without its last mark (`[DONE]`), where the format has one.
    NoDone,
    /// The handler panics in the middle of the answer (`after`), and its connection is gone.
    Panic,
}

/// How much the API can take; what is more gets a 429.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capacity {
    /// Requests a second; 0: no such limit.
    pub per_second: f64,
    /// How many at once on top of the rate.
    pub burst: f64,
    /// Answers at the same time; 0: no such limit.
    pub slots: usize,
    /// Whether a refusal counts against the rate as an answer does.
    pub refusals_count: bool,
    /// How much of an answer's work a refusal takes: 0.1 is a tenth of a request of `per_second`. Nothing
    /// bounds what is owed, for work that was done is done.
    pub refusal_cost: f64,
    /// Milliseconds that a refusal takes.
    pub refusal_ms: u64,
    /// Milliseconds before the head of an answer.
    pub head_delay_ms: u64,
    /// The header `Retry-After` of a refusal.
    pub retry_after: Option<u64>,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            rate: 0.0,
            code: None,
            retry_after: None,
            retry_after_ms: None,
            after: None,
            reset: false,
            ms: None,
            head: false,
        }
    }

    pub(crate) fn wait(&self) -> Duration {
        self.ms.map_or(Duration::from_secs(86_400), Duration::from_millis)
    }
}

impl Faults {
    /// Reads faults as `POST /faults` takes them: each kind may stand as a key of its own, with a rate, with
    /// its settings, or with a list of them (`{"status": [{"rate": 0.05, "code": 429}], "refuse": 0.1}`).
    ///
    /// # Errors
    ///
    /// What is wrong, for a person.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let mut value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let object = value.as_object_mut().ok_or("an object is expected")?;
        let mut mix = match object.remove("mix") {
            Some(Value::Array(mix)) => mix,
            None => Vec::new(),
            Some(_) => return Err("`mix` is a list of faults".into()),
        };
        let keys: Vec<String> = object.keys().cloned().collect();
        for key in keys {
            if serde_json::from_value::<Kind>(Value::String(key.clone())).is_err() {
                continue;
            }
            let faults = match object.remove(&key) {
                Some(Value::Array(many)) => many,
                Some(one) => vec![one],
                None => Vec::new(),
            };
            for fault in faults {
                let mut fault = match fault {
                    rate @ Value::Number(_) => serde_json::json!({ "rate": rate }),
                    other => other,
                };
                let Some(settings) = fault.as_object_mut() else {
                    return Err(format!("`{key}` is a rate, settings, or a list of them"));
                };
                settings.insert("kind".into(), key.clone().into());
                settings.entry("rate").or_insert_with(|| 1.0.into());
                mix.push(fault);
            }
        }
        for fault in object.get_mut("script").and_then(Value::as_array_mut).into_iter().flatten() {
            if fault.is_string() {
                *fault = serde_json::json!({ "kind": fault.take() });
            }
        }
        object.insert("mix".into(), Value::Array(mix));
        let faults: Self = serde_json::from_value(value).map_err(|error| with_kinds(&error.to_string()))?;
        let total: f64 = faults.mix.iter().map(|fault| fault.rate).sum();
        if faults.mix.iter().any(|fault| !(0.0..=1.0).contains(&fault.rate)) || total > 1.000_001 {
            return Err(format!("rates are 0 to 1 and add up to at most 1; these add up to {total}"));
        }
        let known = ["none", "vllm", "sglang", "deepseek", "mistral", "anthropic", "openrouter"];
        if let Some(name) = faults.continuations.iter().find(|name| !known.contains(&&***name)) {
            return Err(format!("`{name}` is no continuation; these are: {}", known.join(", ")));
        }
        Ok(faults)
    }

    /// The fault of chat request number `number` (from 0), for a random number in `0.0..1.0`.
    pub(crate) fn choose(&self, number: usize, mut random: f64) -> Fault {
        if let Some(fault) = self.script.get(number) {
            return fault.clone();
        }
        for fault in &self.mix {
            if random < fault.rate {
                return fault.clone();
            }
            random -= fault.rate;
        }
        Fault::new(Kind::None)
    }
}

/// What is wrong with an object; where a key is not known, it may have been meant as a kind of fault.
fn with_kinds(wrong: &str) -> String {
    let Err(none) = serde_json::from_value::<Kind>("".into()) else { return wrong.to_owned() };
    match none.to_string().split_once("expected ") {
        Some((_, kinds)) if wrong.contains("unknown field") => format!("{wrong}; or, as a fault, {kinds}"),
        _ => wrong.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_none_is_told_with_those_that_are() {
        let wrong = Faults::read(br#"{"cutt": 1}"#).unwrap_err();
        assert!(wrong.contains("`cutt`") && wrong.contains("as a fault, one of `none`"), "{wrong}");
        assert!(wrong.contains("`half_event`"), "{wrong}");
    }

    #[test]
    fn kinds_are_read_as_rates_settings_and_lists() {
        let faults = Faults::read(
            br#"{"status":[{"rate":0.5,"code":429,"retry_after":"1"}],"refuse":0.25,"cut":{"rate":0.25,"after":3}}"#,
        )
        .unwrap();
        let kinds: Vec<_> = [0.1, 0.4, 0.9].map(|random| faults.choose(0, random).kind).into();
        let mut sorted = kinds.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 3, "{kinds:?}");
        for bad in [
            "{\"refuse\":2}",
            "{\"refuze\":1}",
            "[]",
            "{\"cut\":{\"aftr\":1}}",
            "{\"continuations\":[\"openai\"]}",
            "nonsense",
        ] {
            assert!(Faults::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_script_comes_before_the_dice() {
        let faults = Faults::read(br#"{"refuse":1,"script":["none",{"kind":"panic"}]}"#).unwrap();
        let kinds = [0, 1, 2].map(|number| faults.choose(number, 0.5).kind);
        assert_eq!(kinds, [Kind::None, Kind::Panic, Kind::Refuse]);
    }
}
