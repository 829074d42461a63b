//! The pacer in a simulated world: what it reaches before every kind of limit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod herds;
mod sim;
mod steady;
