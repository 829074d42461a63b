//! What is looked for.

use std::fmt;
use std::str::FromStr;

use crate::own::Label;

/// A kind of value that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// Runs of two or more Chinese characters. It takes nearly all meaning from a Chinese text and no identity from
    /// it; for those who have to.
    Zh,
    /// Mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// Numbers of a person's papers: Chinese ID cards, passports, permits and licence plates, passports of the forms of
    /// Germany, France, Spain and others with up to two letters, US social security numbers.
    Id,
    /// Bank cards and IBANs.
    Card,
    /// IP addresses, except loopback, private and unspecified ones.
    Ip,
    /// Keys, tokens, passwords, private keys.
    Secret,
    /// An [`Own`](crate::Own) rule, given with [`Builder::own`](crate::Builder::own).
    Own(Label),
}

impl Rule {
    /// All of them but one's own, in the order of their names in the configuration.
    pub const ALL: [Self; 7] =
        [Self::Zh, Self::Email, Self::Phone, Self::Id, Self::Card, Self::Ip, Self::Secret];

    /// Those that are on unless something else is said: all but [`Rule::Zh`].
    pub const DEFAULT: [Self; 6] = [Self::Email, Self::Phone, Self::Id, Self::Card, Self::Ip, Self::Secret];

    /// Its name in a configuration; the label of one's own.
    #[must_use]
    pub const fn name(&self) -> &str {
        match self {
            Self::Zh => "zh",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Id => "id",
            Self::Card => "card",
            Self::Ip => "ip",
            Self::Secret => "secret",
            Self::Own(label) => label.as_str(),
        }
    }

    /// What stands in a mark: `EMAIL` in `[EMAIL]`.
    #[must_use]
    pub const fn label(&self) -> &str {
        match self {
            Self::Zh => "ZH",
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Id => "ID",
            Self::Card => "CARD",
            Self::Ip => "IP",
            Self::Secret => "SECRET",
            Self::Own(label) => label.as_str(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        Self::ALL.into_iter().find(|rule| rule.name() == name).ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

/// There is no rule of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule(String);

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no rule is called {:?}; there are", self.0)?;
        Rule::ALL.iter().try_for_each(|rule| write!(f, " {}", rule.name()))
    }
}

impl std::error::Error for UnknownRule {}
