use std::error::Error;
use std::fmt;

/// Why a broken answer is not asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhyNot {
    /// The strategy is to let it break.
    Off,
    /// It is finished: nothing is missing.
    Finished,
    /// It was asked for again as often as allowed.
    Spent,
    /// This way has failed for this answer already.
    RuledOut,
    /// The upstream, or its wire format, has no way to go on.
    NoContinuation,
    /// The reader has not declared that it understands a restart.
    NoRestart,
    /// More was shown than is kept.
    TooLong,
    /// The request would become too large.
    RequestTooLarge,
    /// The request is no chat request that could be changed.
    RequestUnread,
    /// The request begins the answer itself.
    Begun,
    /// No text was shown to go on from.
    NoText,
    /// Several choices were asked for or shown.
    SeveralChoices,
    /// A tool call was shown, or is forced by the request.
    ToolCall,
    /// The request asks for an output of a given structure, which a continuation would begin anew.
    Structured,
    /// Reasoning was shown, or is asked for by the request.
    Reasoning,
    /// Log probabilities were asked for: those of the prefix would be missing.
    LogProbs,
    /// Sound was asked for or shown.
    Audio,
    /// Something was shown that cannot be compared or repeated.
    Unread,
    /// The upstream keeps the answer under its id, or in a conversation.
    Stored,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "splicing is off",
            Self::Finished => "the answer is finished",
            Self::Spent => "the answer was asked for again as often as allowed",
            Self::RuledOut => "this way has failed already",
            Self::NoContinuation => "the chat API has no way to continue an answer",
            Self::NoRestart => "the reader does not understand a restart",
            Self::TooLong => "the answer is longer than what is kept of it",
            Self::RequestTooLarge => "the request would be too large",
            Self::RequestUnread => "the request cannot be read",
            Self::Begun => "the request begins the answer itself",
            Self::NoText => "no text was shown yet",
            Self::SeveralChoices => "the answer has several choices",
            Self::ToolCall => "the answer calls a tool",
            Self::Structured => "the answer has a given structure",
            Self::Reasoning => "the answer has reasoning",
            Self::LogProbs => "the answer has log probabilities",
            Self::Audio => "the answer has sound",
            Self::Unread => "the answer has parts that cannot be compared",
            Self::Stored => "the chat API keeps the answer",
        })
    }
}

impl Error for WhyNot {}

/// Why a new attempt could not be joined to what was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is another answer than the one that was shown.
    Diverged,
    /// It does not repeat the prefix, as this upstream does.
    NoEcho,
    /// It reasons again, in the middle of its text.
    Reasoned,
    /// It has a choice that was not asked for.
    Choice,
    /// An event of it cannot be read, or cannot be cut where the seam is.
    Unread,
    /// An event of it is too large.
    TooLarge,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Diverged => "the new answer differs from what was shown",
            Self::NoEcho => "the new answer does not repeat the text it continues",
            Self::Reasoned => "the new answer reasons in the middle of its text",
            Self::Choice => "the new answer has a choice too many",
            Self::Unread => "the new answer cannot be joined to what was shown",
            Self::TooLarge => "an event of the new answer is too large",
        })
    }
}

impl Error for Mismatch {}
