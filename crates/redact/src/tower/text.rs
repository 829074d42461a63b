//! What is kept of a text that passes.

use super::Show;
use crate::{Digest, Digester, Redactor, Stream};

/// How much is redacted at a time, in bytes: a piece of any length then makes no copy of its length.
const SLICE: usize = 1024;

/// Which end of a text is kept, and how many bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    First(usize),
    Last(usize),
}

/// A text that comes in pieces: its digest, and where that is asked for one end of it, redacted.
///
/// It is redacted first and cut then: the half of a value is none that a rule would find.
#[derive(Debug)]
pub(super) struct Text {
    digester: Digester,
    stream: Option<Stream>,
    shown: String,
    keep: Keep,
    cut: bool,
    /// Whether a new part begins with what comes next.
    begins: bool,
    is_empty: bool,
}

/// What is told of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) digest: Digest,
    pub(super) text: Option<String>,
    pub(super) cut: bool,
}

impl Text {
    pub(super) fn new(redactor: &Redactor, show: Show, keep: Keep) -> Self {
        Self {
            digester: redactor.digester(),
            stream: (show == Show::Redacted).then(|| redactor.stream()),
            shown: String::new(),
            keep,
            cut: false,
            begins: false,
            is_empty: true,
        }
    }

    /// What comes next is a part of its own, and not what the last one goes on with.
    pub(super) fn part(&mut self) {
        self.begins = !self.is_empty;
    }

    pub(super) fn push(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        self.is_empty = false;
        if std::mem::take(&mut self.begins) {
            self.add("\n");
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let (next, after) = rest.split_at(rest.floor_char_boundary(SLICE));
            rest = after;
            self.add(next);
        }
    }

    fn add(&mut self, piece: &str) {
        self.digester.push(piece);
        if let Some(stream) = &mut self.stream {
            stream.push(piece, &mut self.shown);
            self.trim();
        }
    }

    fn trim(&mut self) {
        match self.keep {
            Keep::First(most) if self.shown.len() > most => {
                self.shown.truncate(self.shown.floor_char_boundary(most));
                self.cut = true;
                // What it holds back is of no use any more, and must not come out by itself.
                self.stream = None;
            }
            // Half of it at a time: moving the rest costs little then.
            Keep::Last(most) if self.shown.len() > 2 * most => self.drop_first(most),
            _ => {}
        }
    }

    fn drop_first(&mut self, most: usize) {
        self.shown.drain(..self.shown.ceil_char_boundary(self.shown.len() - most));
        self.cut = true;
    }

    /// It has ended, or nothing more of it will come.
    pub(super) fn finish(mut self) -> Told {
        let is_shown = self.stream.is_some() || self.cut;
        if let Some(mut stream) = self.stream.take() {
            stream.finish(&mut self.shown);
        }
        self.trim();
        if let Keep::Last(most) = self.keep
            && self.shown.len() > most
        {
            self.drop_first(most);
        }
        Told { digest: self.digester.finish(), text: is_shown.then_some(self.shown), cut: self.cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_bound_however_it_comes() {
        let redactor = Redactor::new();
        for keep in [Keep::First(100), Keep::Last(100)] {
            for piece in ["a ".repeat(500_000), "打 13812345678 ".repeat(20_000)] {
                let mut text = Text::new(&redactor, Show::Redacted, keep);
                (0..3).for_each(|_| text.push(&piece));
                // A slice comes out at once, and marks are no longer than what they stand for.
                assert!(text.shown.capacity() <= 2 * (2 * 100 + SLICE), "{}", text.shown.capacity());
                let told = text.finish();
                assert_eq!((told.cut, told.digest.chars), (true, 3 * piece.chars().count()));
                assert!((95..=100).contains(&told.text.unwrap().len()));
            }
        }
    }
}
