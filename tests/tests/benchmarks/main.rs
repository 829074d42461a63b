//! The benchmarks' own code, so that it does not rot: its figures on values made by hand, and each
//! benchmark scaled down to a few seconds. What is asserted are facts, never timings.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "no gateway is built here")]
#[path = "../../benches/seed/mod.rs"]
mod seed;
#[allow(dead_code, reason = "reports are not written here")]
#[path = "../../benches/storm/mod.rs"]
mod storm;
#[path = "../../benches/support/mod.rs"]
mod support;

#[path = "seed.rs"]
mod seed_tests;
#[path = "storm.rs"]
mod storm_tests;
#[path = "support.rs"]
mod support_tests;
