use std::borrow::Cow;

use super::transcript::Part;

/// The bytes around the text of an event.
///
/// The events of one answer differ, mostly, in one string. An event that begins with the same bytes, ends
/// with the same bytes, and has one whole string literal between, means the same but for that string: it
/// need not be parsed to know it.
#[derive(Clone, Debug)]
pub(super) struct Stencil {
    before: Vec<u8>,
    behind: Vec<u8>,
    pub(super) choice: u64,
    pub(super) part: Part,
    pub(super) lane: usize,
}

/// Where the text of an event stands: the one thing in it that another event like it would not have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) choice: u64,
    pub(super) part: Part,
    pub(super) lane: usize,
    /// Its literal, borrowed from the event.
    pub(super) literal: &'a str,
}

impl Stencil {
    /// The most that is kept of an event, in bytes. Chunks have some hundred around their text.
    const MAX: usize = 2048;

    /// The stencil of an event with this spot.
    pub(super) fn of(data: &[u8], spot: Spot<'_>) -> Option<Self> {
        let start = (spot.literal.as_ptr() as usize).checked_sub(data.as_ptr() as usize)?;
        let end = start.checked_add(spot.literal.len())?;
        let (before, behind) = (data.get(..start + 1)?, data.get(end.checked_sub(1)?..)?);
        (before.len() + behind.len() <= Self::MAX).then(|| Self {
            before: before.to_vec(),
            behind: behind.to_vec(),
            choice: spot.choice,
            part: spot.part,
            lane: spot.lane,
        })
    }

    /// The text of `data`, if it is an event like the one the stencil is of.
    pub(super) fn text<'a>(&self, data: &'a [u8]) -> Option<Cow<'a, str>> {
        let inner = data.strip_prefix(&self.before[..])?.strip_suffix(&self.behind[..])?;
        let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
        if inner.iter().all(plain) {
            return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
        }
        let start = self.before.len() - 1;
        serde_json::from_slice(data.get(start..start + inner.len() + 2)?).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::Kind;
    use super::*;

    const PART: Part = Part { kind: Kind::Text, index: 0 };

    fn stencil(event: &str, literal: &str) -> Stencil {
        let at = event.find(literal).unwrap();
        let literal = &event[at..at + literal.len()];
        Stencil::of(event.as_bytes(), Spot { choice: 0, part: PART, lane: 0, literal }).unwrap()
    }

    #[test]
    fn only_what_differs_in_one_string_alone_matches() {
        let stencil = stencil(r#"{"id":"a","text":"one","x":""}"#, "\"one\"");
        for (event, text) in [
            (r#"{"id":"a","text":"哈 two","x":""}"#, Some("哈 two")),
            (r#"{"id":"a","text":"","x":""}"#, Some("")),
            (r#"{"id":"a","text":"\"\u54c8\\","x":""}"#, Some("\"哈\\")),
            (r#"{"id":"b","text":"two","x":""}"#, None),
            (r#"{"id":"a","text":"two","x":"y"}"#, None),
            // Between the same bytes stands more than a string.
            (r#"{"id":"a","text":"two","y":"z","x":""}"#, None),
            (r#"{"id":"a","text":"two\","x":""}"#, None),
            (r#"{"id":"a","text":"\ud83d","x":""}"#, None),
            ("{\"id\":\"a\",\"text\":\"a\nb\",\"x\":\"\"}", None),
            // The bytes before and behind overlap.
            (r#"{"id":"a","text":","x":""}"#, None),
            (r#"{"id":"a","text":"#, None),
        ] {
            let found = stencil.text(event.as_bytes());
            assert_eq!(found.as_deref(), text, "{event}");
            if found.is_some() {
                let parsed: serde_json::Value = serde_json::from_str(event).unwrap();
                assert_eq!(parsed["text"].as_str(), text, "what a stencil says, a parser says too");
            }
        }
    }
}
