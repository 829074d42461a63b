//! What the benchmarks share.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::error::Error;
use std::process::ExitCode;

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod machine;
pub(crate) mod mock;
pub(crate) mod plot;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod samples;
pub(crate) mod stamped;

/// A result, or what went wrong, for a person.
pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How a benchmark ends: what went wrong is told.
pub(crate) fn exit(done: Done) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Fails where answers were not what the chat API had given.
pub(crate) fn all_right<'a>(wrong: impl Iterator<Item = &'a String>) -> Done {
    match wrong.take(3).cloned().collect::<Vec<_>>() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(format!("answers with doubled or lost pieces:\n{}", wrong.join("\n")).into()),
    }
}

/// A runtime on this thread alone.
pub(crate) fn runtime() -> Done<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
