//! A finished line of JSON: its strings and numbers, each looked at as what it means.

mod around;
mod string;

use std::ops::Range;

use self::around::Around;
use self::string::{StringEnd, string_end, unescape};

use crate::escape::{Escape, escape};
use crate::scan::{BEFORE, Glance, Match, Piece, Scan, Swallow, ceil, secret};
use crate::{Redactor, Rule, stream};

/// Whether it has no value in it, as is soon seen of most lines. In doubt `false`.
pub(crate) fn passes(redactor: &Redactor, line: &str) -> bool {
    is_simple(line.as_bytes()) && redactor.settings.scan().passes(line)
}

/// Whether nothing is a value here that is none in a text: there are no escapes, no lists, whose key stands further before
/// their values, no string that begins with a blank or a quote, which no value of a text does, and no key that tells what a
/// name beside it names.
fn is_simple(line: &[u8]) -> bool {
    let marks = line.iter().fold(false, |found, byte| found | (*byte == b'\\') | (*byte == b'['));
    let [second, third] = [1, 2].map(|from| line.get(from..).unwrap_or_default());
    let strings = line.iter().zip(second).zip(third);
    let strange = strings.fold(false, |found, ((first, second), third)| {
        let begins = (*second == b'"') & ((*first == b':') | (*first == b' '));
        let sign = (*third == b' ') | (*third == b'\t') | (*third == b'\'') | (*third == b'`');
        // `"value"`
        let value = (*first | 0x20 == b'u') & (*second | 0x20 == b'e') & (*third == b'"');
        found | begins & sign | value
    });
    !(marks | strange)
}

/// Appends the line. Strings are redacted without their escapes and encoded again, numbers that are values become
/// strings, and all that has no value in it stays as it was. What is no JSON is redacted as text.
///
/// A document may be cut off, and others may follow it. `is_slow`: without the shortcuts.
pub(crate) fn walk(redactor: &Redactor, line: &str, out: &mut String, is_slow: bool) {
    let start = out.len();
    let mut walk = Walk {
        redactor,
        line,
        at: 0,
        written: 0,
        key: Key::default(),
        around: Around::default(),
        glance: Glance::new(redactor.settings.set),
        is_slow,
        buffer: String::new(),
        out,
    };
    if walk.run().is_none() {
        out.truncate(start);
        out.push_str(&redactor.redact(line));
    }
}

/// What the last token was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// Something behind which a value may stand.
    Open,
    /// A string, a number or a word: only a sign may follow.
    Value,
    /// `}` or `]`, behind which another document may begin.
    Closed,
}

/// The key of the value that comes.
#[derive(Clone, Copy, Debug, Default)]
struct Key {
    /// Where what is between its quotes stands, at most [`BEFORE`] bytes of it; nothing: there is none.
    start: usize,
    end: usize,
    /// There are escapes in it.
    is_veiled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    /// A string as it is.
    Plain,
    /// A string with escapes in it.
    Veiled,
}

struct Walk<'a> {
    redactor: &'a Redactor,
    line: &'a str,
    at: usize,
    /// What stands before it is in `out`.
    written: usize,
    key: Key,
    around: Around,
    glance: Glance,
    is_slow: bool,
    /// A value behind its key, where they do not stand so in the line.
    buffer: String,
    out: &'a mut String,
}

impl Walk<'_> {
    /// Goes to the end of the line. None: it is no JSON.
    fn run(&mut self) -> Option<()> {
        let bytes = self.line.as_bytes();
        let (mut last, mut depth) = (Token::Open, 0_usize);
        // Which of the innermost are objects, a bit for each.
        let mut objects = 0_u64;
        while let Some(byte) = bytes.get(self.at) {
            if depth == 0 && last == Token::Open && *byte == b'{' && self.skips_line() {
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    if depth == 0 {
                        last = Token::Open;
                    }
                }
                b'{' | b'[' if last != Token::Value => {
                    self.at += 1;
                    let key = Some(self.key).filter(|key| *byte == b'{' && key.end > 0 && self.asks(*key));
                    self.around.open(*byte == b'[', key, depth);
                    depth += 1;
                    objects = objects << 1 | u64::from(*byte == b'{');
                    last = Token::Open;
                }
                b'}' | b']' => {
                    self.at += 1;
                    depth = depth.saturating_sub(1);
                    objects >>= 1;
                    self.around.close(depth > 0 && objects & 1 == 0, depth);
                    self.key = Key::default();
                    last = Token::Closed;
                }
                b',' | b':' => {
                    self.at += 1;
                    last = Token::Open;
                    if *byte == b',' && objects & 1 == 1 {
                        // In a list it stands before each of the values.
                        self.key = Key::default();
                    }
                }
                _ if last != Token::Open => return None,
                b'"' => {
                    last = Token::Value;
                    if !self.string()? {
                        return Some(());
                    }
                }
                b'-' | b'0'..=b'9' => {
                    last = Token::Value;
                    self.number()?;
                }
                _ => {
                    last = Token::Value;
                    self.word()?;
                }
            }
        }
        self.flush(self.at);
        Some(())
    }

    /// Goes to the end of a line that is one of several and has no value in it.
    fn skips_line(&mut self) -> bool {
        let rest = &self.line[self.at..];
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let begins = self.at == 0 || self.line.as_bytes()[self.at - 1] == b'\n';
        let skips = !self.is_slow
            && begins
            && line.len() < self.line.len()
            && line.ends_with('}')
            && is_simple(line.as_bytes())
            && self.glance.is_clear(self.line, &(self.at..self.at + line.len()));
        if skips {
            self.at += line.len();
        }
        skips
    }

    /// Whether what may follow a value follows.
    fn ends_value(&self, at: usize) -> bool {
        matches!(self.line.as_bytes().get(at), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']'))
    }

    fn word(&mut self) -> Option<()> {
        let rest = &self.line[self.at..];
        let whole = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        let len = match whole {
            Some(word) => word.len(),
            None if ["true", "false", "null"].iter().any(|word| word.starts_with(rest)) => rest.len(),
            None => return None,
        };
        self.at += len;
        self.ends_value(self.at).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let len = self.line.as_bytes()[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
            .count();
        let end = start + len;
        if !self.ends_value(end) {
            return None;
        }
        self.at = end;
        if len >= SHORTEST {
            self.value(start..end, Form::Number);
        }
        Some(())
    }

    /// `false`: it was cut off, and the line is at its end. None: it is no string of JSON.
    fn string(&mut self) -> Option<bool> {
        let start = self.at + 1;
        let (len, is_veiled) = match string_end(&self.line.as_bytes()[start..]) {
            StringEnd::At(len, is_veiled) => (len, is_veiled),
            StringEnd::Cut => {
                self.cut_off();
                return Some(false);
            }
            StringEnd::Garbage => return None,
        };
        let end = start + len;
        self.at = end + 1;
        let is_key = self.line[self.at..].trim_start().starts_with(':');
        if is_key {
            self.key = Key::default();
        }
        let form = if is_veiled { Form::Veiled } else { Form::Plain };
        let had_one = len >= SHORTEST && self.value(start..end, form);
        if had_one {
            self.around.found();
        } else {
            let from = ceil(self.line, start.max(end.saturating_sub(BEFORE / 2)));
            let name = Key { start: from, end, is_veiled };
            if is_key {
                self.key = name;
            } else {
                self.around.tell(self.line, self.key, name);
            }
        }
        Some(true)
    }

    /// The rest of the line is a string that does not end: a text behind its key.
    fn cut_off(&mut self) {
        self.flush(self.at);
        let key = unescape(&self.line[self.key.start..self.key.end]);
        let rest = &self.line[self.at..];
        let value = unescape(&rest[1..]);
        if self.is_secret(&key, &value) {
            self.out.push('"');
            self.redacted(&value, 0, true).inspect(|mark| self.out.push_str(mark));
        } else {
            let behind = if key.is_empty() { String::new() } else { format!("{key}\":") };
            let from = behind.len();
            let text = behind + rest;
            let redacted = self.redacted(&text, from, false);
            self.out.push_str(redacted.as_deref().unwrap_or(rest));
        }
        self.written = self.line.len();
    }

    /// Writes the string or number that stands there, where it has a value in it, and says whether it had. Its key can
    /// be what makes it one.
    fn value(&mut self, range: Range<usize>, form: Form) -> bool {
        let (key, quotes) = (self.key, usize::from(form != Form::Number));
        let has_key = key.end > 0;
        if let Some(name) = self.around.name(self.line, key) {
            let value = unescape(&self.line[range.clone()]);
            let name = unescape(&self.line[name.start..name.end]);
            if self.is_secret(&name, &value) && secret::stands_alone(&value) {
                return self.put(&value, 0, range.start - quotes..range.end + quotes, true);
            }
        }
        let is_near = !self.around.in_list() && !key.is_veiled && range.start.saturating_sub(key.end) <= NEAR;
        let stands = form != Form::Veiled && (!has_key || is_near);
        let is_quick = stands && !self.is_slow && !(has_key && self.asks(key));
        if is_quick && self.glance.is_clear(self.line, &range) {
            return false;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let (text, from) = if stands && !has_key {
            (&self.line[range.clone()], 0)
        } else if stands {
            // As it stands, with its key before it.
            (&self.line[key.start..range.end], range.start - key.start)
        } else {
            buffer.clear();
            if has_key {
                buffer.push_str(&unescape(&self.line[key.start..key.end]));
                buffer.push_str(if quotes > 0 { "\":\"" } else { "\":" });
            }
            let from = buffer.len();
            buffer.push_str(&unescape(&self.line[range.clone()]));
            (buffer.as_str(), from)
        };
        let key = text[..from].trim_end_matches(['"', ':', ' ', '\t']);
        let is_secret = self.is_secret(key, &text[from..]);
        let had_one = self.put(text, from, range.start - quotes..range.end + quotes, is_secret);
        self.buffer = buffer;
        had_one
    }

    /// Whether the key may be the name of a secret.
    fn asks(&self, key: Key) -> bool {
        secret::announces(self.line[key.start..key.end].trim_end().as_bytes())
    }

    /// Writes what begins at `from` in the text instead of what stands there, if it is a secret or there is a value in it.
    fn put(&mut self, text: &str, from: usize, stands: Range<usize>, is_secret: bool) -> bool {
        let Some(redacted) = self.redacted(text, from, is_secret) else { return false };
        self.flush(stands.start);
        self.written = stands.end;
        self.out.push('"');
        escape(&redacted, Escape::Json, self.out);
        self.out.push('"');
        true
    }

    fn is_secret(&self, key: &str, value: &str) -> bool {
        self.redactor.settings.set.contains(Rule::Secret) && secret::is_secret_under(key, value)
    }

    /// What begins at `from` in the text, redacted: all of it, where it is known to be a secret. None: there is no value
    /// in it.
    fn redacted(&self, text: &str, from: usize, is_secret: bool) -> Option<String> {
        let redactor = self.redactor;
        let mut redacted = String::new();
        if is_secret {
            let canonical = secret::canonical(&text[from..]);
            let (rule, swallow, why) = (Rule::Secret, Swallow::Nothing, "value of a word such as password");
            let found = Match { start: from, end: text.len(), rule, why, canonical, swallow };
            redactor.mark(&stream::hit(found, 0), &mut redacted);
            return Some(redacted);
        }
        let mut written = from;
        let settings = &redactor.settings;
        let mut scan = Scan::within(settings.set, text, from).with(settings.own.clone());
        scan.run(text, true, |piece| match piece {
            Piece::Found(found) => {
                redacted.push_str(&text[written..found.start]);
                written = found.end;
                redactor.mark(&stream::hit(found, 0), &mut redacted);
            }
            Piece::Swallowed(range) => written = range.end,
        });
        redacted.push_str(&text[written..]);
        (written > from).then_some(redacted)
    }

    /// Writes what stands before this place as it is.
    fn flush(&mut self, at: usize) {
        self.out.push_str(&self.line[self.written..at]);
        self.written = at;
    }
}

/// What is shorter is no value, whatever its key, in bytes.
const SHORTEST: usize = 3;

/// How far behind a key its value stands at most: with quotes, a colon, and a few blanks.
const NEAR: usize = 8;

#[cfg(test)]
mod tests;
