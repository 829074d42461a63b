//! The layer that masks what goes to a chat API and restores what comes back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod requests;
mod shapes;
mod streams;
mod structured;
mod support;
mod waiting;
