//! What is a value: a scan from left to right.
//!
//! At each place where a value may begin, matchers read forwards through a [`Cursor`]. What one of them says depends on
//! nothing but the text from there, and at most [`BEFORE`] bytes of text before it. If it was asked for what is not there
//! yet, nothing is concluded: the text is held back from that place on, and looked at again with what comes. So a text in
//! pieces is redacted like the whole, by construction.

mod base64;
mod cursor;
mod email;
mod gate;
mod glance;
mod high;
mod ip;
mod mark;
mod meant;
mod member;
mod memo;
mod number;
pub(crate) mod own;
#[cfg(feature = "own-regex")]
mod pattern;
mod prose;
pub(crate) mod secret;
mod sign;
mod zh;

use std::sync::Arc;

use self::cursor::Cursor;
use self::gate::Hints;
pub(crate) use self::glance::Glance;
use self::mark::is_mark;
use self::meant::as_meant;
use self::memo::Memo;
pub(crate) use self::zh::is_chinese;
use crate::Rule;

/// How much text before a place a matcher sees, in bytes.
pub(crate) const BEFORE: usize = 96;

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules(u16);

impl Rules {
    /// Those of one's own are in none.
    pub(crate) fn of(rules: &[Rule]) -> Self {
        Self(rules.iter().fold(0, |set, rule| set | Self::bit(*rule)))
    }

    pub(crate) fn contains(self, rule: Rule) -> bool {
        self.0 & Self::bit(rule) != 0
    }

    fn bit(rule: Rule) -> u16 {
        match rule {
            Rule::Zh => 1,
            Rule::Email => 1 << 1,
            Rule::Phone => 1 << 2,
            Rule::Id => 1 << 3,
            Rule::Card => 1 << 4,
            Rule::Ip => 1 << 5,
            Rule::Secret => 1 << 6,
            Rule::Own(_) => 0,
        }
    }

    /// And rules of one's own.
    pub(crate) fn with_own(self) -> Self {
        Self(self.0 | Self::OWN)
    }

    pub(crate) fn has_own(self) -> bool {
        self.0 & Self::OWN != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same for a text that was decoded: nothing more is decoded in it, and all of it is language.
    fn inside(self) -> Self {
        Self((self.0 & !(Self::bit(Rule::Zh) | Self::OWN)) | Self::INSIDE)
    }

    fn is_inside(self) -> bool {
        self.0 & Self::INSIDE != 0
    }

    const OWN: u16 = 1 << 7;
    const INSIDE: u16 = 1 << 8;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Swallow {
    #[default]
    Nothing,
    /// The rest of a word that is longer than what is read of it at once.
    Word(secret::Tail),
    /// The rest of a private key, to the line that ends it or so many bytes.
    Key(usize),
}

/// Where a scan is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    rules: Rules,
    /// What stands before it is done.
    at: usize,
    /// The character before it, as it is meant.
    last: Option<char>,
    swallow: Swallow,
    memo: Memo,
    /// Rules of one's own, and the place before which none of them begins.
    own: Option<Arc<own::Set>>,
    clear: usize,
    /// Without the shortcuts.
    is_slow: bool,
}

/// A piece of what was scanned.
pub(crate) enum Piece {
    Found(Match),
    /// It belongs to what was found before it.
    Swallowed(std::ops::Range<usize>),
}

impl Scan {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// For what begins at a place of a text, behind what announces it.
    pub(crate) fn within(rules: Rules, text: &str, at: usize) -> Self {
        Self::new(rules).from(text, at)
    }

    /// The same for this one.
    pub(crate) fn from(self, text: &str, at: usize) -> Self {
        Self { at, last: text[..at].chars().next_back(), ..self }
    }

    /// The same with rules of one's own.
    pub(crate) fn with(self, own: Option<Arc<own::Set>>) -> Self {
        Self { own, ..self }
    }

    /// What stands before it is done with.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The first `bytes` of the text are taken away.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.at -= bytes;
        self.memo.shift(bytes);
        self.clear = self.clear.saturating_sub(bytes);
    }

    /// Goes on as far as it can.
    pub(crate) fn run(&mut self, text: &str, complete: bool, mut each: impl FnMut(Piece)) {
        if self.rules.is_empty() {
            self.at = text.len();
            return;
        }
        while self.at < text.len() {
            if self.swallow != Swallow::Nothing {
                let from = self.at;
                let goes_on = self.swallow(text, complete);
                if self.at > from {
                    each(Piece::Swallowed(from..self.at));
                }
                if goes_on {
                    return;
                }
                continue;
            }
            if !self.is_slow {
                (self.at, self.last) = self.skip(text, complete);
                if self.at == text.len() || !complete && self.is_within_word(text) {
                    return;
                }
            }
            let mut cursor = Cursor::new(text, self.at, complete);
            let next = cursor.peek();
            if cursor.is_starved() {
                return;
            }
            let Some(next) = next else {
                // Nothing but joints to the end, or more of them than anybody writes.
                self.at = ceil(text, (self.at + cursor::CAP).min(text.len()));
                continue;
            };
            match self.look(text, complete, next.ch) {
                Ok(Some(found)) => {
                    self.at = found.end;
                    self.last = Some(']');
                    self.swallow = found.swallow;
                    each(Piece::Found(found));
                }
                Ok(None) => {
                    self.at = next.end;
                    self.last = Some(next.ch);
                }
                Err(Starved) => return,
            }
        }
    }

    /// Up to where no rule of one's own finds anything.
    fn clear(&mut self, text: &str) -> usize {
        let Some(own) = &self.own else { return text.len() };
        if self.at >= self.clear {
            self.clear = own.next(text, self.at);
        }
        self.clear
    }

    /// Whether it passes over the whole text at once: nothing begins in it, by the rules of one's own neither. In doubt
    /// `false`. Cheapest for a text that ends with a line feed.
    pub(crate) fn passes(mut self, text: &str) -> bool {
        if self.rules.is_empty() {
            return true;
        }
        if self.clear(text) < text.len() {
            return false;
        }
        if self.last.is_none() && prose::is_prose(text.as_bytes()) {
            return true;
        }
        // Behind a line feed nothing is in doubt.
        let (at, _) = if text.ends_with('\n') {
            gate::skip(text, self.at, self.last, self.rules, &mut self.memo, true)
        } else {
            self.skip(text, true)
        };
        at == text.len()
    }

    /// The next place where something may begin, and the character before it.
    fn skip(&mut self, text: &str, complete: bool) -> (usize, Option<char>) {
        let clear = self.clear(text);
        let (mut at, mut last) = (self.at, self.last);
        if clear < text.len() {
            // At the end of what it is given the gate is in doubt.
            return gate::skip(&text[..clear], at, last, self.rules, &mut self.memo, false);
        }
        let is_near = |at: usize| complete && text.len() - at <= gate::TAIL;
        if !is_near(at) {
            (at, last) = gate::skip(text, at, last, self.rules, &mut self.memo, complete);
        }
        if at < text.len() && is_near(at) {
            gate::skip_to_end(text, at, last, self.rules)
        } else {
            (at, last)
        }
    }

    /// Whether a word is not over which may become an address: no matcher has to tell that.
    fn is_within_word(&self, text: &str) -> bool {
        let word = &text.as_bytes()[self.at..];
        self.rules.contains(Rule::Email)
            && word.len() < email::LONGEST_LOCAL
            && !self.last.is_some_and(email::is_local)
            && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    /// What begins here, where something does.
    fn look(&mut self, text: &str, complete: bool, first: char) -> Result<Option<Match>, Starved> {
        let begins = !self.last.is_some_and(is_word);
        if is_word(first) && !begins {
            return Ok(None);
        }
        debug_assert_eq!(self.own.is_some(), self.rules.has_own());
        if let Some(own) = &self.own {
            let mut cursor = Cursor::new(text, self.at, complete);
            let found = own.find(&mut cursor, self.last);
            if cursor.is_starved() {
                return Err(Starved);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        let before = &text[ceil(text, self.at.saturating_sub(BEFORE))..self.at];
        let mut hints = Hints::ALL;
        if !self.is_slow {
            hints = Hints::at(text, self.at, self.last, self.memo, complete).with(first, self.last);
        }
        hints.number |= number::begins_behind_percent(&text.as_bytes()[self.at..]);
        if first == 's' && !self.is_slow && self.memo.is_keyless(text, self.at, complete) {
            hints.secret = false;
        }
        // What announces a secret is read as it is meant, where there may be something like that.
        let asks = self.is_slow
            || secret::asks(text.as_bytes(), self.at, self.last)
                && !self.memo.is_code(text.as_bytes(), self.at, self.last, complete);
        let announced = if asks { as_meant(before) } else { "".into() };
        let announced: &str = &announced;
        type Matcher = fn(&mut Cursor<'_>, &str, Option<char>, Rules) -> Option<Match>;
        let number: Matcher = |cursor, before, _, rules| number::find(cursor, before, rules);
        let matchers: [(bool, &str, Matcher); 5] = [
            (hints.secret || asks, announced, secret::find),
            (hints.email, before, email::find),
            (hints.number, before, number),
            (hints.base64, before, base64::find),
            (self.rules.contains(Rule::Zh), before, zh::find),
        ];
        for (_, before, find) in matchers.into_iter().filter(|(may, ..)| *may) {
            let mut cursor = Cursor::new(text, self.at, complete);
            let found = find(&mut cursor, before, self.last, self.rules);
            if cursor.is_starved() {
                return Err(Starved);
            }
            if let Some(found) = found.filter(|found| !is_mark(text, found)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Passes over what belongs to the last match. `true`: more of it may come.
    fn swallow(&mut self, text: &str, complete: bool) -> bool {
        const END: &str = "-----END";
        match self.swallow {
            Swallow::Nothing => false,
            Swallow::Word(tail) => {
                let (end, goes_on) = tail.pass(text, self.at, complete);
                self.at = end;
                if !goes_on {
                    self.swallow = Swallow::Nothing;
                }
                goes_on
            }
            Swallow::Key(left) => {
                let rest = &text[self.at..ceil(text, (self.at + left).min(text.len()))];
                let ends = rest.find(END).map(|at| at + END.len());
                if let Some(end) = ends {
                    // `-----END RSA PRIVATE KEY-----`
                    let tail = &rest[end..];
                    let closing = tail.find("-----").filter(|at| *at < 64);
                    if closing.is_none() && tail.len() < 64 + 5 && rest.len() < left && !complete {
                        return true;
                    }
                    self.at += end + closing.map_or(0, |at| at + 5);
                    self.swallow = Swallow::Nothing;
                    return false;
                }
                let keep = if complete || rest.len() >= left { 0 } else { END.len() };
                let passed = floor(rest, rest.len().saturating_sub(keep));
                self.at += passed;
                let left = left - passed.min(left);
                self.swallow = if complete || left == 0 { Swallow::Nothing } else { Swallow::Key(left) };
                self.swallow != Swallow::Nothing
            }
        }
    }
}

struct Starved;

/// Whether it belongs to a word, within which nothing begins.
fn is_word(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || ch == '_'
}

/// The first place at or behind this one where a character begins.
pub(crate) fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod linear;
#[cfg(test)]
mod tests;
