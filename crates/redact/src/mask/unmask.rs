//! From stand-ins to values, in a text that comes in pieces.

use std::sync::Arc;

use super::Map;
use super::standin::{self, Before, Read};
use crate::escape::{Escape, escape};

/// What became of stand-ins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// They are values again.
    pub restored: u64,
    /// They look as if they had been some: whoever answered has changed digits, or made them up.
    pub lost: u64,
}

/// Restores a text that comes in pieces. What comes out is what [`Map::restore`] makes of the whole, however it was
/// cut; what could still become a stand-in is held back, [`LONGEST`](super::LONGEST) bytes at most.
#[derive(Debug)]
pub struct Unmask {
    map: Arc<Map>,
    is_json: bool,
    held: String,
    before: Before,
    counts: Counts,
}

impl Unmask {
    pub(super) fn new(map: Arc<Map>) -> Self {
        Self { map, is_json: false, held: String::new(), before: [0; 2], counts: Counts::default() }
    }

    /// The text is JSON in whose strings the stand-ins are: what is put there is escaped.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.is_json = true;
        self
    }

    /// Takes the next piece, and appends what is certain by now to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        self.held.push_str(piece);
        self.go_on(false, out);
    }

    /// Appends what was held back: the text has ended. It can be used for another one then.
    pub fn finish(&mut self, out: &mut String) {
        self.go_on(true, out);
        self.before = [0; 2];
    }

    /// How many bytes are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What became of the stand-ins so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn go_on(&mut self, complete: bool, out: &mut String) {
        let Self { map, held, before, counts, is_json } = self;
        let at = write(map, held, *before, complete, *is_json, counts, out);
        *before = standin::before(held.as_bytes(), at, *before);
        held.drain(..at);
    }
}

/// A text at hand.
pub(super) fn whole(map: &Map, text: &str, is_json: bool) -> (String, Counts) {
    let (mut out, mut counts) = (String::with_capacity(text.len()), Counts::default());
    write(map, text, [0; 2], true, is_json, &mut counts, &mut out);
    (out, counts)
}

/// Writes as much as is certain, and says how much of the text that is.
fn write(
    map: &Map,
    text: &str,
    before: Before,
    complete: bool,
    is_json: bool,
    counts: &mut Counts,
    out: &mut String,
) -> usize {
    let mut at = 0;
    loop {
        let found = next(map, text, at, before, complete, counts);
        out.push_str(&text[at..found.plain]);
        at = found.plain;
        let Some((end, value)) = found.value else { return at };
        put(value, is_json, out);
        at = end;
    }
}

/// Writes a value in the place of its stand-in.
pub(super) fn put(value: &str, is_json: bool, out: &mut String) {
    if is_json {
        escape(value, Escape::Json, out);
    } else {
        out.push_str(value);
    }
}

/// How a text goes on.
pub(super) struct Next<'m> {
    /// To there it has no stand-in.
    pub(super) plain: usize,
    /// There is one, to that place, and this is its value. Without it the text has ended, or the rest is waited for.
    pub(super) value: Option<(usize, &'m str)>,
}

/// Reads on from a place.
pub(super) fn next<'m>(
    map: &'m Map,
    text: &str,
    from: usize,
    before: Before,
    complete: bool,
    counts: &mut Counts,
) -> Next<'m> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        if standin::begins(*byte) {
            match standin::read(bytes, at, before, complete) {
                Read::Starved => break,
                Read::Code { end, code, is_exact } => match map.value(code) {
                    Some(value) => {
                        counts.restored += 1;
                        return Next { plain: at, value: Some((end, value)) };
                    }
                    None => counts.lost += u64::from(is_exact),
                },
                Read::Mangled => counts.lost += 1,
                Read::No => {}
            }
        }
        at += 1;
    }
    Next { plain: at, value: None }
}
