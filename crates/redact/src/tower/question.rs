//! The question, from a request that passes.

use lastbyte_core::Dialect;

use super::Show;
use super::expect::Expect;
use super::json::Step::{At, Key};
use super::json::{Reader, Step, Token};
use super::text::{Keep, Text, Told};
use crate::Redactor;

/// Reads a request of a chat API, and knows its last user message when it has passed.
#[derive(Debug)]
pub(super) struct Question {
    reader: Reader,
    found: Found,
}

#[derive(Debug)]
struct Found {
    /// The member with the messages.
    list: &'static str,
    blank: Blank,
    /// The message that is being read.
    message: Option<Text>,
    role: Expect,
    last: Option<Text>,
}

/// What a new text is made of.
#[derive(Debug)]
struct Blank {
    redactor: Redactor,
    show: Show,
    most: usize,
}

impl Blank {
    fn text(&self) -> Text {
        Text::new(&self.redactor, self.show, Keep::First(self.most))
    }
}

impl Question {
    pub(super) fn new(dialect: Dialect, redactor: Redactor, show: Show, most: usize) -> Self {
        let list = if dialect == Dialect::OpenAiResponses { "input" } else { "messages" };
        let blank = Blank { redactor, show, most };
        let found = Found { list, blank, message: None, role: Expect::none("user"), last: None };
        Self { reader: Reader::new(), found }
    }

    /// Takes the next bytes of the request's body.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let Self { reader, found } = self;
        reader.push(bytes, |path, token| found.take(path, token));
    }

    /// What it was, or why that is not known.
    pub(super) fn finish(&mut self) -> Result<Told, &'static str> {
        if self.reader.is_broken() {
            return Err("no JSON");
        }
        if !self.reader.is_done() {
            return Err("not read to its end");
        }
        self.found.last.take().map(Text::finish).ok_or("no user message")
    }
}

impl Found {
    fn take(&mut self, path: &[Step], token: Token<'_>) {
        match path {
            [Key(list)] if *list == self.list => self.alone(token),
            [Key(list), At(_), inner @ ..] if *list == self.list => match (inner, token) {
                ([], Token::Open) => {
                    self.message = None;
                    self.role = Expect::none("user");
                }
                ([], Token::Close) => self.commit(),
                ([Key("role")], token) => self.role.take(token),
                ([Key("content")] | [Key("content"), At(_), Key("text")], token) => self.text(token),
                _ => {}
            },
            _ => {}
        }
    }

    /// A question that is a string, and not a list of messages.
    fn alone(&mut self, token: Token<'_>) {
        if token == Token::Text {
            self.message = None;
            self.role = Expect::met("user");
        }
        self.text(token);
        if token == Token::Ended {
            self.commit();
        }
    }

    fn text(&mut self, token: Token<'_>) {
        // What others say is not looked at, where that is known in time.
        if self.role.is_missed() {
            return;
        }
        match token {
            Token::Text => self.message.get_or_insert_with(|| self.blank.text()).part(),
            Token::Piece(piece) => {
                if let Some(text) = &mut self.message {
                    text.push(piece);
                }
            }
            _ => {}
        }
    }

    fn commit(&mut self) {
        // The answer of a tool is a user's message in Anthropic's format, and has no text of its own.
        if let Some(text) = self.message.take().filter(|_| self.role.is_met()) {
            self.last = Some(text);
        }
    }
}
