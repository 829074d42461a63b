//! Placeholder until the scanner is there: tries the matchers at every place, and finds plain mail addresses and
//! `sk-` keys.

mod cursor;
mod ip;
mod number;

use self::cursor::Cursor;
use crate::redactor::Settings;
use crate::{Hit, Rule};

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules(u8);

impl Rules {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        Self(rules.iter().fold(0, |set, rule| set | 1 << *rule as u8))
    }

    pub(crate) fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }
}

/// A value that a matcher has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Where it begins, at or behind the place where the matcher began to read.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: Rule,
    pub(crate) why: &'static str,
    pub(crate) canonical: String,
    pub(crate) swallow: Swallow,
}

/// What behind a match still belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swallow {
    Nothing,
}

pub(crate) fn find(settings: &Settings, text: &str) -> Vec<Hit> {
    let rules = Rules::of(&settings.rules);
    let word = |c: char| c.is_ascii_alphanumeric() || "._%+-@".contains(c);
    let mut hits = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let mut from = at.saturating_sub(96);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let mut cursor = Cursor::new(text, at, true);
        if let Some(found) = number::find(&mut cursor, &text[from..at], rules) {
            let Match { start, end, rule, why, canonical, swallow: Swallow::Nothing } = found;
            at = end;
            hits.push(Hit { range: start..end, rule, why, canonical });
            continue;
        }
        let fresh = !text[..at].ends_with(word);
        let len = if fresh { rest.find(|c| !word(c)).unwrap_or(rest.len()) } else { 0 };
        let token = &rest[..len];
        let rule = match () {
            () if fresh && token.starts_with("sk-") && token.len() > 20 => Some(Rule::Secret),
            () if fresh && token.contains('@') && token.ends_with(".com") => Some(Rule::Email),
            () => None,
        };
        if let Some(rule) = rule.filter(|rule| rules.contains(*rule)) {
            let why = "placeholder";
            hits.push(Hit { range: at..at + len, rule, why, canonical: token.to_owned() });
            at += len;
        } else {
            at = Cursor::new(text, at, true).next().map_or(text.len(), |atom| atom.end);
        }
    }
    hits
}
