/// What becomes of a request that cannot be masked: one that is compressed, no JSON, or too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is refused: nothing goes to the chat API that was not looked at.
    #[default]
    Refuse,
    /// It goes as it is, values and all, and is counted.
    Pass,
}

/// What a layer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Requests with values that were masked.
    pub masked: u64,
    /// The values of those, each once for each request.
    pub values: u64,
    /// Requests that could not be masked, and were refused.
    pub refused: u64,
    /// Requests that could not be masked, and went as they were.
    pub passed: u64,
    /// Stand-ins that became values again, of the answers that are over.
    pub restored: u64,
    /// What looked as if it had been a stand-in, and was none of this answer: the model has changed it, or has it from an
    /// earlier request that the API has kept.
    pub lost: u64,
    /// Answers that were to be restored and could not be read: compressed, too large, of another kind.
    pub unread: u64,
}
