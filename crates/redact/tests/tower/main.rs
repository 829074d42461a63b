//! The layers of tower, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod answers;
mod bounds;
mod endings;
mod headers;
mod lines;
mod questions;
mod support;
