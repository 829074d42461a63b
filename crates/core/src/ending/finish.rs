use std::borrow::Cow;

/// The finish reason of an answer, as the provider spelt it (`stop`, `end_turn`, `completed`, ...).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish(Cow<'static, str>);

impl Finish {
    /// Finish reasons are words; what is longer is kept to this many bytes.
    const MAX: usize = 64;

    /// The reason of this spelling. The well-known ones cost no allocation.
    pub fn new(reason: &str) -> Self {
        const KNOWN: &[&str] = &[
            "stop",
            "length",
            "tool_calls",
            "content_filter",
            "function_call",
            "error",
            "abort",
            "end_turn",
            "max_tokens",
            "stop_sequence",
            "tool_use",
            "pause_turn",
            "refusal",
            "completed",
            "incomplete",
        ];
        match KNOWN.iter().find(|known| **known == reason) {
            Some(known) => Self(Cow::Borrowed(known)),
            None => Self(Cow::Owned(reason[..reason.floor_char_boundary(Self::MAX)].to_owned())),
        }
    }

    /// The reason as the provider spelt it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
