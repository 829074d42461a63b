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
#[derive(Clone, Debug)]
pub(super) struct Text {
    redactor: Redactor,
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
    /// How many bytes at its end are not shown.
    pub(super) withheld: usize,
}

impl Text {
    pub(super) fn new(redactor: &Redactor, show: Show, keep: Keep) -> Self {
        Self {
            redactor: redactor.clone(),
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

    /// It has ended.
    pub(super) fn finish(mut self) -> Told {
        if let Some(stream) = &mut self.stream {
            stream.finish(&mut self.shown);
        }
        self.tell(0)
    }

    /// Nothing more of it will come, and it has not ended: where it breaks off may be within a value. What is held back
    /// is not shown, but for the marks of what is a value already.
    pub(super) fn break_off(mut self) -> Told {
        let Some(stream) = &mut self.stream else { return self.tell(0) };
        let (withheld, redactor) = (stream.held(), &self.redactor);
        let shown = &mut self.shown;
        stream.finish_with(&mut String::new(), |hit, _| redactor.mark(hit, shown));
        self.tell(withheld)
    }

    fn tell(mut self, withheld: usize) -> Told {
        let is_shown = self.stream.is_some() || self.cut;
        self.trim();
        if let Keep::Last(most) = self.keep
            && self.shown.len() > most
        {
            self.drop_first(most);
        }
        let text = is_shown.then_some(self.shown);
        Told { digest: self.digester.finish(), text, cut: self.cut, withheld }
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

    #[test]
    fn wherever_it_breaks_off_no_part_of_a_value_is_shown() {
        let redactor = Redactor::new();
        for (before, value) in [
            ("Your card is ", "4111 1111 1111 1111"),
            ("id ", "110101199003074514"),
            ("打", "138 1234 5678"),
            ("key ", "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl"),
            ("mail ", "li.wei@example.com"),
            ("IBAN ", "DE89 3704 0044 0532 0130 00"),
            ("password: ", "hunter22"),
            ("token ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
            ("Authorization: Bearer ", "Zx81kQpl09Zx81kQpl09"),
            ("at ", "203.0.113.77"),
        ] {
            for (at, _) in value.char_indices().skip(1).chain([(value.len(), ' ')]) {
                for size in [1, 7, 500] {
                    let mut text = Text::new(&redactor, Show::Redacted, Keep::Last(100));
                    let chars: Vec<char> = before.chars().chain(value[..at].chars()).collect();
                    chars.chunks(size).for_each(|piece| text.push(&String::from_iter(piece)));
                    let shown = text.break_off().text.unwrap();
                    let plain = shown.split('[').next().unwrap();
                    assert!(before.starts_with(plain), "{before}{} {shown}", &value[..at]);
                }
            }
        }
    }

    #[test]
    fn wherever_the_bound_falls_an_end_of_the_redacted_text_is_shown() {
        let redactor = Redactor::new();
        let values =
            "打 13812345678 or li.wei@example.com, key sk-proj-Ab12Cd34Ef56Gh78Ij90Kl, 4111 1111 1111 1111. ";
        let whole = format!("{}{values}{}{values}", "a".repeat(SLICE - 30), "字".repeat(SLICE / 3));
        let redacted = redactor.redact(&whole);
        for most in (0..200).chain(900..1_200).step_by(7) {
            for size in [5, 1_000, 5_000] {
                for keep in [Keep::First(most), Keep::Last(most)] {
                    let mut text = Text::new(&redactor, Show::Redacted, keep);
                    let chars: Vec<char> = whole.chars().collect();
                    chars.chunks(size).for_each(|piece| text.push(&String::from_iter(piece)));
                    let shown = text.finish().text.unwrap();
                    let is_end = match keep {
                        Keep::First(_) => redacted.starts_with(&shown),
                        Keep::Last(_) => redacted.ends_with(&shown),
                    };
                    assert!(is_end && shown.len() <= most, "{keep:?}: {shown}");
                }
            }
        }
    }
}
