//! A stream of events whose texts are restored. An event that ends in what could become a stand-in waits for the next, and
//! goes out as it came where it was none.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lastbyte_core::sse::{Cutter, TooLarge};

use super::lanes::{Done, Lanes, Way};
use super::wire::{self, Ends, Wire};
use super::{Counts, Map, json};

/// How much of a stream waits, in bytes: two hundred usual events. A text waits for a few of its own; more come only where
/// another goes on beside it. Beyond it the text that the first of them waits for ends.
pub(super) const WAITING: usize = 64 << 10;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One stream.
#[derive(Debug)]
pub(super) struct Events {
    wire: Wire,
    lanes: Lanes,
    cutter: Cutter,
    waiting: VecDeque<Event>,
    /// The number of the next event, and the bytes that wait.
    number: u64,
    bytes: usize,
    done: Vec<Done>,
}

/// An event on its way.
#[derive(Debug)]
struct Event {
    number: u64,
    bytes: Bytes,
    data: Data,
    /// How many of its pieces are not decided on.
    open: usize,
    edits: Vec<(Range<usize>, String)>,
}

/// The data of an event.
#[derive(Debug)]
enum Data {
    /// One line, there.
    Line(Range<usize>),
    /// Several, joined.
    Lines(String),
}

impl Events {
    pub(super) fn new(wire: Wire, map: Arc<Map>, way: Way, max_event: usize) -> Self {
        Self {
            wire,
            lanes: Lanes::new(map, way),
            cutter: Cutter::new(max_event),
            waiting: VecDeque::new(),
            number: 0,
            bytes: 0,
            done: Vec::new(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.lanes.counts
    }

    /// Takes a chunk in, and gives what may leave: whole events. Where values are hidden that is all at the end.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<Option<Bytes>, TooLarge> {
        let Some(whole) = self.cutter.push(chunk)? else { return Ok(None) };
        let is_alone = self.waiting.is_empty();
        let mut rest = whole.clone();
        while !rest.is_empty() {
            let event = rest.split_to(event_len(&rest));
            self.read(event);
        }
        if self.lanes.way == Way::Hide {
            return Ok(None);
        }
        if is_alone && self.waiting.iter().all(|event| event.open == 0 && event.edits.is_empty()) {
            self.waiting.clear();
            self.bytes = 0;
            return Ok(Some(whole));
        }
        let mut out = BytesMut::new();
        self.leave(&mut out);
        while self.bytes > WAITING
            && let Some(first) = self.waiting.front().map(|event| event.number)
        {
            let mut done = std::mem::take(&mut self.done);
            self.lanes.finish_at(first, &mut done);
            self.settle(done);
            self.leave(&mut out);
        }
        Ok((!out.is_empty()).then(|| out.freeze()))
    }

    /// The stream has ended, or broke: all that waits leaves.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        self.end_all();
        let mut out = BytesMut::new();
        self.leave(&mut out);
        out.extend_from_slice(&self.cutter.take_rest());
        (!out.is_empty()).then(|| out.freeze())
    }

    /// The same, event by event.
    pub(super) fn finish_each(&mut self) -> Vec<Bytes> {
        self.end_all();
        let mut events = Vec::with_capacity(self.waiting.len());
        while let Some(event) = self.waiting.pop_front() {
            let mut out = BytesMut::new();
            event.write(&mut out);
            events.push(out.freeze());
        }
        let rest = self.cutter.take_rest();
        events.extend(Some(rest).filter(|rest| !rest.is_empty()));
        events
    }

    fn end_all(&mut self) {
        let mut done = std::mem::take(&mut self.done);
        self.lanes.finish(|_| true, &mut done);
        self.settle(done);
    }

    fn read(&mut self, bytes: Bytes) {
        let number = self.number;
        self.number += 1;
        self.bytes += bytes.len();
        let (name, data) = data(&bytes, number == 0);
        let mut event = Event { number, data, open: 0, edits: Vec::new(), bytes };
        let text = match &event.data {
            Data::Line(range) => std::str::from_utf8(&event.bytes[range.clone()]).unwrap_or_default(),
            Data::Lines(text) => text,
        };
        let mut done = std::mem::take(&mut self.done);
        let found = wire::event(self.wire, &name, text);
        for (range, text, is_json) in found.whole {
            event.edits.extend(self.lanes.whole(&text, is_json).map(|text| (range, text)));
        }
        self.lanes.turn(&found.pieces, &mut done);
        for (name, range, text) in found.pieces {
            event.open += 1;
            self.lanes.feed(name, number, range, &text, &mut done);
        }
        match found.ends {
            Ends::None => {}
            Ends::All => self.lanes.finish(|_| true, &mut done),
            Ends::Choices(choices) => self.lanes.finish(|name| choices.contains(&name.choice), &mut done),
        }
        self.waiting.push_back(event);
        self.settle(done);
    }

    /// Writes down what was decided.
    fn settle(&mut self, mut done: Vec<Done>) {
        let first = self.waiting.front().map_or(0, |event| event.number);
        for Done { event, range, text } in done.drain(..) {
            if let Some(event) = self.waiting.get_mut((event - first) as usize) {
                event.open -= 1;
                event.edits.extend(text.map(|text| (range, text)));
            }
        }
        self.done = done;
    }

    /// Writes what waits for nothing more.
    fn leave(&mut self, out: &mut BytesMut) {
        while let Some(event) = self.waiting.pop_front_if(|event| event.open == 0) {
            self.bytes -= event.bytes.len();
            event.write(out);
        }
    }
}

impl Event {
    fn write(self, out: &mut BytesMut) {
        let Self { number, bytes, data, edits, .. } = self;
        if edits.is_empty() {
            return out.extend_from_slice(&bytes);
        }
        match data {
            Data::Line(range) => {
                let text = std::str::from_utf8(&bytes[range.clone()]).unwrap_or_default();
                out.extend_from_slice(&bytes[..range.start]);
                out.extend_from_slice(json::apply(text, edits).as_bytes());
                out.extend_from_slice(&bytes[range.end..]);
            }
            Data::Lines(text) => {
                let text = json::apply(&text, edits);
                // Between the values of JSON a line break is as good as another blank.
                let mut new = Some(text.replace('\n', " "));
                for (start, end, next) in lines(&bytes) {
                    let line = line_of(&bytes, start..end, number == 0);
                    if value(line, b"data").is_none() {
                        out.extend_from_slice(&bytes[start..next]);
                    } else if let Some(new) = new.take() {
                        out.extend_from_slice(&bytes[start..end - line.len()]);
                        out.extend_from_slice(b"data: ");
                        out.extend_from_slice(new.as_bytes());
                        out.extend_from_slice(&bytes[end..next]);
                    }
                }
            }
        }
    }
}

/// Where each line begins, where it ends, and where the next begins.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let len = memchr::memchr2(b'\n', b'\r', bytes.get(start..).filter(|rest| !rest.is_empty())?);
        let end = len.map_or(bytes.len(), |len| start + len);
        let is_crlf = bytes[end..].starts_with(b"\r\n");
        at = (end + 1 + usize::from(is_crlf)).min(bytes.len());
        Some((start, end, at))
    })
}

/// A line, without the byte order mark that a stream may begin with.
fn line_of(bytes: &[u8], range: Range<usize>, is_first: bool) -> &[u8] {
    let may_have_mark = is_first && range.start == 0;
    let line = &bytes[range];
    if may_have_mark { line.strip_prefix(BOM).unwrap_or(line) } else { line }
}

/// The length of the first event, with the blank line behind it.
fn event_len(bytes: &[u8]) -> usize {
    let blank = |&(start, end, _): &(usize, usize, usize)| start == end;
    lines(bytes).find(blank).map_or(bytes.len(), |(_, _, next)| next)
}

/// The value of a field, in a line that is one.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    let value = match rest.split_first() {
        None => rest,
        Some((b':', value)) => value,
        Some(_) => return None,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

/// The name of an event and its data.
fn data(bytes: &[u8], is_first: bool) -> (String, Data) {
    let (mut name, mut data, mut joined) = (String::new(), 0..0, None::<String>);
    let mut has_data = false;
    for (start, end, _) in lines(bytes) {
        let line = line_of(bytes, start..end, is_first);
        if let Some(event) = value(line, b"event") {
            name = String::from_utf8_lossy(event).into_owned();
        } else if let Some(value) = value(line, b"data") {
            if std::mem::replace(&mut has_data, true) {
                let joined =
                    joined.get_or_insert_with(|| String::from_utf8_lossy(&bytes[data.clone()]).into_owned());
                joined.push('\n');
                joined.push_str(&String::from_utf8_lossy(value));
            } else {
                data = end - value.len()..end;
            }
        }
    }
    (name, joined.map_or(Data::Line(data), Data::Lines))
}
