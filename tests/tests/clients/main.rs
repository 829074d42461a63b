//! Real clients before a real gateway: what an application sees of an answer, through the SDK it uses.
//!
//! `cargo xtask test` installs the clients, builds the gateway, and runs these tests; alone they cannot run.
//! Each client is a program of `tests/clients`, the gateway is a process of its own, and the chat API is in
//! this one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod client;
mod compat;
mod curl;
mod faults;
mod gateway;
mod keys;
mod line;
mod page;
mod program;
mod retries;
mod script;
mod storm;
mod wire;
