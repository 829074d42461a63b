//! What the benchmarks share.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::error::Error;

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod machine;
pub(crate) mod mock;
pub(crate) mod plot;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod samples;

/// A result, or what went wrong, for a person.
pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A runtime on this thread alone.
pub(crate) fn runtime() -> Done<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
