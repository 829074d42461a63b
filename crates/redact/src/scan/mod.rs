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
mod high;
mod ip;
mod meant;
mod memo;
mod number;
mod prose;
mod secret;
mod sign;
mod zh;

use self::cursor::Cursor;
use self::gate::Hints;
use self::meant::as_meant;
use self::memo::Memo;
pub(crate) use self::zh::is_chinese;
use crate::Rule;

/// How much text before a place a matcher sees, in bytes.
pub(crate) const BEFORE: usize = 96;

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

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same for a text that was decoded: nothing more is decoded in it, and all of it is language.
    fn inside(self) -> Self {
        Self((self.0 & !(1 << Rule::Zh as u8)) | Self::INSIDE)
    }

    fn is_inside(self) -> bool {
        self.0 & Self::INSIDE != 0
    }

    const INSIDE: u8 = 1 << 7;
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
    /// The rest of a word that is longer than [`cursor::CAP`].
    Word,
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

    /// What stands before it is done with.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The first `bytes` of the text are taken away.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.at -= bytes;
        self.memo.shift(bytes);
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
                (self.at, self.last) =
                    gate::skip(text, self.at, self.last, self.rules, &mut self.memo, complete);
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
        let before = &text[ceil(text, self.at.saturating_sub(BEFORE))..self.at];
        let hints =
            if self.is_slow { Hints::ALL } else { Hints::at(text, self.at, self.last, self.memo, complete) };
        let mut hints = if self.is_slow { hints } else { hints.with(first, self.last) };
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
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Passes over what belongs to the last match. `true`: more of it may come.
    fn swallow(&mut self, text: &str, complete: bool) -> bool {
        const END: &str = "-----END";
        match self.swallow {
            Swallow::Nothing => false,
            Swallow::Word => {
                let rest = &text[self.at..];
                let word = |ch: char| ch.is_ascii_alphanumeric() || "._~+/=-".contains(ch);
                let len = rest.find(|ch| !word(ch)).unwrap_or(rest.len());
                self.at += len;
                let goes_on = self.at == text.len() && !complete;
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
