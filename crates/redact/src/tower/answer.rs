//! The text of an answer that passes.

use http::{header, response};
use lastbyte_core::sse::{Event, Scanner};
use lastbyte_core::{Ask, Dialect, is_encoded};

use super::expect::Expect;
use super::finish::Finish;
use super::json::Step::{self, At, Key};
use super::json::{Reader, Token};
use super::text::{Text, Told};

/// Reads an answer of a chat API.
#[derive(Debug)]
pub(super) struct Answer {
    kind: Kind,
    text: Text,
    finish: Finish,
    /// Of a stream, how many events have passed.
    events: Option<u32>,
}

#[derive(Debug)]
enum Kind {
    Stream {
        events: Events,
        scanner: Scanner,
    },
    Whole {
        dialect: Dialect,
        reader: Reader,
        thought: Thought,
    },
    /// Why it is not read.
    Unread(&'static str),
}

impl Answer {
    /// Of the body behind `head`. An event has at most `max_event` bytes.
    pub(super) fn new(ask: &Ask, head: &response::Parts, max_event: usize, text: Text) -> Self {
        let kind = Kind::of(ask, head, max_event);
        let events = matches!(kind, Kind::Stream { .. }).then_some(0);
        Self { kind, text, finish: Finish::default(), events }
    }

    /// Takes the next bytes of its body.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let Self { text, finish, events: count, .. } = self;
        match &mut self.kind {
            Kind::Stream { events, scanner } => {
                let each = |event: Event<'_>| {
                    let is_event = event.data() != b"[DONE]";
                    *count = count.map(|count| count.saturating_add(u32::from(is_event)));
                    events.read(event.name(), event.data(), text, finish);
                };
                if scanner.push(bytes, each).is_err() {
                    self.kind = Kind::Unread("too large an event");
                }
            }
            Kind::Whole { dialect, reader, thought } => {
                let dialect = *dialect;
                reader.push(bytes, |path, token| {
                    finish.whole(dialect, path, token);
                    read_whole(dialect, path, token, thought, text);
                });
                if reader.is_broken() {
                    self.kind = Kind::Unread("no JSON");
                }
            }
            Kind::Unread(_) => {}
        }
    }

    /// Of a stream, how many events have passed, its end mark not among them. Who counts further in may not be the one
    /// whose handle is seen, or be ahead of what its reader has.
    pub(super) fn events(&self) -> Option<u32> {
        self.events
    }

    /// What it was, or why that is not known.
    pub(super) fn finish(self) -> Result<Told, &'static str> {
        match self.kind {
            Kind::Unread(why) => Err(why),
            // Of an item whose kind is not known nothing is told: it may be a thought.
            Kind::Whole { reader, thought, .. } if !reader.is_done() => {
                Ok(thought.before.map_or(self.text, |before| *before).break_off())
            }
            _ if self.finish.is_end() => Ok(self.text.finish()),
            _ => Ok(self.text.break_off()),
        }
    }
}

impl Kind {
    fn of(ask: &Ask, head: &response::Parts, max_event: usize) -> Self {
        let Some(dialect) = ask.dialect.filter(|_| head.status.is_success()) else {
            return Self::Unread("no answer");
        };
        if is_encoded(&head.headers) {
            return Self::Unread("compressed");
        }
        if ask.is_answered_by_stream(head) {
            return Self::Stream { events: Events::new(dialect), scanner: Scanner::new(max_event) };
        }
        let kind = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/json") {
            return Self::Whole { dialect, reader: Reader::new(), thought: Thought::new() };
        }
        Self::Unread("no chat answer")
    }
}

/// Whether an item of an answer is a thought, which need not be known before its text is read.
#[derive(Debug)]
struct Thought {
    kind: Expect,
    /// The text before that item.
    before: Option<Box<Text>>,
}

impl Thought {
    fn new() -> Self {
        Self { kind: Expect::none("reasoning"), before: None }
    }
}

/// Reads the events of a stream. Their members stand in any order, so each is read twice: for what it is, then for
/// its text.
#[derive(Debug)]
struct Events {
    dialect: Dialect,
    reader: Reader,
    kind: Vec<u8>,
}

impl Events {
    fn new(dialect: Dialect) -> Self {
        Self { dialect, reader: Reader::new(), kind: Vec::new() }
    }

    fn read(&mut self, name: &[u8], data: &[u8], text: &mut Text, finish: &mut Finish) {
        let first = match self.dialect {
            Dialect::OpenAiChat => self.first_choice(data),
            Dialect::OpenAiResponses | Dialect::Anthropic => match self.kind(name, data) {
                b"response.output_text.delta" | b"response.refusal.delta" | b"content_block_delta" => Some(0),
                b"response.content_part.added" | b"content_block_start" => {
                    text.part();
                    None
                }
                b"response.completed" | b"message_delta" => Some(0),
                _ => None,
            },
        };
        let Some(first) = first else { return };
        let dialect = self.dialect;
        self.reader.whole(data, |path, token| {
            finish.event(dialect, path, token, first);
            if let Token::Piece(piece) = token
                && is_text(dialect, path, first)
            {
                text.push(piece);
            }
        });
    }

    /// Where the first of several answers stands in a chunk, if it has a part of it.
    fn first_choice(&mut self, data: &[u8]) -> Option<u32> {
        let mut first = None;
        self.reader.whole(data, |path, token| match (path, token) {
            // Whose number is not told is the one that stands first.
            ([Key("choices"), At(0)], Token::Open) => first = Some(0),
            ([Key("choices"), At(place), Key("index")], Token::Word(index)) => {
                if index == "0" {
                    first = Some(*place);
                } else if first == Some(*place) {
                    first = None;
                }
            }
            _ => {}
        });
        first
    }

    /// The kind that an event says it has; data first, as SDKs read it.
    fn kind<'a>(&'a mut self, name: &'a [u8], data: &[u8]) -> &'a [u8] {
        let Self { reader, kind, .. } = self;
        kind.clear();
        reader.whole(data, |path, token| {
            if let ([Key("type")], Token::Piece(piece)) = (path, token) {
                let room = LONGEST_KIND.saturating_sub(kind.len());
                kind.extend_from_slice(&piece.as_bytes()[..piece.len().min(room)]);
            }
        });
        if kind.is_empty() { name } else { kind }
    }
}

/// A little more than the longest kind of event that is asked for: one that is longer is none of them.
const LONGEST_KIND: usize = 32;

/// Whether a text of the answer stands there in an event, in that one of its choices.
fn is_text(dialect: Dialect, path: &[Step], first: u32) -> bool {
    match (dialect, path) {
        (Dialect::OpenAiChat, [Key("choices"), At(place), Key("delta"), inner @ ..]) => {
            *place == first && is_said(inner)
        }
        (Dialect::OpenAiResponses, [Key("delta")]) | (Dialect::Anthropic, [Key("delta"), Key("text")]) => {
            true
        }
        _ => false,
    }
}

/// What a choice says: its content, in parts with some providers, or why it refuses.
fn is_said(inner: &[Step]) -> bool {
    matches!(inner, [Key("content" | "refusal")] | [Key("content"), At(_), Key("text")])
}

/// A value of an answer in one piece.
fn read_whole(dialect: Dialect, path: &[Step], token: Token<'_>, thought: &mut Thought, text: &mut Text) {
    let is_text = match (dialect, path) {
        (Dialect::OpenAiChat, [Key("choices"), At(0), Key("message"), inner @ ..]) => is_said(inner),
        (Dialect::OpenAiResponses, [Key("output"), At(_), inner @ ..]) => match inner {
            [] => {
                if let Some(before) = thought.before.take().filter(|_| thought.kind.is_met()) {
                    *text = *before;
                }
                *thought = Thought::new();
                false
            }
            [Key("type")] => {
                thought.kind.take(token);
                false
            }
            [Key("content"), At(_), Key("text" | "refusal")] => {
                if thought.kind.is_open() {
                    thought.before.get_or_insert_with(|| Box::new(text.clone()));
                }
                !thought.kind.is_met()
            }
            _ => false,
        },
        (Dialect::Anthropic, [Key("content"), At(_), Key("text")]) => true,
        _ => false,
    };
    match token {
        Token::Text if is_text => text.part(),
        Token::Piece(piece) if is_text => text.push(piece),
        _ => {}
    }
}
