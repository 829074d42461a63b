//! Marks that stand in a text already.

use super::Match;
use crate::Rule;
use crate::style::PSEUDONYM;

/// Whether it is what a pseudonym of ours consists of: `3f9a01bc22` in `[PHONE:3f9a01bc22]`. A text that is redacted
/// twice, by a layer and by the log it writes to, keeps its marks.
pub(super) fn is_mark(text: &str, found: &Match) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
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
