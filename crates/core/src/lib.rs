//! The vocabulary of lastbyte: how a streamed chat answer ended, told once, at its last byte.
//!
//! `200 OK` says nothing about a streamed answer. It may stall, be cut off, or carry an error inside the
//! stream, seconds after its head. A layer that decides at the head counts all of these as successes.
//! This crate gives every layer one thing to decide on instead: the [`Ending`].
//!
//! * [`Watched`] wraps a body, scans it once as it passes, and tells its [`EndingHandle`] exactly one
//!   ending, also when it is dropped half-way.
//! * [`EndingHandle`] travels in the response's extensions. Layers further out read it; none scans again.
//! * [`Classify`] turns heads and errors into endings; [`dialect`] knows the three wire formats.
//! * [`BodyError`] is the one error of every lastbyte body, and [`Refusal`] the one answer of a layer
//!   that says no.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use lastbyte_core::{Ask, Ending, Watch};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let ask = Ask::from_path("/v1/chat/completions");
//! let answer = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
//! let response = http::Response::builder()
//!     .header("content-type", "text/event-stream")
//!     .body(Full::new(Bytes::from(answer)))
//!     .unwrap();
//!
//! let response = Watch::default().response(&ask, response);
//! let handle = response.body().handle().clone();
//! let _ = response.into_body().collect().await;
//!
//! // The transport ended cleanly, and yet the answer did not.
//! assert!(matches!(handle.ending(), Some(Ending::Truncated { .. })));
//! # }
//! ```
//!
//! # Order
//!
//! The innermost lastbyte layer that meets a body wraps it; a layer that finds a handle in the extensions
//! does not. A layer that joins several attempts into one answer publishes a new handle for that scope.
//!
//! # At the end of a stream
//!
//! The end is seen on `None`, on `Err`, on `is_end_stream` after a data frame (hyper may never poll the
//! `None`), at construction for an empty body, and on drop.
//!
//! # When the reader leaves
//!
//! Dropping a [`Watched`] body before its end reports [`Ending::Abandoned`].
//!
//! # Bounds
//!
//! One event may have [`Watch::max_event`] bytes (1 MiB), one whole JSON answer [`Watch::max_json`]
//! (4 MiB); beyond the first the answer is truncated as `too_large`, beyond the second it passes
//! unjudged, as [`Ending::Opaque`].

mod answer;
mod ask;
mod classify;
mod deadline;
pub mod dialect;
mod ending;
mod error;
mod flush;
mod handle;
mod judge;
mod refusal;
mod resume;
pub mod sse;
mod transport;
mod watched;

pub use answer::{ATTEMPTS, Attempts, REFUSED_BY};
pub use ask::Ask;
pub use classify::{Classify, ClassifyChat};
pub use deadline::{Deadline, REQUEST_TIMEOUT, far};
pub use dialect::Dialect;
pub use ending::{
    Blame, Cause, Ending, ErrorKind, FailureKind, Finish, Phase, RefusedBy, Scope, Usage, Verdict,
};
pub use error::{BodyError, BoxError};
pub use flush::{Flushed, Flusher};
pub use handle::{EndingHandle, EndingReporter};
pub use judge::{Judge, TransportEnd};
pub use refusal::{Refusal, error_event};
pub use resume::Resume;
pub use transport::{Sent, TransportFault};
pub use watched::{Watch, Watched};
