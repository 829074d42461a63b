use bytes::Bytes;

/// What an answer has shown already, in the extensions of a request that takes it over.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// The text of the answer so far; all that is known where there are no events.
    pub text: String,
    /// The events so far, whole and in their order, as they were shown.
    pub events: Vec<Bytes>,
}
