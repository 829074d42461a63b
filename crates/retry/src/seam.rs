use bytes::Bytes;
use lastbyte_core::{BodyError, Dialect, Resume};

use crate::splice::{Forwarded, Settings, Splice, Way};

/// Stands between the attempts and the reader of one streamed answer, and says how it goes on where an
/// attempt breaks behind its content.
pub(crate) struct Seam {
    splice: Splice,
    /// The body of the first request.
    request: Bytes,
    /// How the attempt that is under way is joined.
    way: Option<Way>,
    /// What the reader is told where there is no going on: how it broke first.
    broke: Option<BodyError>,
    /// Nothing more of the attempt can be joined to what was shown.
    is_stuck: bool,
}

impl Seam {
    pub(crate) fn new(settings: Settings, dialect: Dialect, restarts: bool, request: Bytes) -> Self {
        let splice = Splice::new(settings, dialect, restarts);
        Self { splice, request, way: None, broke: None, is_stuck: false }
    }

    /// Takes over an answer of which the reader has seen this.
    pub(crate) fn resume(&mut self, resume: &Resume) {
        self.splice.resume(resume);
    }

    /// What of a chunk is forwarded: whole events; often nothing.
    pub(crate) fn forward(&mut self, chunk: Bytes) -> Bytes {
        let Forwarded { bytes, failed } = self.splice.forward(chunk);
        self.is_stuck = failed.is_some();
        bytes
    }

    /// Whether nothing more of the attempt can be joined to what was shown.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Whether nothing is held back, and nothing has to be done about the attempt.
    pub(crate) fn is_through(&self) -> bool {
        !self.is_stuck && self.splice.is_between()
    }

    /// What was held back of an answer that came in one piece, and is over.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        if self.way.is_none() { self.splice.take_rest() } else { Bytes::new() }
    }

    /// The attempt broke, or nothing more of it can be joined.
    pub(crate) fn broke(&mut self, error: Option<BodyError>) {
        self.broke = self.broke.take().or(error);
    }

    /// The body of the next request, where there is a way to go on.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let next = self.splice.plan(&self.request).ok()?;
        self.way = Some(next.way);
        self.is_stuck = false;
        Some(next.body)
    }

    /// The upstream has refused the way itself: it is not tried again.
    pub(crate) fn refused(&mut self) {
        self.way.iter().for_each(|way| self.splice.rule_out(*way));
    }

    /// How it broke first.
    pub(crate) fn take_error(&mut self) -> Option<BodyError> {
        self.broke.take()
    }
}
