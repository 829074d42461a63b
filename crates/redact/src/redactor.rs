//! The whole of it, for a text at hand.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::{Builder, Digest, Hit, Rule, Stream, Style, scan};

/// Finds values in texts and puts marks in their place. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Redactor {
    pub(crate) settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) rules: Vec<Rule>,
    pub(crate) style: Style,
}

impl Redactor {
    /// One with [`Rule::DEFAULT`] and labels.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts to make another one.
    #[must_use]
    pub fn builder() -> Builder {
        Builder { settings: Settings { rules: Rule::DEFAULT.to_vec(), style: Style::Label } }
    }

    /// The text with a mark in the place of every value; the text itself where it has none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replace(text, |hit, out| self.mark(hit, out))
    }

    /// The same for a text that is JSON, and stays JSON: a number that is a value becomes a string.
    #[must_use]
    pub fn redact_json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.redact(text)
    }

    /// The text with what `with` writes in the place of every value.
    pub fn replace<'a>(&self, text: &'a str, mut with: impl FnMut(&Hit, &mut String)) -> Cow<'a, str> {
        let hits = self.find(text);
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for hit in &hits {
            out.push_str(&text[at..hit.range.start]);
            with(hit, &mut out);
            at = hit.range.end;
        }
        out.push_str(&text[at..]);
        Cow::Owned(out)
    }

    /// All values of a text, in their order. They do not overlap.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Hit> {
        scan::find(&self.settings, text)
    }

    /// For a text that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// Writes the mark of a value.
    pub fn mark(&self, hit: &Hit, out: &mut String) {
        let label = hit.rule.label();
        let _ = match &self.settings.style {
            Style::Label => write!(out, "[{label}]"),
            Style::Pseudonym(key) => write!(out, "[{label}:{}]", key.pseudonym(hit.rule, &hit.canonical)),
        };
    }

    /// What can be said of a whole text without any of its words: the only way that keeps names and stories out of a
    /// log, too.
    #[must_use]
    pub fn digest(&self, text: &str) -> Digest {
        Digest::of(text, &self.settings.style)
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}
