//! Redis servers that tests start for themselves: on free loopback ports, with their data in temporary folders,
//! and ended when they are dropped.
//!
//! They need `redis-server` and `redis-cli` 7.0 or newer on the `PATH`, which `cargo xtask test` sees to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod cluster;
mod process;
mod proxy;
mod sentinel;
mod server;

pub use cluster::Cluster;
pub use proxy::Proxy;
pub use sentinel::Sentinels;
pub use server::{Certificate, Server};
