//! Values by rules of the user's own.

use std::sync::Arc;

use super::cursor::{CAP, Cursor};
use super::secret::Tail;
use super::{Match, Swallow, ceil, is_word};
use crate::Rule;
use crate::own::{Alphabet, Own};

const WHY: &str = "a rule of one's own";

/// How much of a text is looked over at a time for a place where a value may begin, in bytes.
const STEP: usize = 4096;

/// The rules of a redactor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    rules: Vec<Own>,
    begins: Begins,
}

impl Set {
    pub(crate) fn rules(&self) -> &[Own] {
        &self.rules
    }

    pub(crate) fn push(&mut self, own: Own) {
        let begins = own.matcher.begins();
        self.begins.ascii |= begins.ascii;
        self.begins.high |= begins.high;
        self.rules.push(own);
    }

    /// The value that begins here.
    pub(super) fn find(&self, cursor: &mut Cursor<'_>, last: Option<char>) -> Option<Match> {
        let start = cursor.at();
        let first = cursor.peek()?.ch;
        self.rules.iter().filter(|own| own.matcher.begins().has(first)).find_map(|own| {
            cursor.set(start);
            let (canonical, end, swallow) = own.matcher.find(cursor, last)?;
            Some(Match { start, end, rule: Rule::Own(own.label), why: WHY, canonical, swallow })
        })
    }

    /// The first place at or behind this one where one may begin, or a place up to which none does. Reads bytes only.
    pub(super) fn next(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        let end = ceil(text, (from + STEP).min(text.len()));
        let mut at = from;
        while at < end {
            let byte = bytes[at];
            let may = match byte {
                // An escape.
                b'\\' | b'%' | b'&' | 0x1b => true,
                // A Chinese character stands for itself.
                0xe4..=0xe9 if !self.begins.high => {
                    at += 3;
                    continue;
                }
                0x80.. => true,
                byte => {
                    let inner = at > from && is_word(char::from(byte)) && is_word(char::from(bytes[at - 1]));
                    self.begins.has(char::from(byte)) && !inner
                }
            };
            if may {
                return at;
            }
            at += 1;
        }
        end
    }
}

/// The characters that values begin with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Begins {
    ascii: u128,
    /// Others.
    high: bool,
}

impl Begins {
    #[cfg(feature = "own-regex")]
    pub(super) fn new(ascii: u128, high: bool) -> Self {
        Self { ascii, high }
    }

    fn has(self, ch: char) -> bool {
        if ch.is_ascii() { self.ascii & 1 << ch as u32 != 0 } else { self.high }
    }
}

/// What finds values.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Prefix {
        prefix: Arc<str>,
        alphabet: Alphabet,
        least: usize,
        most: usize,
    },
    #[cfg(feature = "own-regex")]
    Pattern(Arc<super::pattern::Pattern>),
}

impl Matcher {
    pub(crate) fn prefix(prefix: &str, alphabet: Alphabet, least: usize, most: usize) -> Self {
        Self::Prefix { prefix: prefix.into(), alphabet, least, most }
    }

    #[cfg(feature = "own-regex")]
    pub(crate) fn pattern(pattern: &str) -> Result<Self, crate::OwnError> {
        super::pattern::Pattern::new(pattern).map(Arc::new).map(Self::Pattern)
    }

    fn begins(&self) -> Begins {
        match self {
            Self::Prefix { prefix, .. } => {
                Begins { ascii: prefix.bytes().next().map_or(0, |first| 1 << first), high: false }
            }
            #[cfg(feature = "own-regex")]
            Self::Pattern(pattern) => pattern.begins(),
        }
    }

    /// A value that begins here: what it is, its end, and what follows it.
    #[cfg_attr(not(feature = "own-regex"), allow(unused_variables, reason = "only expressions look back"))]
    fn find(&self, cursor: &mut Cursor<'_>, last: Option<char>) -> Option<(String, usize, Swallow)> {
        match self {
            Self::Prefix { prefix, alphabet, least, most } => {
                for expected in prefix.chars() {
                    (cursor.next()?.ch == expected).then_some(())?;
                }
                let (text, end) = behind(cursor, *alphabet, *most)?;
                (text.len() >= *least).then_some(())?;
                let swallow = if cursor.is_capped() { Swallow::Word(Tail::Token) } else { Swallow::Nothing };
                Some((format!("{prefix}{text}"), end, swallow))
            }
            #[cfg(feature = "own-regex")]
            Self::Pattern(pattern) => pattern.find(cursor, last),
        }
    }
}

/// At most so many characters of an alphabet; nothing if there are more.
fn behind(cursor: &mut Cursor<'_>, alphabet: Alphabet, most: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    // To its last sign that is no dot and no dash.
    let (mut len, mut end) = (0, cursor.at());
    while let Some(atom) = cursor.peek().filter(|atom| alphabet.has(atom.ch)) {
        text.push(atom.ch);
        cursor.set(atom.end);
        if !matches!(atom.ch, '.' | '-') {
            (len, end) = (text.len(), atom.end);
        }
        if len > most {
            return None;
        }
        if text.len() > CAP {
            break;
        }
    }
    text.truncate(len);
    Some((text, end))
}
