use std::collections::VecDeque;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Frames of an answer that are not forwarded yet.
///
/// Most answers are decided at their first frame, which takes no room of its own.
#[derive(Debug, Default)]
pub(crate) struct Held {
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    // They end a body, and are rare.
    trailers: Option<Box<Frame<Bytes>>>,
    bytes: usize,
}

impl Held {
    pub(crate) fn push(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => {
                self.bytes += data.len();
                if self.is_empty() {
                    self.first = Some(data);
                } else {
                    self.more.push_back(data);
                }
            }
            Err(trailers) => self.trailers = Some(Box::new(trailers)),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Frame<Bytes>> {
        match self.first.take().or_else(|| self.more.pop_front()) {
            Some(data) => {
                self.bytes -= data.len();
                Some(Frame::data(data))
            }
            None => self.trailers.take().map(|trailers| *trailers),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty() && self.trailers.is_none()
    }

    /// How many bytes of data are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much comes where `rest` comes behind it.
    pub(crate) fn before(&self, rest: SizeHint) -> SizeHint {
        let held = self.bytes as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(held + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(held + upper);
        }
        hint
    }

    /// The data, joined.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes);
        self.first.iter().chain(&self.more).for_each(|data| text.extend_from_slice(data));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_the_order_they_came() {
        let mut held = Held::default();
        for data in ["a", "", "bc"] {
            held.push(Frame::data(Bytes::from(data)));
        }
        held.push(Frame::trailers(http::HeaderMap::new()));
        assert_eq!((held.bytes(), held.text()), (3, b"abc".to_vec()));
        for data in ["a", "", "bc"] {
            assert_eq!(held.pop().unwrap().into_data().unwrap(), data);
            held.push(Frame::data(Bytes::new()));
        }
        for _ in 0..3 {
            assert!(held.pop().unwrap().is_data());
        }
        assert!(!held.is_empty() && held.pop().unwrap().is_trailers());
        assert!(held.is_empty() && held.pop().is_none());
    }
}
