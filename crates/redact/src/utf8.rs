//! Characters of which the pieces come one after another.

/// Decodes UTF-8 that comes in pieces. What is none becomes U+FFFD, as of the whole, however it was cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    /// The beginning of a character whose end has not come, at most three bytes.
    torn: Vec<u8>,
}

impl Utf8 {
    /// Hands on what is whole by now.
    pub(crate) fn push(&mut self, piece: &[u8], mut each: impl FnMut(&str)) {
        if self.torn.is_empty() {
            return self.whole(piece, each);
        }
        // Nothing but what may end the character is copied.
        let more = piece.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
        let (more, rest) = piece.split_at(more);
        let mut bytes = std::mem::take(&mut self.torn);
        bytes.extend_from_slice(more);
        self.whole(&bytes, &mut each);
        if !rest.is_empty() {
            self.end(&mut each);
            self.whole(rest, each);
        }
    }

    fn whole(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            if !chunk.valid().is_empty() {
                each(chunk.valid());
            }
            let invalid = chunk.invalid();
            // The end may be what the next piece goes on with.
            let is_last = chunks.peek().is_none();
            if is_last && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none()) {
                self.torn = invalid.to_vec();
            } else if !invalid.is_empty() {
                each("\u{fffd}");
            }
        }
    }

    /// A character whose end does not come is none.
    pub(crate) fn end(&mut self, each: impl FnOnce(&str)) {
        if !std::mem::take(&mut self.torn).is_empty() {
            each("\u{fffd}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_come_out_like_the_whole(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xe0), Just(0xe4), Just(0x80), Just(0xf0), Just(b'a')], 0..40),
            most in 1_usize..9,
        ) {
            let (mut utf8, mut out) = (Utf8::default(), String::new());
            for piece in bytes.chunks(most) {
                utf8.push(piece, |text| out.push_str(text));
            }
            utf8.end(|text| out.push_str(text));
            prop_assert_eq!(out, String::from_utf8_lossy(&bytes));
        }
    }
}
