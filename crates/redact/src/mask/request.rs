//! A request with stand-ins.

use std::ops::Range;

use http::StatusCode;
use lastbyte_core::{Refusal, RefusedBy};

use super::json;
use super::masker::Learned;
use super::texts::{Kind, Text, inside, texts};
use super::{Map, Masker, TooMany};

/// Why a request cannot be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    NotJson,
    TooMany,
    TooLarge,
    Compressed,
}

impl Unread {
    /// What is answered to it.
    pub(super) fn refusal(self) -> Refusal {
        let (status, code, why) = match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, "unreadable_request", "it is no JSON"),
            Self::Compressed => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed_request", "it is compressed")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "it is too large"),
            Self::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "it has too many of them"),
        };
        let message = format!(
            "personal data and keys are masked before a request is sent on, and this one cannot be: {why}"
        );
        Refusal::new(status, RefusedBy::Redact, code, message).should_retry(false)
    }
}

impl From<TooMany> for Unread {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

/// The body with stand-ins, none where it has no value, and what they stand for.
pub(super) fn mask(masker: &Masker, body: &[u8]) -> Result<(Option<String>, Map), Unread> {
    let body = std::str::from_utf8(body).map_err(|_| Unread::NotJson)?;
    // Strictly, first: nobody else may read anything else in it.
    serde_json::from_str::<serde::de::IgnoredAny>(body).map_err(|_| Unread::NotJson)?;
    let texts = texts(body).ok_or(Unread::NotJson)?;
    let mut learned = Learned::default();
    for text in &texts {
        learn(masker, text, &mut learned)?;
    }
    let mut map = masker.settle(learned)?;
    if map.is_empty() {
        return Ok((None, map));
    }
    let edits = hide_all(masker, texts, &mut map)?;
    Ok(((!edits.is_empty()).then(|| json::splice(body, edits)), map))
}

fn learn(masker: &Masker, text: &Text<'_>, learned: &mut Learned) -> Result<(), TooMany> {
    if text.kind == Kind::Signed {
        return Ok(());
    }
    match inside(text) {
        None => masker.learn(&text.under, &text.text, learned),
        Some(texts) => texts.iter().try_for_each(|text| masker.learn(&text.under, &text.text, learned)),
    }
}

fn hide_all(
    masker: &Masker,
    texts: Vec<Text<'_>>,
    map: &mut Map,
) -> Result<Vec<(Range<usize>, String)>, TooMany> {
    let mut edits = Vec::new();
    for text in texts {
        let hidden = match inside(&text) {
            None if text.kind == Kind::Signed => map.hidden(&text.text),
            None => masker.hide(&text.under, &text.text, map)?,
            Some(texts) => {
                let edits = hide_all(masker, texts, map)?;
                (!edits.is_empty()).then(|| json::splice(&text.text, edits))
            }
        };
        edits.extend(hidden.map(|hidden| text.written(hidden)));
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::mask::{answer, tests::masker};
    use lastbyte_core::Dialect;

    proptest! {
        #[test]
        fn arguments_come_back_whatever_they_are(
            pieces in prop::collection::vec(prop_oneof![
                Just(" li.wei@example.com "), Just("13812345678"), Just("\\ud83d"), Just("\\ude00"), Just("\\'"), Just("\\\\"),
                Just("\\n"), Just("\n"), Just("\\\""), Just("\""), Just("password: a\\\\b9!x"), Just("\\u00"), Just("é"), Just(" "),
                Just("\u{10f83d}"), Just(":"), Just(","), Just("{"), Just("}"), Just("["), Just("]"), Just("\\"),
            ], 0..12),
            is_named in any::<bool>(),
        ) {
            let text = pieces.concat();
            let text = if is_named { format!("{{\"{text}\":1}}") } else { format!("{{\"q\":\"{text}\"}}") };
            let body = json!({"messages": [{"content": "li.wei@example.com", "arguments": text}]}).to_string();
            let (masked, map) = mask(&masker(), body.as_bytes()).unwrap();
            let masked = masked.unwrap();
            let seen: Value = serde_json::from_str(&masked).unwrap();
            let seen = seen["messages"][0]["arguments"].as_str().unwrap();
            prop_assert!(!seen.contains("li.wei@"), "{}", seen);
            let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            prop_assert!(is_json(seen) || !is_json(&text), "{}", seen);
            if let (Ok(before), Ok(_)) = (serde_json::from_str::<Value>(&text), serde_json::from_str::<Value>(seen)) {
                let back = answer::restore(&map, Dialect::OpenAiChat.into(), masked.as_bytes()).0.unwrap();
                let back: Value = serde_json::from_str(&back).unwrap();
                let back = back["messages"][0]["arguments"].as_str().unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(back).unwrap(), before);
            }
        }
    }
}
