//! A text's digest.

use std::fmt;

use crate::Style;
use crate::scan::is_chinese;

/// The script most of a text's letters are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// Latin letters: English, German and others.
    Latin,
    /// Chinese characters and no kana.
    Chinese,
    /// Any other script, or no letters at all.
    Other,
}

/// Length, language and keyed hash of a text. Prints as `len=128 lang=zh hash=3f9a01bc22`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many characters it has.
    pub chars: usize,
    /// What it is written in.
    pub language: Language,
    /// The same for equal texts, where the redactor has a key; without a key there is none.
    pub hash: Option<String>,
}

impl Digest {
    pub(crate) fn of(text: &str, style: &Style) -> Self {
        let (mut chars, mut chinese, mut latin) = (0, 0, 0);
        for ch in text.chars() {
            chars += 1;
            chinese += usize::from(is_chinese(ch));
            latin += usize::from(ch.is_ascii_alphabetic());
        }
        let language = match () {
            () if chinese > 0 && chinese * 3 >= latin => Language::Chinese,
            () if latin > 0 => Language::Latin,
            () => Language::Other,
        };
        let hash = match style {
            Style::Label => None,
            Style::Pseudonym(key) => Some(key.pseudonym(crate::Rule::Zh, text)),
        };
        Self { chars, language, hash }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let language = match self.language {
            Language::Latin => "latin",
            Language::Chinese => "zh",
            Language::Other => "other",
        };
        write!(f, "len={} lang={language}", self.chars)?;
        match &self.hash {
            Some(hash) => write!(f, " hash={hash}"),
            None => Ok(()),
        }
    }
}
