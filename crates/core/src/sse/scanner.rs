use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;

/// One dispatched event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    name: &'a [u8],
    data: &'a [u8],
    id: &'a [u8],
    end: usize,
}

impl<'a> Event<'a> {
    /// The event's type; empty stands for `message`.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The data lines joined by line feeds, as they came; not necessarily UTF-8.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The data decoded as the grammar asks for: as UTF-8, with replacement characters.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.data)
    }

    /// Where the event ended: the offset behind its blank line in the chunk that was pushed.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The last event id at this event.
    pub fn id(&self) -> &'a [u8] {
        self.id
    }
}

/// An event was larger than the scanner's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event is larger than allowed")
    }
}

impl std::error::Error for TooLarge {}

/// An incremental reader of event streams.
///
/// Work is linear in the bytes pushed, whatever the chunk borders. What is kept between two pushes is at
/// most one event, bounded by `max_event` bytes; comments are never kept.
#[derive(Debug)]
pub struct Scanner {
    max_event: usize,
    bom: u8,
    skip_lf: bool,
    /// The line that the last chunk broke off in.
    line: Vec<u8>,
    /// Whether that line is a comment, of which only the fact is kept.
    in_comment: bool,
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    id: Vec<u8>,
    last_id: Vec<u8>,
    id_changed: bool,
    retry_ms: Option<u64>,
    /// Whether a field or a comment was ever seen: a stream without one is no event stream.
    known: bool,
    /// Whether the block that is being read has a field.
    open: bool,
}

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl Scanner {
    /// A scanner that refuses an event of more than `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            bom: 0,
            skip_lf: false,
            line: Vec::new(),
            in_comment: false,
            data: Vec::new(),
            has_data: false,
            name: Vec::new(),
            id: Vec::new(),
            last_id: Vec::new(),
            id_changed: false,
            retry_ms: None,
            known: false,
            open: false,
        }
    }

    /// Reads `chunk` and hands every event that it completes to `each`.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when an event grows beyond the bound; the scanner is of no use after that.
    pub fn push(&mut self, chunk: &[u8], mut each: impl FnMut(Event<'_>)) -> Result<(), TooLarge> {
        let mut rest = chunk;
        if self.bom < 3 {
            rest = self.skip_bom(rest);
        }
        // The data of the open event, as long as it is one line of this chunk.
        let mut lent: Option<&[u8]> = None;
        while !rest.is_empty() {
            if self.skip_lf {
                self.skip_lf = false;
                if rest[0] == b'\n' {
                    rest = &rest[1..];
                    continue;
                }
            }
            // Every other line is empty, and is not worth a search.
            let end = if matches!(rest[0], b'\n' | b'\r') { Some(0) } else { memchr2(b'\n', b'\r', rest) };
            let Some(end) = end else {
                self.keep_partial(rest)?;
                break;
            };
            let (line, after) = rest.split_at(end);
            self.skip_lf = after[0] == b'\r';
            rest = &after[1..];
            if self.line.is_empty() && !self.in_comment {
                if line.is_empty() {
                    self.dispatch(&mut lent, chunk.len() - rest.len(), &mut each);
                } else {
                    self.field(line, &mut lent)?;
                }
            } else if std::mem::take(&mut self.in_comment) {
                self.known = true;
            } else {
                self.check(self.line.len() + line.len())?;
                // A line put together here cannot be lent out.
                self.keep(&mut lent);
                self.line.extend_from_slice(line);
                self.kept_line()?;
            }
        }
        self.keep(&mut lent);
        Ok(())
    }

    /// Whether an end of the stream now would come inside an event, which the grammar then drops.
    pub fn is_open(&self) -> bool {
        self.open || !self.line.is_empty()
    }

    /// Whether what came so far is no event stream at all: no line of it is a field or a comment, and the
    /// line that is being read cannot become one.
    pub fn is_foreign(&self) -> bool {
        const STARTS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
        let starts = |field: &[u8]| self.line.starts_with(field) || field.starts_with(&self.line);
        !self.known
            && !self.in_comment
            && (self.open || !self.line.is_empty())
            && !STARTS.into_iter().any(starts)
    }

    /// The last event id a reader would send to resume.
    pub fn last_event_id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.last_id)
    }

    /// The reconnection time the stream asked for, in milliseconds; a number too large is `u64::MAX`.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    fn skip_bom<'a>(&mut self, mut chunk: &'a [u8]) -> &'a [u8] {
        while self.bom < 3 {
            match chunk.first() {
                None => return chunk,
                Some(byte) if *byte == BOM[usize::from(self.bom)] => {
                    self.bom += 1;
                    chunk = &chunk[1..];
                }
                Some(_) => {
                    // What looked like a byte order mark is the beginning of the first line.
                    self.line.extend_from_slice(&BOM[..usize::from(self.bom)]);
                    self.bom = 3;
                }
            }
        }
        chunk
    }

    fn check(&self, more: usize) -> Result<(), TooLarge> {
        if self.data.len() + self.name.len() + more > self.max_event { Err(TooLarge) } else { Ok(()) }
    }

    fn keep_partial(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        if self.in_comment || (self.line.is_empty() && part[0] == b':') {
            self.in_comment = true;
            return Ok(());
        }
        self.check(self.line.len() + part.len())?;
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Reads the line that crossed a chunk border.
    fn kept_line(&mut self) -> Result<(), TooLarge> {
        let mut whole = std::mem::take(&mut self.line);
        if !self.has_data && whole.starts_with(b"data:") {
            // The line becomes the data as it is: a huge event is not copied once more.
            let value = if whole.get(5) == Some(&b' ') { 6 } else { 5 };
            self.check(whole.len() - value + 1)?;
            (self.known, self.open, self.has_data) = (true, true, true);
            whole.drain(..value);
            std::mem::swap(&mut self.data, &mut whole);
        } else {
            let mut lent = None;
            self.field(&whole, &mut lent)?;
            self.keep(&mut lent);
        }
        whole.clear();
        self.line = whole;
        Ok(())
    }

    /// Copies lent data, which must outlive its chunk or be joined with more.
    fn keep(&mut self, lent: &mut Option<&[u8]>) {
        if let Some(data) = lent.take() {
            self.data.extend_from_slice(data);
        }
    }

    fn field<'a>(&mut self, line: &'a [u8], lent: &mut Option<&'a [u8]>) -> Result<(), TooLarge> {
        if line[0] == b':' {
            self.known = true;
            return Ok(());
        }
        if let Some(value) = line.strip_prefix(b"data:") {
            self.known = true;
            self.open = true;
            return self.add_data(value.strip_prefix(b" ").unwrap_or(value), lent);
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                (&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]))
            }
            None => (line, &[][..]),
        };
        self.open = true;
        match name {
            b"data" => {
                self.known = true;
                self.add_data(value, lent)?;
            }
            b"event" => {
                self.known = true;
                self.check(value.len())?;
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            b"id" if !value.contains(&0) => {
                self.known = true;
                self.check(value.len())?;
                self.id.clear();
                self.id.extend_from_slice(value);
                self.id_changed = true;
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.known = true;
                let digits = value.iter().map(|digit| u64::from(digit - b'0'));
                self.retry_ms =
                    Some(digits.fold(0, |ms: u64, digit| ms.saturating_mul(10).saturating_add(digit)));
            }
            _ => {}
        }
        Ok(())
    }

    fn add_data<'a>(&mut self, value: &'a [u8], lent: &mut Option<&'a [u8]>) -> Result<(), TooLarge> {
        self.check(lent.map_or(0, <[u8]>::len) + value.len() + 1)?;
        if !self.has_data {
            self.has_data = true;
            *lent = Some(value);
            return Ok(());
        }
        self.keep(lent);
        self.data.push(b'\n');
        self.data.extend_from_slice(value);
        Ok(())
    }

    fn dispatch(&mut self, lent: &mut Option<&[u8]>, end: usize, each: &mut impl FnMut(Event<'_>)) {
        self.open = false;
        if std::mem::take(&mut self.id_changed) {
            self.last_id.clone_from(&self.id);
        }
        if std::mem::take(&mut self.has_data) {
            let data = match lent.take() {
                Some(data) if self.data.is_empty() => data,
                more => {
                    self.data.extend_from_slice(more.unwrap_or_default());
                    &self.data
                }
            };
            each(Event { name: &self.name, data, id: &self.last_id, end });
            self.data.clear();
        }
        self.name.clear();
    }
}
