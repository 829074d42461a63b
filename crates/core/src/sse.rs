//! The event stream grammar of WHATWG HTML section 9.2, incrementally and without copying.
//!
//! [`Scanner`] reads events wherever the chunk borders fall: inside a character, between CR and LF, inside
//! the byte order mark. An event that lies within one chunk is lent out of that chunk; only what crosses a
//! border is copied. [`Cutter`] finds the places where something of ours may be put between two events.

mod cutter;
mod scanner;

pub use cutter::Cutter;
pub use scanner::{Event, Scanner, TooLarge};
