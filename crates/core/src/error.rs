use std::error::Error;
use std::fmt;

use crate::Ending;

/// Any error, boxed.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The error of every lastbyte body: how the answer ended, and what the transport said.
///
/// It is one pointer wide, so that a frame is not made larger by it.
pub struct BodyError(Box<Inner>);

struct Inner {
    ending: Ending,
    told: bool,
    source: Option<BoxError>,
}

impl BodyError {
    /// An error of this ending, with nothing below it.
    pub fn new(ending: Ending) -> Self {
        Self(Box::new(Inner { ending, told: false, source: None }))
    }

    /// An error of this ending that `source` led to. A source that is a [`BodyError`] is not wrapped again:
    /// it is returned as it is. One that somebody else has wrapped, as axum does between two layers of a
    /// router, still says whether the reader knows.
    pub fn with_source(ending: Ending, source: impl Into<BoxError>) -> Self {
        match source.into().downcast::<Self>() {
            Ok(same) => *same,
            Err(source) => {
                let told = Self::find(&*source).is_some_and(Self::is_told);
                Self(Box::new(Inner { ending, told, source: Some(source) }))
            }
        }
    }

    /// The first of its kind among `error` and the errors below it.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
    }

    /// The same error, marked as known to the reader: an error event was sent, and only the transport is
    /// left to be ended.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.0.told = true;
        self
    }

    /// Whether the reader knows already.
    pub fn is_told(&self) -> bool {
        self.0.told
    }

    /// How the answer ended.
    pub fn ending(&self) -> &Ending {
        &self.0.ending
    }
}

impl fmt::Debug for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { ending, told, source } = &*self.0;
        f.debug_struct("BodyError")
            .field("ending", ending)
            .field("told", told)
            .field("source", source)
            .finish()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.ending.fmt(f)
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
