//! A text's digest.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Style;
use crate::scan::is_chinese;
use crate::style::hex;

/// The script most of a text's letters are of. A Chinese character says as much as a few letters, and counts for three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// Latin letters: English, German and others.
    Latin,
    /// Chinese characters, at least as many as of any other script, and no kana.
    Chinese,
    /// Any other script, a text with kana (Japanese), or no letters at all.
    Other,
}

/// Length, language and keyed hash of a text. Prints as `len=128 lang=zh hash=3f9a01bc22`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    other: usize,
    has_kana: bool,
    mac: Option<Hmac<Sha256>>,
}

impl Digester {
    pub(crate) fn new(style: &Style) -> Self {
        let mac = match style {
            Style::Label => None,
            Style::Pseudonym(key) => key.digest(),
        };
        Self { chars: 0, chinese: 0, latin: 0, other: 0, has_kana: false, mac }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) {
        for ch in piece.chars() {
            self.chars += 1;
            match ch {
                _ if is_chinese(ch) => self.chinese += 1,
                _ if is_latin(ch) => self.latin += 1,
                _ => self.other += usize::from(ch.is_alphabetic()),
            }
            self.has_kana |= is_kana(ch);
        }
        if let Some(mac) = &mut self.mac {
            mac.update(piece.as_bytes());
        }
    }

    /// What [`Redactor::digest`](crate::Redactor::digest) makes of all the pieces together.
    #[must_use]
    pub fn finish(self) -> Digest {
        let language = match () {
            () if self.has_kana => Language::Other,
            () if self.chinese > 0 && self.chinese * 3 >= self.latin.max(self.other) => Language::Chinese,
            () if self.latin > 0 && self.latin >= self.other => Language::Latin,
            () => Language::Other,
        };
        Digest { chars: self.chars, language, hash: self.mac.map(hex) }
    }
}

/// Of the blocks Basic Latin to Latin Extended-B, Latin Extended Additional, and the letters of full width.
fn is_latin(ch: char) -> bool {
    matches!(ch, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}') && ch.is_alphabetic()
}

/// Of the blocks Hiragana and Katakana, of any width. The dot and the dash of Katakana stand in other texts too.
fn is_kana(ch: char) -> bool {
    matches!(ch, '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}')
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
    use super::Language;
    use crate::{Key, Redactor, Rule, Style};

    #[test]
    fn the_language_is_that_of_most_letters() {
        for (text, language) in [
            ("Was kostet das in Köln?", Language::Latin),
            ("Ở đâu", Language::Latin),
            ("Kubernetes 部署", Language::Latin),
            ("ABCD中", Language::Latin),
            ("OK, Привет", Language::Other),
            ("OK OK OK, Привет", Language::Latin),
            ("ABC中", Language::Chinese),
            ("用 Kubernetes 部署一下", Language::Chinese),
            ("日本語で書きました", Language::Other),
            ("ﾃｽﾄ中文", Language::Other),
            ("안녕하세요, 中", Language::Other),
            ("2 + 2 = 4?", Language::Other),
            ("", Language::Other),
        ] {
            assert_eq!(Redactor::new().digest(text).language, language, "{text}");
        }
    }

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
