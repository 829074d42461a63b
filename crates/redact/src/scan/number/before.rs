//! What stands before a number: whether it may begin there, and which words tell what it is.

use crate::scan::cursor::{Atom, Cursor};
use crate::scan::mark::begins_number_mark;
use crate::scan::meant::colour_before;

/// The longest entity that a [`Cursor`] reads, in bytes.
const LONGEST_ENTITY: usize = 11;

/// Words that tell what a number is, in small letters.
#[derive(Debug)]
pub(crate) struct Words {
    words: &'static [&'static str],
    /// Which pairs they begin with.
    first: Pairs,
    /// The same for their second letters and third ones.
    second: Pairs,
}

type Pairs = [bool; PAIRS];

/// How many pairs of letters are told apart, small ones and capitals taken for the same.
const PAIRS: usize = 2048;

impl Words {
    /// Each begins with two letters, or with a character that is not ASCII.
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let (mut first, mut second) = ([false; PAIRS], [false; PAIRS]);
        let mut at = 0;
        while at < words.len() {
            let bytes = words[at].as_bytes();
            assert!(Self::is_letter(bytes[0]) && Self::is_letter(bytes[1]));
            first[Self::pair(bytes[0], bytes[1])] = true;
            let mut third = 0;
            while third < 0x20 {
                // Behind two letters anything may stand.
                second[Self::pair(bytes[1], if bytes.len() > 2 { bytes[2] } else { third })] = true;
                third += 1;
            }
            at += 1;
        }
        Self { words, first, second }
    }

    const fn pair(first: u8, second: u8) -> usize {
        (first as usize & 0x80) << 3 | (first as usize & 0x1f) << 5 | second as usize & 0x1f
    }

    /// Of ASCII or not.
    const fn is_letter(byte: u8) -> bool {
        byte > 0x40
    }

    /// The places in these bytes where one of them may begin.
    fn places(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        bytes.windows(2).enumerate().filter_map(move |(at, pair)| {
            let (first, second) = (pair[0], pair[1]);
            let third = || bytes.get(at + 2).copied().unwrap_or_default();
            let begins = self.first[Self::pair(first, second)]
                && Self::is_letter(first)
                && Self::is_letter(second)
                && self.second[Self::pair(second, third())];
            begins.then_some(at)
        })
    }
}

/// The words of several lists, by the pairs they begin with.
#[derive(Debug)]
pub(super) struct Lists {
    words: [&'static [u8]; MOST_WORDS],
    /// Where those with a pair begin in `words`, and where the next one of each is, from one on.
    heads: [u8; PAIRS],
    next: [u8; MOST_WORDS],
}

const MOST_WORDS: usize = 255;

impl Lists {
    pub(super) const fn new(lists: &[&'static Words]) -> Self {
        let mut all = Self { words: [&[]; MOST_WORDS], heads: [0; PAIRS], next: [0; MOST_WORDS] };
        let (mut list, mut count) = (0, 0);
        while list < lists.len() {
            let mut at = 0;
            while at < lists[list].words.len() {
                let word = lists[list].words[at].as_bytes();
                let pair = Words::pair(word[0], word[1]);
                all.words[count] = word;
                all.next[count] = all.heads[pair];
                count += 1;
                all.heads[pair] = count as u8;
                at += 1;
            }
            list += 1;
        }
        all
    }

    /// Whether a word of them stands in these bytes, with more letters around it or without.
    pub(super) fn stand_in(&self, bytes: &[u8]) -> bool {
        let index = |at: u8| usize::from(at).checked_sub(1);
        bytes.windows(2).enumerate().any(|(at, pair)| {
            let head = index(self.heads[Words::pair(pair[0], pair[1])]);
            std::iter::successors(head, |word| index(self.next[*word])).any(|word| {
                let word = self.words[word];
                bytes.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
            })
        })
    }
}

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
    /// version, a decimal fraction, a price, a paragraph, an order number such as `PO-13812345678`.
    pub(crate) fn joins_figures(self) -> bool {
        let Some(last) = self.last() else { return false };
        match last {
            '_' | '$' | '€' | '£' | '¥' | '§' => true,
            '.' => self.shorter().last().is_some_and(|ch| ch.is_ascii_digit()),
            '-' => self.shorter().ends_in_code(),
            _ => last.is_ascii_alphanumeric(),
        }
    }

    /// Whether it ends in a word of figures or capitals, as the parts of a UUID or an order number are. A number of
    /// eleven figures is none: that is the telephone number before this one.
    fn ends_in_code(self) -> bool {
        let bytes = self.text.as_bytes();
        if colour_before(bytes, bytes.len()).is_some() {
            return false;
        }
        let word = bytes.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let word = &bytes[bytes.len() - word..];
        let figures = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let capitals = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        !(figures == 11 && word.len() == 11) && (figures > 0 || capitals > 1)
    }

    /// Whether the value of a form's field begins here, or another word of it: there a plus stands for a blank.
    pub(crate) fn is_in_form(self) -> bool {
        let second = || self.shorter().last().unwrap_or_default();
        match self.last() {
            Some('=') => second().is_alphanumeric() || matches!(second(), '_' | '-' | ']'),
            Some('+') => second().is_alphabetic(),
            _ => false,
        }
    }

    /// Whether it ends in a digit and a blank, so that a number may be one of several groups.
    pub(crate) fn ends_in_blank_group(self) -> bool {
        self.last() == Some(' ') && self.shorter().last().is_some_and(|ch| ch.is_ascii_digit())
    }

    /// Whether one of these words (in small letters) stands in the last `within` bytes. A word of up to three ASCII
    /// letters has to stand alone: `pan`, not `company`.
    pub(crate) fn mentions(self, words: &Words, within: usize) -> bool {
        self.mentions_so(words, within, |_, _, _| true)
    }

    /// The same where `fits` says so of what stands before the word, of the word, and of what stands behind it.
    pub(super) fn mentions_so(
        self,
        words: &Words,
        within: usize,
        fits: impl Fn(&[u8], &[u8], &[u8]) -> bool,
    ) -> bool {
        let bytes = self.text.as_bytes();
        let from = bytes.len().saturating_sub(within);
        let window = &bytes[from..];
        let letter = |at: usize| window.get(at).is_some_and(u8::is_ascii_alphabetic);
        let is_inner = |at: usize| at > 0 && letter(at - 1) && colour_before(bytes, from + at).is_none();
        words.places(window).any(|at| {
            words.words.iter().any(|word| {
                let end = at + word.len();
                let alone = word.is_ascii() && word.len() <= 3;
                window.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
                    && !(alone && (is_inner(at) || letter(end)))
                    && fits(&bytes[..from + at], &window[at..end], &window[end..])
                    && !has_mark(bytes, from + at)
            })
        })
    }

    /// What stands there.
    pub(super) fn text(self) -> &'t str {
        self.text
    }

    /// Whether it ends in one of these words (in small letters), with at most six signs and colours of a terminal, and
    /// no letters or digits, behind it.
    pub(crate) fn ends_with_word(self, words: &Words) -> bool {
        let mut rest = self.text;
        for _ in 0..6 {
            if let Some(at) = colour_before(rest.as_bytes(), rest.len()) {
                rest = &rest[..at];
                continue;
            }
            let Some(last) = rest.chars().next_back().filter(|ch| !ch.is_alphanumeric()) else { break };
            rest = &rest[..rest.len() - last.len_utf8()];
        }
        let rest = rest.as_bytes();
        if rest.last().is_none_or(u8::is_ascii_digit) {
            return false;
        }
        words.words.iter().any(|word| {
            let Some((before, end)) = rest.len().checked_sub(word.len()).map(|at| rest.split_at(at)) else {
                return false;
            };
            let whole = !word.is_ascii()
                || before.last().is_none_or(|byte| !byte.is_ascii_alphabetic())
                || colour_before(before, before.len()).is_some();
            whole
                && end.eq_ignore_ascii_case(word.as_bytes())
                && !has_mark(self.text.as_bytes(), before.len())
        })
    }
}

/// Whether a number was hidden in or behind the word that begins here: it told what that one was.
fn has_mark(bytes: &[u8], word: usize) -> bool {
    (word.saturating_sub(1)..bytes.len()).any(|at| begins_number_mark(&bytes[at..]))
}

/// The last character of a text as it is meant, and where it begins.
fn last(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let end = bytes.len();
    let whole = |at: usize| {
        let atom = Cursor::new(text, at, true).peek()?;
        (atom.end == end && (atom.disguised || atom.ch == Atom::COLOUR)).then_some((atom.ch, at))
    };
    let back = |most: usize, lead: u8| {
        let from = end.saturating_sub(most);
        let at = from + bytes[from..].iter().rposition(|byte| *byte == lead)?;
        whole(at)
    };
    let byte = *bytes.last()?;
    if !byte.is_ascii() {
        let (at, ch) = text.char_indices().next_back()?;
        return whole(at).or(Some((ch, at)));
    }
    let plain = Some((char::from(byte), end - 1));
    if !(byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'/' | b';')) {
        return plain;
    }
    let at = |back: usize, lead: u8| end.checked_sub(back).filter(|at| bytes[*at] == lead);
    // `%31`, `\n`, `\u0031`: their lengths are fixed; `&#49;` and a terminal's colour have a certain end.
    let escape = [at(3, b'%'), at(2, b'\\'), at(6, b'\\')].into_iter().flatten().find_map(whole);
    let escape = escape.or_else(|| if byte == b';' { back(LONGEST_ENTITY, b'&') } else { None });
    escape.or_else(|| whole(colour_before(bytes, end)?)).or(plain)
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
            (r"a\u001b[31m", Atom::COLOUR),
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
        assert!(Before::new("my SSN is ").mentions(&Words::new(&["ssn"]), 24));
        assert!(!Before::new("company ").mentions(&Words::new(&["pan"]), 24));
        assert!(
            !Before::new("passport of a person whom I have known").mentions(&Words::new(&["passport"]), 24)
        );
        assert!(Before::new("身份证：").mentions(&Words::new(&["身份证"]), 24));
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
