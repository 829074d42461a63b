use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header, request};
use lastbyte_core::Deadline;

use crate::ReplayBody;

/// What another attempt needs of a request that is being sent.
///
/// Every call pays for it and few calls need it, so making it is cheap and using it need not be: the headers
/// are copied into one block of bytes, for little more than half of what a copy of the map costs.
pub(crate) struct Kept<A> {
    method: Method,
    uri: Uri,
    version: Version,
    headers: FlatHeaders,
    extensions: Extensions,
    body: ReplayBody<A>,
}

impl<A> Kept<A> {
    pub(crate) fn new(head: &request::Parts, body: ReplayBody<A>) -> Self {
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: FlatHeaders::new(&head.headers),
            extensions: head.extensions.clone(),
            body,
        }
    }

    /// The headers as they were; `None` where one of them was none, which only `unsafe` code can make.
    pub(crate) fn headers(&self) -> Option<HeaderMap> {
        self.headers.map()
    }

    /// Holds all further attempts to `deadline`.
    pub(crate) fn limit(&mut self, deadline: Deadline) {
        self.extensions.insert(deadline);
    }

    /// Whether the body can be sent again.
    pub(crate) fn is_replayable(&self) -> bool {
        self.body.is_replayable()
    }

    /// The whole body, where all of it is there.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        self.body.bytes()
    }

    /// The same request with another body from now on.
    pub(crate) fn set_body(&mut self, body: Bytes) {
        self.body = ReplayBody::whole(body);
    }

    /// The request, once more.
    pub(crate) fn request(&self) -> Option<Request<ReplayBody<A>>> {
        let mut request = Request::new(self.body.again()?);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers()?;
        // It may have another body by now.
        if let (Some(length), Some(body)) =
            (request.headers_mut().get_mut(header::CONTENT_LENGTH), self.body.len())
        {
            *length = body.into();
        }
        *request.extensions_mut() = self.extensions.clone();
        Some(request)
    }
}

/// Headers one behind the other: a word with the lengths, the name, the value. It prints nothing: it holds
/// keys.
struct FlatHeaders(Vec<u8>);

/// What a header has in all, about: the block of a usual request is made once and does not grow.
const USUAL: usize = 64;

// The word, from its low end: the length of the name, which `http` keeps below 2^16, whether the value is
// marked as sensitive, and the length of the value.
const SENSITIVE: u32 = 16;
const VALUE: u32 = 17;

impl FlatHeaders {
    fn new(headers: &HeaderMap) -> Self {
        let mut block = Vec::with_capacity(headers.len() * USUAL);
        for (name, value) in headers {
            let (name, bytes) = (name.as_str().as_bytes(), value.as_bytes());
            let sensitive = u64::from(value.is_sensitive()) << SENSITIVE;
            let word = name.len() as u64 | sensitive | (bytes.len() as u64) << VALUE;
            block.extend_from_slice(&word.to_le_bytes());
            block.extend_from_slice(name);
            block.extend_from_slice(bytes);
        }
        Self(block)
    }

    fn map(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        // The values share it, as they shared what they were parsed from.
        let mut rest = Bytes::copy_from_slice(&self.0);
        while let Some((word, _)) = rest.split_first_chunk() {
            let word = u64::from_le_bytes(*word);
            let name = usize::try_from(word & ((1 << SENSITIVE) - 1)).ok()?;
            let value = usize::try_from(word >> VALUE).ok()?;
            let mut header = rest.split_to(size_of_val(&word) + name + value).split_off(size_of_val(&word));
            let name = HeaderName::from_bytes(&header.split_to(name)).ok()?;
            let mut value = HeaderValue::from_maybe_shared(header).ok()?;
            value.set_sensitive(word >> SENSITIVE & 1 == 1);
            headers.append(name, value);
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were() {
        let mut headers = HeaderMap::new();
        let mut secret = HeaderValue::from_static("Bearer sk-1");
        secret.set_sensitive(true);
        headers.append("authorization", secret);
        headers.append("x-many", HeaderValue::from_static("one"));
        headers.append("x-empty", HeaderValue::from_static(""));
        headers.append("x-many", HeaderValue::from_bytes(b"two \xff").unwrap());
        headers.append("x-long", HeaderValue::from_bytes(&[b'x'; 70_000]).unwrap());
        let again = FlatHeaders::new(&headers).map().unwrap();
        assert_eq!(again, headers);
        assert!(again.iter().eq(headers.iter()), "in the same order");
        assert!(again["authorization"].is_sensitive() && !again["x-long"].is_sensitive());
        assert_eq!(FlatHeaders::new(&HeaderMap::new()).map(), Some(HeaderMap::new()));
    }
}
