//! A second net, behind subscribers of others.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::self_test::{SONG, caught};
use crate::{Redactor, Stream};

/// The longest line of JSON that is held until it ends, in bytes. Of a longer one, only the fact is written.
pub const LONGEST_LINE: usize = 256 * 1024;

/// What stands for a line of JSON that is longer than [`LONGEST_LINE`].
const TOO_LONG: &str = "{\"redacted\":\"a line too long to be looked at\"}\n";

/// Redacts the finished lines of a subscriber, on their way to a writer. Best effort, for subscribers that cannot be
/// replaced by a [`RedactLayer`](super::RedactLayer).
///
/// It sees text and no fields: it does not know names of fields apart from their values, escapes of an encoding that it
/// is not told of hide values from it, and what other layers of the subscriber export does not pass here.
#[derive(Clone, Debug)]
pub struct RedactWriter<M> {
    redactor: Redactor,
    is_json: bool,
    inner: M,
}

impl<M> RedactWriter<M> {
    /// For lines of text, with colours or without.
    #[must_use]
    pub fn text(redactor: Redactor, inner: M) -> Self {
        Self { redactor, is_json: false, inner }
    }

    /// For JSON, a value in each line. It is JSON afterwards.
    #[must_use]
    pub fn json(redactor: Redactor, inner: M) -> Self {
        Self { redactor, is_json: true, inner }
    }

    fn around<W: Write>(&self, inner: W) -> Redacting<W> {
        let how = match self.is_json {
            true => How::Json { redactor: self.redactor.clone(), line: Vec::new(), is_too_long: false },
            false => How::Text(self.redactor.stream()),
        };
        Redacting { inner, how, out: String::new() }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactWriter<M> {
    type Writer = Redacting<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        self.around(self.inner.make_writer())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        self.around(self.inner.make_writer_for(metadata))
    }
}

/// Redacts what is written to it. A value may be cut over several writes: what could still become one is written with
/// what ends it, or when this is dropped. Flushing does not end it.
#[derive(Debug)]
pub struct Redacting<W: Write> {
    inner: W,
    how: How,
    out: String,
}

#[derive(Debug)]
enum How {
    Text(Stream),
    /// `line` has at most [`LONGEST_LINE`] bytes.
    Json {
        redactor: Redactor,
        line: Vec<u8>,
        is_too_long: bool,
    },
}

impl<W: Write> Redacting<W> {
    fn pass_on(&mut self) -> io::Result<()> {
        if self.out.contains(SONG) {
            caught();
        }
        let result = self.inner.write_all(self.out.as_bytes());
        self.out.clear();
        result
    }
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.how {
            How::Text(stream) => stream.push_bytes(bytes, &mut self.out),
            How::Json { redactor, line, is_too_long } => {
                push_lines(bytes, redactor, line, is_too_long, &mut self.out);
            }
        }
        self.pass_on()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for Redacting<W> {
    fn drop(&mut self) {
        match &mut self.how {
            How::Text(stream) => stream.finish(&mut self.out),
            How::Json { redactor, line, .. } if !line.is_empty() => {
                self.out.push_str(&redactor.redact_json(&String::from_utf8_lossy(line)));
            }
            How::Json { .. } => {}
        }
        let _ = self.pass_on();
    }
}

fn push_lines(
    bytes: &[u8],
    redactor: &Redactor,
    line: &mut Vec<u8>,
    is_too_long: &mut bool,
    out: &mut String,
) {
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        let ends = piece.ends_with(b"\n");
        if !*is_too_long && line.len() + piece.len() > LONGEST_LINE {
            *is_too_long = true;
            line.clear();
            out.push_str(TOO_LONG);
        }
        if !*is_too_long {
            line.extend_from_slice(piece);
        }
        if ends {
            *is_too_long = false;
            out.push_str(&redactor.redact_json(&String::from_utf8_lossy(line)));
            line.clear();
        }
    }
}
