use std::sync::Arc;

use http::{Extensions, Uri};

/// Who asks, in a request's extensions: what is shared fairly is shared between these. A number that tells
/// tenants apart and nothing of them, such as a keyed hash; without it all are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub u64);

impl Tenant {
    /// The tenant in these extensions, or the one that stands for all.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or_default()
    }
}

/// A credential as a header has it, without its scheme, which may be spelt in many ways (RFC 9110 section 11.1).
pub fn credential_token(credential: &[u8]) -> &[u8] {
    let credential = credential.trim_ascii();
    match credential.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii_start(),
        _ => credential,
    }
}

/// How much a call is waited for, in a request's extensions: where there is not room for all, those who are
/// waited for go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Somebody waits for the answer.
    #[default]
    Live,
    /// Its answer is stored, and looked for later.
    Deferred,
}

/// Which upstream a request goes to, as far as limits and health are its own: what is learned of one key
/// says nothing of another. Put into a request's extensions where the host is not enough, because limits
/// are per model or per API key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamKey(Arc<str>);

impl UpstreamKey {
    /// A key of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the upstream that a request with this head goes to: its key, or else its host and port,
    /// or else nothing, as on the server side.
    pub fn name_of<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
        match extensions.get::<Self>() {
            Some(key) => key.as_str(),
            None => uri.authority().map_or("", |authority| authority.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_before_the_host() {
        let uri = Uri::from_static("https://api.test:8443/v1/models");
        let mut extensions = Extensions::new();
        assert_eq!(UpstreamKey::name_of(&uri, &extensions), "api.test:8443");
        assert_eq!(UpstreamKey::name_of(&Uri::from_static("/v1"), &extensions), "");
        extensions.insert(UpstreamKey::new("api.test/gpt"));
        assert_eq!(UpstreamKey::name_of(&uri, &extensions), "api.test/gpt");
        assert_eq!(Tenant::of(&extensions), Tenant(0));
    }
}
