//! A value that was found.

use std::ops::Range;

use crate::Rule;

/// A value that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
    /// What it is.
    pub rule: Rule,
    /// Which form of it, and what confirmed that: `mobile number, China`, `card, Visa, check digit`. For people, and
    /// it may change.
    pub why: &'static str,
    /// The value without separators, joints and disguise: the same for all spellings of one value.
    pub canonical: String,
}
