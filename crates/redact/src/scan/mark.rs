//! Marks that stand in a text already.

use super::Match;
use crate::Rule;
use crate::style::PSEUDONYM;

/// Whether the mark of a number begins with the bracket here: `[PHONE]`, `[ID:3f9a01bc22]`.
pub(super) fn begins_number_mark(bytes: &[u8]) -> bool {
    let Some(bytes) = bytes.strip_prefix(b"[") else { return false };
    [Rule::Phone, Rule::Id, Rule::Card].iter().any(|rule| {
        bytes.strip_prefix(rule.label().as_bytes()).is_some_and(|rest| match rest {
            [b':', rest @ ..] => {
                rest.get(..PSEUDONYM).is_some_and(|value| value.iter().all(|byte| is_hex(*byte)))
                    && rest.get(PSEUDONYM) == Some(&b']')
            }
            rest => rest.starts_with(b"]"),
        })
    })
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether it is what a pseudonym of ours consists of: `3f9a01bc22` in `[PHONE:3f9a01bc22]`. A text that is redacted
/// twice, by a layer and by the log it writes to, keeps its marks.
pub(super) fn is_mark(text: &str, found: &Match) -> bool {
    let Some((value, rest)) = text[found.start..found.end].split_at_checked(PSEUDONYM) else { return false };
    // In front of an `@` all that follows is taken for a password.
    (rest.is_empty() || rest.starts_with(']'))
        && value.bytes().all(is_hex)
        && text[..found.start].strip_suffix(':').is_some_and(|before| {
            Rule::ALL
                .iter()
                .any(|rule| before.strip_suffix(rule.label()).is_some_and(|before| before.ends_with('[')))
        })
}
