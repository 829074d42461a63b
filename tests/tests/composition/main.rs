//! The layers in several orders on real connections: around a client, and inside of a server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod client;
mod masking;
mod server;
mod support;
