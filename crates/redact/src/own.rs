//! Rules of the user's own.

use std::fmt;
use std::ops::RangeInclusive;

use crate::Rule;
use crate::scan::own::Matcher;

/// A rule of one's own: what a kind of value looks like, and the label that stands in its place.
///
/// ```
/// use lastbyte_redact::{Alphabet, Own, Redactor};
///
/// let key = Own::prefix("ACME_KEY", "acme_", Alphabet::ALNUM, 20..=40)?;
/// let redactor = Redactor::builder().own(key)?.build();
/// assert_eq!(redactor.redact("with acme_Ab12Cd34Ef56Gh78Ij90."), "with [ACME_KEY].");
/// # Ok::<(), lastbyte_redact::OwnError>(())
/// ```
///
/// It is looked for before the others, where a word begins or a sign stands, and seen through all disguises but base64.
#[derive(Clone, Debug)]
pub struct Own {
    pub(crate) label: Label,
    pub(crate) matcher: Matcher,
}

impl Own {
    /// The most rules of a redactor.
    pub const MOST: usize = 32;

    /// The longest value, in characters without disguise. It fits into what is read from one place.
    pub const LONGEST: usize = 512;

    /// The shortest one: shorter ones are all over a text.
    pub const SHORTEST: usize = 4;

    /// The longest beginning, in characters.
    pub const LONGEST_PREFIX: usize = 64;

    /// What begins so, and goes on with so many characters of an alphabet. One more, and it is none; but a dot or a dash
    /// at its end belongs to the sentence.
    ///
    /// # Errors
    ///
    /// Where the label is none (1 to 16 of `A-Z`, `0-9`, `_`) or that of a [`Rule`], the beginning is empty, longer than
    /// [`Own::LONGEST_PREFIX`] or has other signs than `-_.:/#@$+=~`; where the lengths are none or begin at 0, or a
    /// whole value, with its beginning, could have less than [`Own::SHORTEST`] or more than [`Own::LONGEST`] characters.
    pub fn prefix(
        label: &str,
        prefix: &str,
        alphabet: Alphabet,
        length: RangeInclusive<usize>,
    ) -> Result<Self, OwnError> {
        let label = Label::new(label)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/#@$+=~".contains(&byte);
        if prefix.is_empty() || prefix.len() > Self::LONGEST_PREFIX || !prefix.bytes().all(fits) {
            return Err(OwnError::Prefix(prefix.to_owned()));
        }
        let (least, most) = length.into_inner();
        let shortest = prefix.len().saturating_add(least);
        let longest = prefix.len().saturating_add(most);
        if least > most || least == 0 || shortest < Self::SHORTEST || longest > Self::LONGEST {
            return Err(OwnError::Length(least, most));
        }
        Ok(Self { label, matcher: Matcher::prefix(prefix, alphabet, least, most) })
    }

    /// What a regular expression matches: the longest match from a place. Of one that is longer than [`Own::LONGEST`]
    /// characters, so many are looked at, and the rest of its word goes with them. It reads the text without its disguises.
    /// `\b` has to be written `(?-u:\b)`. `^` is the beginning of the whole text: in a log's field and in JSON a value's
    /// name stands before it, so leave it out there.
    ///
    /// # Errors
    ///
    /// Where the label is none, or that of a [`Rule`]; where the expression is none, becomes larger than 1 MiB, matches
    /// nothing at all, or too much: less than [`Own::SHORTEST`] bytes, or both a plain word and a plain number.
    #[cfg(feature = "own-regex")]
    pub fn pattern(label: &str, pattern: &str) -> Result<Self, OwnError> {
        Ok(Self { label: Label::new(label)?, matcher: Matcher::pattern(pattern)? })
    }

    /// What stands in a mark.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_str()
    }
}

/// Characters that a value is made of: some of ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet(u128);

impl Alphabet {
    /// `0-9`
    pub const DIGITS: Self = Self::from_bytes(b"0123456789");
    /// `0-9`, `a-f`, `A-F`
    pub const HEX: Self = Self::from_bytes(b"0123456789abcdefABCDEF");
    /// `A-Z`, `0-9`
    pub const CAPITALS: Self = Self::from_bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    /// `a-z`, `A-Z`, `0-9`
    pub const ALNUM: Self = Self(Self::CAPITALS.0 | Self::from_bytes(b"abcdefghijklmnopqrstuvwxyz").0);
    /// Letters and digits, `-` and `_` (RFC 4648, 5)
    pub const URL: Self = Self(Self::ALNUM.0 | Self::from_bytes(b"-_").0);
    /// Letters and digits, `+`, `/` and `=` (RFC 4648, 4)
    pub const BASE64: Self = Self(Self::ALNUM.0 | Self::from_bytes(b"+/=").0);

    /// These too. What is not ASCII, a blank or a control character is in none.
    #[must_use]
    pub const fn with(self, chars: &str) -> Self {
        Self(self.0 | Self::from_bytes(chars.as_bytes()).0)
    }

    const fn from_bytes(bytes: &[u8]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < bytes.len() {
            if bytes[at].is_ascii_graphic() {
                set |= 1 << bytes[at];
            }
            at += 1;
        }
        Self(set)
    }

    pub(crate) const fn has(self, ch: char) -> bool {
        ch.is_ascii() && self.0 & 1 << ch as u32 != 0
    }
}

/// The label of a rule of one's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    bytes: [u8; Self::MOST],
    len: u8,
}

impl Label {
    /// The most characters of one.
    pub const MOST: usize = 16;

    fn new(label: &str) -> Result<Self, OwnError> {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if label.is_empty() || label.len() > Self::MOST || !label.bytes().all(fits) {
            return Err(OwnError::Label(label.to_owned()));
        }
        if Rule::ALL.iter().any(|rule| rule.label() == label) {
            return Err(OwnError::Taken(label.to_owned()));
        }
        let mut bytes = [0; Self::MOST];
        bytes[..label.len()].copy_from_slice(label.as_bytes());
        Ok(Self { bytes, len: label.len() as u8 })
    }

    /// It as a text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len as usize).0) {
            Ok(label) => label,
            Err(_) => "",
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Why there is no such rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnError {
    /// The label has no characters, more than 16, or others than `A-Z`, `0-9` and `_`.
    Label(String),
    /// There is a rule of this label already.
    Taken(String),
    /// The beginning is empty, too long, or has a sign that it cannot have.
    Prefix(String),
    /// There is no value of such a length, or a shorter or longer one than there may be.
    Length(usize, usize),
    /// There are [`Own::MOST`] already.
    TooMany,
    /// The expression is none, or becomes too large: what was said of it, with all its causes. So it has no source.
    Pattern(String),
    /// The expression matches nothing.
    Nothing,
    /// The expression matches what is all over a text.
    TooWide,
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => {
                write!(f, "{label:?} is no label: it takes 1 to {} of A-Z, 0-9 and _", Label::MOST)
            }
            Self::Taken(label) => write!(f, "there is a rule with the label {label} already"),
            Self::Prefix(prefix) => write!(
                f,
                "{prefix:?} is no beginning: it takes 1 to {} letters, digits and -_.:/#@$+=~",
                Own::LONGEST_PREFIX
            ),
            Self::Length(least, most) => write!(
                f,
                "{least} to {most} characters behind the beginning: a whole value has {} to {}",
                Own::SHORTEST,
                Own::LONGEST
            ),
            Self::TooMany => write!(f, "there are {} rules of one's own already", Own::MOST),
            Self::Pattern(why) => write!(f, "the expression cannot be taken: {why}"),
            Self::Nothing => f.write_str("the expression matches nothing"),
            Self::TooWide => write!(
                f,
                "the expression matches less than {} bytes, or both plain words and plain numbers",
                Own::SHORTEST
            ),
        }
    }
}

impl std::error::Error for OwnError {}
