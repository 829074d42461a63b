//! Reads JSON as it comes, in pieces, and keeps none of it.

use crate::utf8::Utf8;

/// How deep values may be nested; serde_json draws the same line.
const MAX_DEPTH: usize = 128;

/// Names that somebody asks for. Any other is shown as `""`.
const NAMES: [&str; 18] = [
    "choices",
    "content",
    "content_block",
    "delta",
    "finish_reason",
    "index",
    "input",
    "message",
    "messages",
    "output",
    "refusal",
    "response",
    "role",
    "status",
    "stop_reason",
    "text",
    "type",
    "",
];

/// A little more than the longest of them: a name that is longer is none of them.
const LONGEST_NAME: usize = 16;

/// One step from a value into what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the member of that name, one of [`NAMES`].
    Key(&'static str),
    /// Into the element at that place.
    At(u32),
}

/// What is told of the value at some path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An object or an array begins.
    Open,
    /// It ends.
    Close,
    /// A string begins.
    Text,
    /// The next piece of it, unescaped.
    Piece(&'a str),
    /// It ends.
    Ended,
    /// A number or a literal, at most [`LONGEST_NAME`] bytes of it.
    Word(&'a str),
}

/// Reads one document. Its memory is bounded whatever comes: a name, and a step for each level.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    path: Vec<Step>,
    /// The name or the word that is being read.
    word: String,
    utf8: Utf8,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    /// A value or the end of an array that has just begun.
    First,
    /// A name or the end of an object that has just begun.
    FirstName,
    Name,
    Colon,
    /// Within a string; whether it is a name.
    Text(bool),
    Escape(bool),
    /// Within `\u`: how many digits have come, and what they are so far.
    Unicode(bool, u8, u32),
    Word,
    After,
    Done,
    Broken,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { state: State::Value, path: Vec::new(), word: String::new(), utf8: Utf8::default(), high: None }
    }

    /// Reads one whole document, whatever was read before.
    pub(super) fn whole(&mut self, json: &[u8], each: impl FnMut(&[Step], Token<'_>)) {
        self.state = State::Value;
        self.path.clear();
        self.high = None;
        self.utf8.end(|_| {});
        self.push(json, each);
    }

    /// Whether the document has come to its end.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether it is no JSON.
    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[Step], Token<'_>)) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += match self.state {
                State::Broken => return,
                State::Text(is_name) => self.text(is_name, &bytes[at..], &mut each),
                State::Escape(is_name) => self.escape(is_name, *byte, &mut each),
                State::Unicode(is_name, digits, value) => {
                    self.unicode(is_name, digits, value, *byte, &mut each);
                    1
                }
                State::Word => self.word(*byte, &mut each),
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => 1,
                _ => self.between(*byte, &mut each),
            };
        }
    }

    /// A byte that stands outside of strings and words. How many bytes were read.
    fn between(&mut self, byte: u8, each: &mut impl FnMut(&[Step], Token<'_>)) -> usize {
        self.state = match (self.state, byte) {
            (State::First, b']') | (State::FirstName, b'}') => self.close(each),
            (State::Value | State::First, b'{' | b'[') if self.path.len() < MAX_DEPTH => {
                each(&self.path, Token::Open);
                self.path.push(if byte == b'{' { Step::Key("") } else { Step::At(0) });
                if byte == b'{' { State::FirstName } else { State::First }
            }
            (State::Value | State::First, b'"') => {
                each(&self.path, Token::Text);
                State::Text(false)
            }
            (State::Value | State::First, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.word.clear();
                self.state = State::Word;
                return 0;
            }
            (State::FirstName | State::Name, b'"') => {
                self.word.clear();
                State::Text(true)
            }
            (State::Colon, b':') => State::Value,
            (State::After, b',') => match self.path.last_mut() {
                Some(Step::Key(_)) => State::Name,
                Some(Step::At(place)) => {
                    *place = place.saturating_add(1);
                    State::Value
                }
                None => State::Broken,
            },
            (State::After, b'}') if matches!(self.path.last(), Some(Step::Key(_))) => self.close(each),
            (State::After, b']') if matches!(self.path.last(), Some(Step::At(_))) => self.close(each),
            _ => State::Broken,
        };
        1
    }

    fn close(&mut self, each: &mut impl FnMut(&[Step], Token<'_>)) -> State {
        self.path.pop();
        each(&self.path, Token::Close);
        self.after()
    }

    fn after(&self) -> State {
        if self.path.is_empty() { State::Done } else { State::After }
    }

    /// Within a string, up to what is special in it.
    fn text(&mut self, is_name: bool, bytes: &[u8], each: &mut impl FnMut(&[Step], Token<'_>)) -> usize {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
        let end = bytes.iter().position(special).unwrap_or(bytes.len());
        if end > 0 {
            self.lone(is_name, each);
            let Self { utf8, word, path, .. } = self;
            utf8.push(&bytes[..end], |piece| tell(is_name, word, path, piece, each));
        }
        let Some(special) = bytes.get(end) else { return end };
        let Self { utf8, word, path, .. } = self;
        utf8.end(|piece| tell(is_name, word, path, piece, each));
        self.state = match special {
            b'\\' => State::Escape(is_name),
            b'"' => {
                self.lone(is_name, each);
                self.ended(is_name, each)
            }
            _ => State::Broken,
        };
        end + 1
    }

    fn ended(&mut self, is_name: bool, each: &mut impl FnMut(&[Step], Token<'_>)) -> State {
        if !is_name {
            each(&self.path, Token::Ended);
            return self.after();
        }
        let known = NAMES.into_iter().find(|name| *name == self.word).unwrap_or_default();
        if let Some(step) = self.path.last_mut() {
            *step = Step::Key(known);
        }
        State::Colon
    }

    fn escape(&mut self, is_name: bool, byte: u8, each: &mut impl FnMut(&[Step], Token<'_>)) -> usize {
        let ch = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.state = State::Unicode(is_name, 0, 0);
                return 1;
            }
            _ => {
                self.state = State::Broken;
                return 1;
            }
        };
        self.lone(is_name, each);
        self.char(is_name, ch, each);
        self.state = State::Text(is_name);
        1
    }

    fn unicode(
        &mut self,
        is_name: bool,
        digits: u8,
        value: u32,
        byte: u8,
        each: &mut impl FnMut(&[Step], Token<'_>),
    ) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.state = State::Broken;
            return;
        };
        let unit = value << 4 | digit;
        if digits < 3 {
            self.state = State::Unicode(is_name, digits + 1, unit);
            return;
        }
        self.state = State::Text(is_name);
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..0xe000) => {
                let ch = 0x1_0000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
                self.char(is_name, char::from_u32(ch).unwrap_or(char::REPLACEMENT_CHARACTER), each);
            }
            (high, 0xd800..0xdc00) => {
                self.high = high;
                self.lone(is_name, each);
                self.high = Some(unit);
            }
            (high, unit) => {
                self.high = high;
                self.lone(is_name, each);
                self.char(is_name, char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), each);
            }
        }
    }

    /// The first half of a pair whose second did not come is no character.
    fn lone(&mut self, is_name: bool, each: &mut impl FnMut(&[Step], Token<'_>)) {
        if self.high.take().is_some() {
            self.char(is_name, char::REPLACEMENT_CHARACTER, each);
        }
    }

    fn char(&mut self, is_name: bool, ch: char, each: &mut impl FnMut(&[Step], Token<'_>)) {
        tell(is_name, &mut self.word, &self.path, ch.encode_utf8(&mut [0; 4]), each);
    }

    fn word(&mut self, byte: u8, each: &mut impl FnMut(&[Step], Token<'_>)) -> usize {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
            keep(&mut self.word, char::from(byte).encode_utf8(&mut [0; 4]));
            if !is_word(&self.word) {
                self.state = State::Broken;
            }
            return 1;
        }
        each(&self.path, Token::Word(&self.word));
        self.state = self.after();
        0
    }
}

fn tell(
    is_name: bool,
    word: &mut String,
    path: &[Step],
    piece: &str,
    each: &mut impl FnMut(&[Step], Token<'_>),
) {
    if is_name { keep(word, piece) } else { each(path, Token::Piece(piece)) }
}

/// Whether a number or a literal may begin like that.
fn is_word(word: &str) -> bool {
    let number = word.strip_prefix('-').unwrap_or(word);
    let is_number = number.is_empty() || number.starts_with(|first: char| first.is_ascii_digit());
    is_number && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        || ["true", "false", "null"].iter().any(|literal| literal.starts_with(word))
}

fn keep(word: &mut String, piece: &str) {
    let room = LONGEST_NAME.saturating_sub(word.len());
    word.push_str(&piece[..piece.floor_char_boundary(room)]);
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
