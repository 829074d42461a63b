//! Reversible masking: a chat API sees stand-ins, whoever asked it reads the values.
mod map;
mod masker;
mod seal;
mod standin;
mod unmask;

#[cfg(test)]
mod tests;

pub use map::{Map, TooMany};
pub use masker::Masker;
pub use seal::{NotOpened, SealError};
pub use standin::LONGEST;
pub use unmask::{Counts, Unmask};
