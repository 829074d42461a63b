use bytes::Bytes;

/// All of a request's body, in its extensions: for who has to have it before it is read, and cannot know of a body of
/// somebody else's type that it is there. Whoever changes the body takes this away.
#[derive(Clone, Debug)]
pub struct WholeBody(pub Bytes);

impl WholeBody {
    /// What is there of `body`, unless that is another one by now: one of another length.
    pub fn of(extensions: &mut http::Extensions, body: &impl http_body::Body) -> Option<Bytes> {
        let Self(bytes) = extensions.remove()?;
        (body.size_hint().exact() == Some(bytes.len() as u64)).then_some(bytes)
    }
}
