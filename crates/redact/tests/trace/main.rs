//! What is logged: by the layer, by a writer behind another one, and what the self-test finds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fields;
mod lines;
mod probes;
mod self_test;
mod support;
mod writer;
