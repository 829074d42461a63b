use std::fmt;
use std::str::FromStr;

/// How much of a question and its answer is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Show {
    /// Nothing: there is no line.
    Off,
    /// Length, language and, with a key, a hash that is the same for equal texts. No word of them.
    #[default]
    Digest,
    /// The same, and the text with marks in the place of values. Names and stories are in it: no rule finds them.
    Redacted,
}

impl Show {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Digest, Self::Redacted];

    /// Its name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Digest => "digest",
            Self::Redacted => "redacted",
        }
    }
}

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Show {
    type Err = UnknownShow;

    fn from_str(name: &str) -> Result<Self, UnknownShow> {
        Self::ALL.into_iter().find(|show| show.name() == name).ok_or_else(|| UnknownShow(name.to_owned()))
    }
}

/// Questions are not shown in a way of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownShow(String);

impl fmt::Display for UnknownShow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of off, digest, redacted", self.0)
    }
}

impl std::error::Error for UnknownShow {}
