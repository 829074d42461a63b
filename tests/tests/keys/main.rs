//! Answers under a key with other layers behind: what is asked again, and what becomes of it. Time is paused.
//!
//! They stand here and not beside the layer, for no layer depends on another, not even in its tests. What they
//! stand on is the layer's own: gateways over one store, and a chat API that answers by a script.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../crates/idempotency/tests/support/mod.rs"]
mod support;

mod cases;
mod expect;
mod retries;
mod script;
