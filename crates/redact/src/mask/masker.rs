//! From values to stand-ins.

use std::collections::HashMap;
use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::map::In;
use super::standin::{self, Read, TEXT};
use super::{Map, TooMany};
use crate::scan::{BEFORE, ceil, secret};
use crate::{Hit, Key, Redactor, Rule};

/// Puts stand-ins in the places of values. Cheap to clone.
///
/// A stand-in is made of the value, the key and the tenant, and of nothing else: the same request has the same
/// stand-ins whenever it is masked, so that nothing has to be stored to go on with an answer, and what a chat API has
/// cached of a dialogue is of use for its next message.
#[derive(Clone)]
pub struct Masker {
    redactor: Redactor,
    key: Key,
    derived: Zeroizing<[u8; 32]>,
}

/// What has been read of a request before any of it is masked.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) map: Map,
    /// What could be taken for a stand-in, by its digits.
    alike: HashMap<u64, Vec<String>>,
}

impl Masker {
    /// One that masks what `redactor` finds; its style does not matter.
    #[must_use]
    pub fn new(redactor: Redactor, key: Key) -> Self {
        let derived = key.derive("mask");
        Self { redactor, key, derived }
    }

    /// The same for another tenant, whose stand-ins have nothing to do with those of any other.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        Self::new(self.redactor.clone(), self.key.for_tenant(tenant))
    }

    /// One text with stand-ins, and what they stand for.
    ///
    /// # Errors
    ///
    /// [`TooMany`] values.
    pub fn mask(&self, text: &str) -> Result<(String, Map), TooMany> {
        let mut learned = Learned::default();
        self.learn("", text, &mut learned)?;
        let mut map = self.settle(learned)?;
        let masked = self.hide("", text, &mut map)?;
        Ok((masked.unwrap_or_else(|| text.to_owned()), map))
    }

    /// Reads a text, and remembers its values. What it stands under can be what tells that it is one: `password`.
    pub(super) fn learn(&self, under: &str, text: &str, learned: &mut Learned) -> Result<(), TooMany> {
        for hit in self.find(under, text) {
            let label = standin::label(hit.rule.label());
            self.add(&mut learned.map, label, &hit.canonical, &text[hit.range])?;
        }
        let bytes = text.as_bytes();
        for at in (0..bytes.len()).filter(|at| standin::begins(bytes[*at])) {
            if let Read::Code { end, code, .. } = standin::read(bytes, at, [0; 2], true) {
                learned.alike.entry(code).or_default().push(text[at..end].to_owned());
            }
        }
        Ok(())
    }

    /// What looks like a stand-in that stands for something is masked itself, so that all stand-ins of an answer are
    /// ours.
    pub(super) fn settle(&self, learned: Learned) -> Result<Map, TooMany> {
        let Learned { mut map, mut alike } = learned;
        let mut next = 0;
        while let Some(entry) = map.entries().get(next) {
            let code = entry.code;
            next += 1;
            for text in alike.remove(&code).unwrap_or_default() {
                self.add(&mut map, TEXT, &text, &text)?;
            }
        }
        // Nothing is passed on of which it is not known whether it is one.
        if map.is_findable() { Ok(map) } else { Err(TooMany) }
    }

    /// The text with stand-ins; none where it has no value. What comes of it is restored exactly: where that
    /// could not be, the whole text gets one stand-in.
    pub(super) fn hide(&self, under: &str, text: &str, map: &mut Map) -> Result<Option<String>, TooMany> {
        let mut out = String::new();
        let mut written = 0;
        for hit in self.find(under, text) {
            self.hide_known(&text[written..hit.range.start], map, &mut out)?;
            let label = standin::label(hit.rule.label());
            let value = &text[hit.range.clone()];
            let code = self.known(map, label, &hit.canonical, value);
            standin::write(label, code, &mut out);
            written = hit.range.end;
        }
        self.hide_known(&text[written..], map, &mut out)?;
        if out == text {
            return Ok(None);
        }
        if map.restore(&out) != text {
            out.clear();
            standin::write(TEXT, self.add(map, TEXT, text, text)?, &mut out);
        }
        Ok(Some(out))
    }

    /// Writes a text in which no rule finds anything. A value that stands there as JSON escapes it is another spelling.
    fn hide_known(&self, text: &str, map: &mut Map, out: &mut String) -> Result<(), TooMany> {
        let known: Vec<_> = (map.known_in(text, In::Request))
            .map(|(range, entry)| (entry.label, entry.code, *entry.value == text[range.clone()], range))
            .collect();
        let mut written = 0;
        for (label, mut code, is_exact, range) in known {
            let spelled = &text[range.clone()];
            if !is_exact {
                let of_value = code >> 24 << 24;
                code =
                    map.add(label, spelled, |choice| of_value | self.mac(&[label, spelled], choice) >> 40)?;
            }
            out.push_str(&text[written..range.start]);
            standin::write(label, code, out);
            written = range.end;
        }
        out.push_str(&text[written..]);
        Ok(())
    }

    /// All values of a text that stands under a name.
    fn find(&self, under: &str, text: &str) -> Vec<Hit> {
        if under.is_empty() {
            return self.redactor.find(text);
        }
        if self.redactor.settings.set.contains(Rule::Secret) && secret::is_secret_under(under, text) {
            let canonical = secret::canonical(text);
            return vec![Hit { range: 0..text.len(), rule: Rule::Secret, why: "under a name", canonical }];
        }
        let under = &under[ceil(under, under.len().saturating_sub(BEFORE))..];
        let prefix = under.len() + 1;
        let hits = self.redactor.find(&format!("{under}={text}"));
        if hits.iter().any(|hit| hit.range.start < prefix) {
            // The name is one itself.
            return self.redactor.find(text);
        }
        let shift = |hit: Hit| Hit { range: hit.range.start - prefix..hit.range.end - prefix, ..hit };
        hits.into_iter().map(shift).collect()
    }

    fn add(&self, map: &mut Map, label: &'static str, canonical: &str, value: &str) -> Result<u64, TooMany> {
        map.add(label, value, |choice| self.code(label, canonical, value, choice))
    }

    /// The digits of a value that was learned.
    fn known(&self, map: &Map, label: &'static str, canonical: &str, value: &str) -> u64 {
        let codes = (0..=map.len() as u32).map(|choice| self.code(label, canonical, value, choice));
        let is_it = |code: &u64| map.value(*code) == Some(value);
        codes.into_iter().find(is_it).unwrap_or_default()
    }

    /// Half of the digits are the value's, so that a model sees that two spellings are of one.
    fn code(&self, label: &str, canonical: &str, value: &str, choice: u32) -> u64 {
        let of_value = self.mac(&[label, canonical], 0);
        let of_spelling = self.mac(&[label, canonical, value], choice);
        (of_value >> 40) << 24 | of_spelling >> 40
    }

    fn mac(&self, parts: &[&str], choice: u32) -> u64 {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.derived) else { return 0 };
        mac.update(&choice.to_be_bytes());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        bytes[..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("redactor", &self.redactor).finish_non_exhaustive()
    }
}
