//! What is redacted in logs, how, and what the chat API does not see.

use std::fmt;

use figment::value::Value;
use lastbyte::redact::mask::MaskLayer;
use lastbyte::redact::{Key, KeyTooShort, Redactor, Rule};
use zeroize::Zeroizing;

use super::keys::Set;
use super::value::{self, Read, word};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redact {
    /// Each once, in the order of [`Rule::ALL`].
    pub(crate) rules: Vec<Rule>,
    pub(crate) style: Style,
    /// The environment variable with the key of pseudonyms, digests and stand-ins.
    pub(crate) key_env: String,
    /// Whether the chat API sees stand-ins.
    pub(crate) mask_upstream: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Label,
    Pseudonym,
}

impl Default for Redact {
    fn default() -> Self {
        let key_env = "GATEWAY_REDACT_KEY".into();
        Self { rules: Rule::DEFAULT.to_vec(), style: Style::Label, key_env, mask_upstream: false }
    }
}

impl Redact {
    /// The bytes of the key, where the environment has one.
    pub(crate) fn secret(&self) -> Option<Zeroizing<Vec<u8>>> {
        let key = std::env::var_os(&self.key_env).filter(|key| !key.is_empty())?;
        Some(Zeroizing::new(key.into_encoded_bytes()))
    }

    /// The key, where the environment has one.
    ///
    /// # Errors
    ///
    /// Where it is too short.
    fn key(&self) -> Result<Option<Key>, String> {
        let key = self.secret().map(|key| Key::new(key.to_vec())).transpose();
        key.map_err(|why: KeyTooShort| format!("{}: {why}", self.key_env))
    }

    fn needed(&self, by: &str) -> Result<Key, String> {
        let missing = || match self.key_env.as_str() {
            "" => format!("{by} need a key in the environment: name its variable in redact.key_env"),
            name => format!("{by} need a key in the environment: set {name}"),
        };
        self.key()?.ok_or_else(missing)
    }

    /// What redacts.
    ///
    /// # Errors
    ///
    /// Where pseudonyms are wanted, and the environment has no key for them, or too short a one.
    pub(crate) fn redactor(&self) -> Result<Redactor, String> {
        let builder = Redactor::builder().rules(self.rules.iter().copied());
        let style = match self.style {
            Style::Label => lastbyte::redact::Style::Label,
            Style::Pseudonym => {
                let key = self.needed("pseudonyms").map_err(|why| format!("{why}, or choose \"label\""));
                lastbyte::redact::Style::Pseudonym(key?)
            }
        };
        Ok(builder.style(style).build())
    }

    /// What makes digests: with hashes wherever there is a key, whatever stands in the place of values.
    ///
    /// # Errors
    ///
    /// Where there is a key that is too short.
    pub(crate) fn digests(&self) -> Result<Redactor, String> {
        let builder = Redactor::builder().rules(self.rules.iter().copied());
        let key = self.key()?.map(lastbyte::redact::Style::Pseudonym);
        Ok(builder.style(key.unwrap_or_default()).build())
    }

    /// What masks requests to the chat API, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where the environment has no key for it, or too short a one.
    pub(crate) fn mask(&self) -> Result<Option<MaskLayer>, String> {
        if !self.mask_upstream {
            return Ok(None);
        }
        // A question in Chinese would be one stand-in: that rule is for logs.
        let rules: Vec<_> = self.rules.iter().copied().filter(|rule| *rule != Rule::Zh).collect();
        if rules.is_empty() {
            return Err("redact.rules has no rule that finds anything to mask (zh is for logs alone)".into());
        }
        let key = self.needed("stand-ins")?;
        Ok(Some(MaskLayer::new(Redactor::builder().rules(rules).build(), key)))
    }

    /// What is wrong with the key, and which setting needs it.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        if let Err(why) = self.key() {
            return Some(("redact.key_env", why));
        }
        let style = self.redactor().err().map(|why| ("redact.style", why));
        style.or_else(|| self.mask().err().map(|why| ("redact.mask_upstream", why)))
    }
}

/// The rules of these names, each once.
pub(crate) fn rules<'a>(names: impl IntoIterator<Item = &'a str>) -> Read<Vec<Rule>> {
    let mut rules = Vec::new();
    for name in names {
        rules.push(name.trim().parse::<Rule>().map_err(|why| why.to_string())?);
    }
    rules.sort_unstable();
    rules.dedup();
    Ok(rules)
}

pub(crate) const STYLES: &[(&str, Style)] = &[("label", Style::Label), ("pseudonym", Style::Pseudonym)];

impl fmt::Display for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.rules.iter().map(|rule| format!("\"{rule}\"")).collect();
        let style = word(STYLES, &self.style);
        writeln!(f, "\n[redact]\nrules = [{}]\nstyle = \"{style}\"", names.join(", "))?;
        let key = match self.secret() {
            Some(_) => "set: ********",
            None => "not set: no pseudonyms, no hashes of questions, no stand-ins",
        };
        writeln!(f, "key_env = {:?}  # {key}", self.key_env)?;
        writeln!(f, "mask_upstream = {}", self.mask_upstream)
    }
}

/// The keys of this part.
pub(super) const KEYS: &[(&str, Set)] = &[
    ("redact.rules", |config, value| read_rules(value).map(|rules| config.redact.rules = rules)),
    ("redact.style", |config, value| value::one_of(value, STYLES).map(|style| config.redact.style = style)),
    ("redact.key_env", |config, value| value::text(value).map(|name| config.redact.key_env = name)),
    ("redact.mask_upstream", |config, value| {
        value::switch(value).map(|mask| config.redact.mask_upstream = mask)
    }),
];

/// A list of names, or one text with commas between them, as the environment has it.
fn read_rules(value: &Value) -> Read<Vec<Rule>> {
    match value {
        Value::Array(_, names) => {
            let names = names.iter().map(value::text).collect::<Read<Vec<_>>>()?;
            rules(names.iter().map(String::as_str))
        }
        Value::String(_, names) => rules(names.split(',').filter(|name| !name.trim().is_empty())),
        _ => Err("expected a list of rules, such as [\"email\", \"phone\"]".into()),
    }
}
