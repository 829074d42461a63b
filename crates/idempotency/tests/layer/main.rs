//! The layer between readers, a store and a chat API that answers by a script. Time is paused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod crash;
mod failover;
mod insist;
mod joining;
mod leaving;
mod resume;
mod store;
mod takeover;
mod whole;
mod wire;
