use bytes::Bytes;
use http::{StatusCode, header, response};

use crate::ask::{self, is_encoded, media_type};
use crate::dialect::{Seen, is_json};
use crate::sse::Scanner;
use crate::{Ask, Cause, Dialect, Ending, FailureKind, TransportFault};

/// Reads one body as it passes and says how it ended. A plain value: no clock, no task, no transport.
#[derive(Debug)]
pub struct Judge {
    mode: Mode,
    /// Bytes the framing promised, where it did and where the body is sent at all.
    promised: Option<u64>,
    got: u64,
}

/// What reads is in a box: a body that nobody reads is then not made larger by it.
#[derive(Debug)]
enum Mode {
    /// Known from the head.
    Decided(Head),
    Opaque,
    Stream(Box<Stream>),
    Whole(Box<Whole>),
}

/// A head that decides alone.
#[derive(Clone, Copy, Debug)]
enum Head {
    Status(StatusCode),
    /// Of another type than the stream that was asked for.
    Garbage,
}

#[derive(Debug)]
struct Stream {
    dialect: Dialect,
    scanner: Scanner,
    seen: Seen,
    events: u32,
    too_large: bool,
}

#[derive(Debug)]
struct Whole {
    dialect: Dialect,
    held: Vec<Bytes>,
    room: usize,
    stream_asked: bool,
}

/// How the transport of a body ended.
#[derive(Clone, Debug)]
pub enum TransportEnd {
    /// As it was framed.
    Clean,
    /// With an error.
    Broken(TransportFault),
    /// By a limit of ours.
    Limit(Cause, bool),
    /// It did not: the body was dropped.
    Dropped,
}

impl Judge {
    /// A judge of the body behind `head`, which answers `ask`.
    pub fn new(ask: &Ask, head: &response::Parts, max_event: usize, max_json: usize) -> Self {
        let promised = head
            .headers
            .get(header::CONTENT_LENGTH)
            .filter(|_| ask.body && !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Self { mode: Mode::of(ask, head, max_event, max_json), promised, got: 0 }
    }

    /// Reads the next bytes.
    ///
    /// `Some(n)` when they show that the answer is broken: the first `n` of them are good, and nothing
    /// after them is worth a reader's while.
    pub fn chunk(&mut self, chunk: &Bytes) -> Option<usize> {
        self.got += chunk.len() as u64;
        match &mut self.mode {
            Mode::Decided(_) | Mode::Opaque => None,
            Mode::Stream(stream) => stream.chunk(chunk),
            Mode::Whole(whole) => {
                match whole.room.checked_sub(chunk.len()) {
                    Some(left) => {
                        whole.room = left;
                        whole.held.push(chunk.clone());
                    }
                    // Too large to be judged: it passes as it comes.
                    None => self.mode = Mode::Opaque,
                }
                None
            }
        }
    }

    /// Whether content was seen.
    pub fn content(&self) -> bool {
        matches!(&self.mode, Mode::Stream(stream) if stream.seen.content)
    }

    /// How many events of a stream were read, its end mark not among them.
    pub fn events(&self) -> u32 {
        match &self.mode {
            Mode::Stream(stream) => stream.events,
            _ => 0,
        }
    }

    /// Whether the body is an event stream of a known format, whose ending may be changed.
    pub fn is_stream(&self) -> bool {
        matches!(self.mode, Mode::Stream(_))
    }

    /// The ending that the head alone decided.
    pub fn decided(&self) -> Option<Ending> {
        match &self.mode {
            Mode::Decided(head) => Some(head.ending()),
            _ => None,
        }
    }

    /// How the body ended, given how its transport did.
    pub fn end(&mut self, end: TransportEnd) -> Ending {
        let got_all = self.promised.map(|promised| self.got >= promised);
        match &mut self.mode {
            Mode::Decided(head) => head.ending(),
            Mode::Opaque => match end {
                TransportEnd::Clean => Ending::Opaque { ok: got_all != Some(false) },
                TransportEnd::Broken(_) => Ending::Opaque { ok: false },
                TransportEnd::Limit(cause, by_caller) => Ending::Truncated { cause, by_caller },
                TransportEnd::Dropped if got_all == Some(true) => Ending::Opaque { ok: true },
                TransportEnd::Dropped => Ending::Abandoned,
            },
            Mode::Stream(stream) => stream.end(end, got_all),
            Mode::Whole(whole) => whole.end(end, got_all),
        }
    }
}

impl Head {
    fn ending(self) -> Ending {
        let kind = match self {
            Self::Status(status) => FailureKind::Status(status),
            Self::Garbage => FailureKind::Garbage,
        };
        Ending::Failed { kind }
    }
}

impl Stream {
    fn chunk(&mut self, chunk: &[u8]) -> Option<usize> {
        let Self { dialect, scanner, seen, events, too_large } = self;
        if *too_large {
            return Some(0);
        }
        let mut good = 0;
        let pushed = scanner.push(chunk, |event| {
            seen.event(*dialect, event.name(), event.data());
            *events = events.saturating_add(u32::from(!seen.done));
            if !seen.is_broken() {
                good = event.end();
            }
        });
        *too_large = pushed.is_err();
        (*too_large || seen.is_broken()).then_some(good)
    }

    fn end(&self, end: TransportEnd, got_all: Option<bool>) -> Ending {
        if self.too_large {
            return cut(Cause::TooLarge);
        }
        if let Some(ending) = self.seen.ending() {
            return ending;
        }
        match end {
            _ if self.scanner.is_foreign() => Ending::Failed { kind: FailureKind::Garbage },
            // Whatever comes behind the end mark counts no more.
            TransportEnd::Clean if self.seen.done => cut(Cause::Eof),
            TransportEnd::Clean if got_all == Some(false) => cut(Cause::LengthShort),
            TransportEnd::Clean if self.scanner.is_open() => cut(Cause::HalfEvent),
            TransportEnd::Clean => cut(Cause::Eof),
            TransportEnd::Broken(fault) => cut(fault.cause),
            TransportEnd::Limit(cause, by_caller) => Ending::Truncated { cause, by_caller },
            TransportEnd::Dropped => Ending::Abandoned,
        }
    }
}

impl Whole {
    fn end(&mut self, end: TransportEnd, got_all: Option<bool>) -> Ending {
        match end {
            TransportEnd::Clean if got_all == Some(false) => return cut(Cause::LengthShort),
            TransportEnd::Broken(fault) => return cut(fault.cause),
            TransportEnd::Limit(cause, by_caller) => return Ending::Truncated { cause, by_caller },
            TransportEnd::Dropped if got_all != Some(true) => return Ending::Abandoned,
            TransportEnd::Clean | TransportEnd::Dropped => {}
        }
        let body = match &self.held[..] {
            [one] => one.clone(),
            many => Bytes::from(many.concat()),
        };
        self.held.clear();
        if body.is_empty() {
            return cut(Cause::Eof);
        }
        let mut seen = Seen::default();
        let known = seen.whole(self.dialect, &body);
        match seen.ending() {
            Some(ending @ Ending::Failed { .. }) => ending,
            _ if self.stream_asked => Ending::Failed { kind: FailureKind::Garbage },
            Some(ending) => ending,
            None if known => cut(Cause::Eof),
            None if !is_json(&body) => Ending::Failed { kind: FailureKind::Garbage },
            None => Ending::Opaque { ok: true },
        }
    }
}

fn cut(cause: Cause) -> Ending {
    Ending::Truncated { cause, by_caller: false }
}

impl Mode {
    fn of(ask: &Ask, head: &response::Parts, max_event: usize, max_json: usize) -> Self {
        let status = head.status;
        if status.is_client_error() || status.is_server_error() {
            return Self::Decided(Head::Status(status));
        }
        let Some(dialect) = ask.dialect.filter(|_| ask.body && status.is_success()) else {
            return Self::Opaque;
        };
        if ask.is_answered_by_stream(head) {
            let (scanner, seen) = (Scanner::new(max_event), Seen::default());
            return Self::Stream(Box::new(Stream { dialect, scanner, seen, events: 0, too_large: false }));
        }
        if is_encoded(&head.headers) {
            return Self::Opaque;
        }
        let stream_asked = ask.stream == Some(true);
        if ask::is_json(&head.headers) {
            let (held, room) = (Vec::new(), max_json);
            return Self::Whole(Box::new(Whole { dialect, held, room, stream_asked }));
        }
        // A page is what a proxy says in place of the API; without a look at the request nobody can know.
        let page = ask.stream.is_some() && media_type(&head.headers).eq_ignore_ascii_case(b"text/html");
        if stream_asked || page { Self::Decided(Head::Garbage) } else { Self::Opaque }
    }
}

impl Seen {
    /// An end mark before the sign of completion breaks an answer too: SDKs stop reading at it, take what they
    /// have for the whole, and never see an error behind it.
    fn is_broken(&self) -> bool {
        self.error.is_some() || self.garbage || self.aborted || self.done && self.finished().is_none()
    }

    /// The ending that the events alone decide.
    fn ending(&self) -> Option<Ending> {
        if let Some(error) = &self.error {
            let (kind, code, message) = (error.kind, error.code.clone(), error.message.clone());
            return Some(Ending::Failed { kind: FailureKind::Event { kind, code, message } });
        }
        if self.garbage {
            return Some(Ending::Failed { kind: FailureKind::Garbage });
        }
        if self.aborted {
            return Some(Ending::Truncated { cause: Cause::Aborted, by_caller: false });
        }
        self.finished().map(|finish| Ending::Complete { finish: finish.clone(), usage: self.usage })
    }
}
