//! Retry for chat answers, judged at their ending and not at their head.
mod backoff;
mod hint;
mod policy;

pub use backoff::Backoff;
pub use policy::{Ambiguous, Attempt, Decision, Policy, Stop};
