//! What is redacted in logs, and how.

use std::fmt;

use figment::value::Value;
use lastbyte::redact::{Key, Redactor, Rule};

use super::keys::Set;
use super::value::{self, Read};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redact {
    /// Each once, in the order of [`Rule::ALL`].
    pub(crate) rules: Vec<Rule>,
    pub(crate) style: Style,
    /// The environment variable with the key of pseudonyms.
    pub(crate) key_env: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Label,
    Pseudonym,
}

impl Default for Redact {
    fn default() -> Self {
        Self { rules: Rule::DEFAULT.to_vec(), style: Style::Label, key_env: "GATEWAY_REDACT_KEY".into() }
    }
}

impl Redact {
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
                let name = &self.key_env;
                let key = std::env::var(name).ok().filter(|key| !key.is_empty());
                let key = key.ok_or_else(|| {
                    format!("redact.style: pseudonyms need a key in the environment: set {name}, or choose \"label\"")
                })?;
                lastbyte::redact::Style::Pseudonym(Key::new(key).map_err(|why| format!("{name}: {why}"))?)
            }
        };
        Ok(builder.style(style).build())
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

const STYLES: &[(&str, Style)] = &[("label", Style::Label), ("pseudonym", Style::Pseudonym)];

impl fmt::Display for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.rules.iter().map(|rule| format!("\"{rule}\"")).collect();
        let style = STYLES.iter().find(|(_, style)| *style == self.style).map_or("", |(word, _)| word);
        writeln!(f, "\n[redact]\nrules = [{}]\nstyle = \"{style}\"", names.join(", "))?;
        writeln!(f, "key_env = {:?}", self.key_env)
    }
}

/// The keys of this part.
pub(super) const KEYS: &[(&str, Set)] = &[
    ("redact.rules", |config, value| read_rules(value).map(|rules| config.redact.rules = rules)),
    ("redact.style", |config, value| value::one_of(value, STYLES).map(|style| config.redact.style = style)),
    ("redact.key_env", |config, value| value::text(value).map(|name| config.redact.key_env = name)),
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
