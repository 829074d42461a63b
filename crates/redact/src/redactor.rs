//! The whole of it, for a text at hand.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::scan::{Piece, Rules, Scan, own};
use crate::{Builder, Digest, Digester, Hit, Rule, Stream, Style, json, stream};

/// Finds values in texts and puts marks in their place. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Redactor {
    pub(crate) settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) set: Rules,
    pub(crate) style: Style,
    /// Rules of one's own; `set` tells that there are some.
    pub(crate) own: Option<Arc<own::Set>>,
}

impl Settings {
    pub(crate) fn scan(&self) -> Scan {
        Scan::new(self.set).with(self.own.clone())
    }
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
        Builder { settings: Settings { set: Rules::of(&Rule::DEFAULT), style: Style::Label, own: None } }
    }

    /// The text with a mark in the place of every value; the text itself where it has none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replace(text, |hit, out| self.mark(hit, out))
    }

    /// The same for a text that is JSON, and stays JSON: a number that is a value becomes a string. Its strings are looked
    /// at without their escapes, each by its key; and by a name of a secret that stands around it or beside it, where it
    /// looks like one (`"password":{"old":…}`, `"name":"DB_PASSWORD","value":…`).
    #[must_use]
    pub fn redact_json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if json::passes(self, text) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        json::walk(self, text, &mut out, false);
        if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
    }

    /// The text with what `with` writes in the place of every value.
    pub fn replace<'a>(&self, text: &'a str, mut with: impl FnMut(&Hit, &mut String)) -> Cow<'a, str> {
        let mut out = String::new();
        let mut written = 0;
        self.settings.scan().run(text, true, |piece| match piece {
            Piece::Found(found) => {
                out.push_str(&text[written..found.start]);
                written = found.end;
                with(&stream::hit(found, 0), &mut out);
            }
            Piece::Swallowed(range) => written = range.end,
        });
        if written == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[written..]);
        Cow::Owned(out)
    }

    /// All values of a text, in their order. They do not overlap.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        self.settings.scan().run(text, true, |piece| match piece {
            Piece::Found(found) => hits.push(stream::hit(found, 0)),
            Piece::Swallowed(range) => {
                if let Some(last) = hits.last_mut() {
                    last.range.end = range.end;
                }
            }
        });
        hits
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

    /// The same for a text that comes in pieces.
    #[must_use]
    pub fn digester(&self) -> Digester {
        Digester::new(&self.settings.style)
    }

    /// The same redactor for another tenant: pseudonyms and digests of two tenants cannot be told to be of one value.
    /// Without a key it is the same for all.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        match &self.settings.style {
            Style::Label => self.clone(),
            Style::Pseudonym(key) => {
                let style = Style::Pseudonym(key.for_tenant(tenant));
                Self { settings: Arc::new(Settings { style, ..(*self.settings).clone() }) }
            }
        }
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}
