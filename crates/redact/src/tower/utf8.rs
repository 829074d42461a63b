//! Characters of which the pieces come one after another.

/// Decodes UTF-8 that comes in pieces. What is none becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come, at most three bytes.
    torn: Vec<u8>,
}

impl Utf8 {
    /// Hands on what is whole by now.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&str)) {
        while let [next, rest @ ..] = bytes
            && !self.torn.is_empty()
        {
            // A byte that does not go on begins anew.
            if !(0x80..0xc0).contains(next) {
                self.end(&mut each);
                break;
            }
            bytes = rest;
            self.torn.push(*next);
            match std::str::from_utf8(&self.torn) {
                Ok(whole) => {
                    each(whole);
                    self.torn.clear();
                }
                Err(error) if error.error_len().is_some() => self.end(&mut each),
                Err(_) => {}
            }
        }
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            if !chunk.valid().is_empty() {
                each(chunk.valid());
            }
            let invalid = chunk.invalid();
            let is_last = chunks.peek().is_none();
            if is_last && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none()) {
                self.torn.extend_from_slice(invalid);
            } else if !invalid.is_empty() {
                each("\u{fffd}");
            }
        }
    }

    /// A character whose end does not come is none.
    pub(super) fn end(&mut self, mut each: impl FnMut(&str)) {
        if !self.torn.is_empty() {
            self.torn.clear();
            each("\u{fffd}");
        }
    }
}
