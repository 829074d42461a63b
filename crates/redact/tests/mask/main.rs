//! The layer that masks what goes to a chat API and restores what comes back.

mod answers;
mod requests;
mod streams;
mod support;
