//! Reversible masking: a chat API sees stand-ins, whoever asked it reads the values.
mod answer;
mod body;
mod events;
mod future;
mod json;
mod lanes;
mod layer;
mod map;
mod masked;
mod masker;
mod policy;
mod request;
mod seal;
mod standin;
mod unmask;
mod wire;

#[cfg(test)]
mod tests;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{Mask, MaskLayer};
pub use map::{Map, TooMany};
pub use masked::MaskedBody;
pub use masker::Masker;
pub use policy::{Totals, Unreadable};
pub use seal::{NotOpened, SealError};
pub use standin::LONGEST;
pub use unmask::{Counts, Unmask};
