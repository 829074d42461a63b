//! A text's digest.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Style;
use crate::scan::is_chinese;
use crate::style::hex;

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
        let mut digester = Digester::new(style);
        digester.push(text);
        digester.finish()
    }
}

/// Makes the digest of a text that comes in pieces, and keeps none of it.
#[derive(Clone)]
pub struct Digester {
    chars: usize,
    chinese: usize,
    latin: usize,
    mac: Option<Hmac<Sha256>>,
}

impl Digester {
    pub(crate) fn new(style: &Style) -> Self {
        let mac = match style {
            Style::Label => None,
            Style::Pseudonym(key) => key.digest(),
        };
        Self { chars: 0, chinese: 0, latin: 0, mac }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) {
        for ch in piece.chars() {
            self.chars += 1;
            self.chinese += usize::from(is_chinese(ch));
            self.latin += usize::from(ch.is_ascii_alphabetic());
        }
        if let Some(mac) = &mut self.mac {
            mac.update(piece.as_bytes());
        }
    }

    /// What [`Redactor::digest`](crate::Redactor::digest) makes of all the pieces together.
    #[must_use]
    pub fn finish(self) -> Digest {
        let language = match () {
            () if self.chinese > 0 && self.chinese * 3 >= self.latin => Language::Chinese,
            () if self.latin > 0 => Language::Latin,
            () => Language::Other,
        };
        Digest { chars: self.chars, language, hash: self.mac.map(hex) }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").field("chars", &self.chars).finish_non_exhaustive()
    }
}

impl Language {
    /// Its name in a log: `latin`, `zh`, `other`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latin => "latin",
            Self::Chinese => "zh",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "len={} lang={}", self.chars, self.language.name())?;
        match &self.hash {
            Some(hash) => write!(f, " hash={hash}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Key, Redactor, Rule, Style};

    #[test]
    fn a_digest_of_pieces_is_that_of_the_whole() {
        let key = Key::new("thirty bytes that nobody knows").unwrap();
        let redactor = Redactor::builder().style(Style::Pseudonym(key.clone())).build();
        let text = "李雷 wrote to Han Meimei";
        let whole = redactor.digest(text);
        for (at, _) in text.char_indices() {
            let mut digester = redactor.digester();
            digester.push(&text[..at]);
            digester.push(&text[at..]);
            assert_eq!(digester.finish(), whole);
        }
        assert_ne!(whole.hash, Some(key.pseudonym(Rule::Zh, text)), "one says nothing of the other");
        let tenant = redactor.for_tenant("a").digest(text);
        assert_eq!((tenant.chars, tenant.language), (whole.chars, whole.language));
        assert_ne!(tenant.hash, whole.hash);
        assert_eq!(Redactor::new().for_tenant("a").digest(text).hash, None);
    }
}
