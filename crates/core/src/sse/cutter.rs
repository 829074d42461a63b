use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::TooLarge;

/// Cuts a stream of chunks where something may be put between: after a blank line, or after a comment
/// line outside an event.
///
/// What comes out is what went in, byte for byte; a chunk that ends at such a place, as nearly all do, is
/// passed on as it is. Only an event that crosses a chunk border is held back, up to `max_event` bytes.
#[derive(Debug)]
pub struct Cutter {
    max_event: usize,
    held: BytesMut,
    /// Whether the block being read has a line that is no comment.
    open: bool,
    /// The first byte of the line being read.
    first: Option<u8>,
    after_cr: bool,
}

impl Cutter {
    /// A cutter that holds back at most `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self { max_event, held: BytesMut::new(), open: false, first: None, after_cr: false }
    }

    /// Takes `chunk` in and gives what may leave now, if anything.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when one event has more than `max_event` bytes.
    pub fn push(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, TooLarge> {
        // Two line feeds end an event whatever came before them.
        if chunk.ends_with(b"\n\n") {
            (self.open, self.first, self.after_cr) = (false, None, false);
            if self.held.is_empty() {
                return Ok(Some(chunk));
            }
            self.held.extend_from_slice(&chunk);
            return Ok(Some(self.held.split().freeze()));
        }
        let cut = self.last_cut(&chunk);
        if cut == 0 {
            self.hold(&chunk)?;
            return Ok(None);
        }
        let head = chunk.split_to(cut);
        let out = if self.held.is_empty() {
            head
        } else {
            self.held.extend_from_slice(&head);
            self.held.split().freeze()
        };
        self.hold(&chunk)?;
        Ok(Some(out))
    }

    /// Whether nothing is held back and no line is open: the place where something may be put. Behind a CR
    /// it is not: the LF of the same line may still come, and would stand alone.
    pub fn is_between(&self) -> bool {
        self.held.is_empty() && !self.open && self.first.is_none() && !self.after_cr
    }

    /// What is held back: the beginning of an event that never ended.
    pub fn take_rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        if self.held.len() + part.len() > self.max_event {
            return Err(TooLarge);
        }
        self.held.extend_from_slice(part);
        Ok(())
    }

    /// Reads the lines of `chunk` and gives the offset behind the last place to cut; 0 for none.
    fn last_cut(&mut self, chunk: &[u8]) -> usize {
        let (mut at, mut cut) = (0, 0);
        while at < chunk.len() {
            if std::mem::take(&mut self.after_cr) && chunk[at] == b'\n' {
                at += 1;
                // The line feed belongs to the line that the CR ended.
                if !self.open {
                    cut = at;
                }
                continue;
            }
            let Some(length) = memchr2(b'\n', b'\r', &chunk[at..]) else {
                self.first = self.first.or(Some(chunk[at]));
                break;
            };
            let first = self.first.take().or((length > 0).then(|| chunk[at]));
            self.after_cr = chunk[at + length] == b'\r';
            at += length + 1;
            match first {
                None => self.open = false,
                Some(b':') => {}
                Some(_) => self.open = true,
            }
            if !self.open {
                cut = at;
            }
        }
        cut
    }
}
