//! What stands before a number: whether it may begin there, and which words tell what it is.

use crate::scan::cursor::{Atom, Cursor};

/// The longest thing that a [`Cursor`] reads as one atom, in bytes: a terminal's colour.
const LONGEST_ESCAPE: usize = 34;

/// The text before a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<'t> {
    text: &'t str,
    /// The last character, as it is meant, and where it begins.
    last: Option<(char, usize)>,
}

impl<'t> Before<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, last: last(text) }
    }

    /// The last character, as it is meant.
    pub(crate) fn last(self) -> Option<char> {
        self.last.map(|(ch, _)| ch)
    }

    /// What stands before the last character.
    pub(crate) fn shorter(self) -> Self {
        Self::new(self.last.map_or("", |(_, at)| &self.text[..at]))
    }

    /// Whether a number in figures, standing here, is only a part of something longer: of a word, a hash, a UUID, a
    /// version, a decimal fraction, a price, an order number such as `PO-13812345678`.
    pub(crate) fn joins_figures(self) -> bool {
        let Some(last) = self.last() else { return false };
        match last {
            '_' | '$' | '€' | '£' | '¥' => true,
            '.' => self.shorter().last().is_some_and(|ch| ch.is_ascii_digit()),
            '-' => self.shorter().ends_in_code(),
            _ => last.is_ascii_alphanumeric(),
        }
    }

    /// Whether it ends in a word of figures or capitals, as the parts of a UUID or an order number are. A number of
    /// eleven figures is none: that is the telephone number before this one.
    fn ends_in_code(self) -> bool {
        let bytes = self.text.as_bytes();
        let word = bytes.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let word = &bytes[bytes.len() - word..];
        let figures = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        !(figures == 11 && word.len() == 11) && (figures > 0 || capitals > 1)
    }

    /// Whether one of these words (in small letters) stands in the last `within` bytes. A word of up to three ASCII
    /// letters has to stand alone: `pan`, not `company`.
    pub(crate) fn mentions(self, words: &[&str], within: usize) -> bool {
        let bytes = self.text.as_bytes();
        let window = &bytes[bytes.len().saturating_sub(within)..];
        words.iter().any(|word| {
            let alone = word.is_ascii() && word.len() <= 3;
            window.windows(word.len()).enumerate().any(|(at, part)| {
                let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
                let stands = || {
                    let before = at.checked_sub(1).and_then(|at| window.get(at));
                    !letter(before) && !letter(window.get(at + word.len()))
                };
                part.eq_ignore_ascii_case(word.as_bytes()) && (!alone || stands())
            })
        })
    }

    /// Whether it ends in one of these words (in small letters), with at most six signs, and no letters or digits,
    /// behind it.
    pub(crate) fn ends_with_word(self, words: &[&str]) -> bool {
        let mut rest = self.text;
        for _ in 0..6 {
            let Some(last) = rest.chars().next_back().filter(|ch| !ch.is_alphanumeric()) else { break };
            rest = &rest[..rest.len() - last.len_utf8()];
        }
        let rest = rest.as_bytes();
        words.iter().any(|word| {
            let Some((before, end)) = rest.len().checked_sub(word.len()).map(|at| rest.split_at(at)) else {
                return false;
            };
            let whole = !word.is_ascii() || before.last().is_none_or(|byte| !byte.is_ascii_alphabetic());
            whole && end.eq_ignore_ascii_case(word.as_bytes())
        })
    }
}

/// The last character of a text as it is meant, and where it begins.
fn last(text: &str) -> Option<(char, usize)> {
    let whole = |at: usize| {
        let atom = Cursor::new(text, at, true).peek()?;
        (atom.end == text.len() && (atom.disguised || atom.ch == Atom::COLOUR)).then_some((atom.ch, at))
    };
    let from = text.len().saturating_sub(LONGEST_ESCAPE);
    let leads = |byte: &u8| matches!(byte, b'\\' | b'%' | b'&' | 0x1b);
    let escape = text.as_bytes()[from..].iter().rposition(leads).and_then(|at| whole(from + at));
    escape.or_else(|| {
        let (at, ch) = text.char_indices().next_back()?;
        whole(at).or(Some((ch, at)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_is_seen_through_disguise() {
        for (text, ch) in [
            ("a1", '1'),
            ("%31", '1'),
            (r"\u0031", '1'),
            (r"\\u0031", '1'),
            ("&#49;", '1'),
            ("１", '1'),
            (r"手机\n", '\n'),
            ("phone\u{1b}[0m", Atom::COLOUR),
            ("手机", '机'),
            ("a;", ';'),
        ] {
            assert_eq!(Before::new(text).last(), Some(ch), "{text}");
        }
        assert_eq!(Before::new("").last(), None);
    }

    #[test]
    fn short_words_stand_alone() {
        assert!(Before::new("my SSN is ").mentions(&["ssn"], 24));
        assert!(!Before::new("company ").mentions(&["pan"], 24));
        assert!(!Before::new("passport of a person whom I have known").mentions(&["passport"], 24));
        assert!(Before::new("身份证：").mentions(&["身份证"], 24));
    }

    #[test]
    fn parts_of_longer_things_are_no_starts() {
        for text in ["a", "7", "_", "0.", "11111111-", "PO-", "$", "¥", r"\u0031", "\u{ff11}"] {
            assert!(Before::new(text).joins_figures(), "{text}");
        }
        for text in ["", " ", "=", "打", "Tel.", "tel-", "13812345678-", r"\n", "\u{1b}[0m", "一", "("] {
            assert!(!Before::new(text).joins_figures(), "{text}");
        }
    }
}
