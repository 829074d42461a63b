//! The vocabulary of lastbyte: how a streamed chat answer ended, told once, at its last byte.
//!
//! `200 OK` says nothing about a streamed answer. It may stall, be cut off, or carry an error inside the
//! stream, seconds after its head. A layer that decides at the head counts all of these as successes.
//! This crate gives every layer one thing to decide on instead: the [`Ending`].
//!
//! * [`Watched`] wraps a body, scans it once as it passes, and tells its [`EndingHandle`] exactly one
//!   ending, also when it is dropped half-way.
//! * [`EndingHandle`] travels in the response's extensions. Layers further out read it; none scans again.
//! * [`Listen`] is for a layer that changes nothing of an answer and has to know its end.
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
//! A layer further out has the handle from the response's extensions. It asks the ending itself what it means:
//!
//! ```
//! use lastbyte_core::{Blame, Cause, Ending, Verdict};
//!
//! let ending = Ending::Truncated { cause: Cause::Idle, by_caller: false };
//! assert_eq!((ending.verdict(), ending.blame()), (Verdict::Failure, Blame::Upstream));
//! assert_eq!(ending.code(), "idle_timeout");
//! assert_eq!(Ending::Abandoned.verdict(), Verdict::Neutral, "a reader who leaves says nothing of the API");
//! ```
//!
//! With other bounds, and held to its ending: a broken answer then ends with an error, also where its
//! transport ended cleanly.
//!
//! ```
//! # use bytes::Bytes;
//! # use http_body_util::{BodyExt, Full};
//! # use lastbyte_core::{Ask, Watch};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # let ask = Ask::from_path("/v1/chat/completions");
//! # let response = http::Response::builder()
//! #     .header("content-type", "text/event-stream")
//! #     .body(Full::new(Bytes::from("data: {\"choices\":[]}\n\n")))
//! #     .unwrap();
//! let watch = Watch::default().max_event(64 << 10).strict();
//! let response = watch.response(&ask, response);
//! let error = response.into_body().collect().await.unwrap_err();
//! assert_eq!(error.ending().code(), "stream_truncated");
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
//! | bound | default | beyond it |
//! |---|---|---|
//! | one event, [`Watch::max_event`] | 1 MiB | the answer is [`Truncated`](Ending::Truncated) as [`TooLarge`](Cause::TooLarge) |
//! | one JSON answer that is kept to be judged, [`Watch::max_json`] | 4 MiB | it passes unjudged, as [`Opaque`](Ending::Opaque) |
//! | a provider's error code and message | 64 and 512 bytes | they are cut |
//! | upstreams told apart by one layer, [`PerKey`] | 1024, then those in use | the rest share one |
//!
//! Work is linear in the bytes that pass. An event that lies within one chunk is not copied.

mod answer;
mod ask;
mod classify;
mod deadline;
pub mod dialect;
mod ending;
mod error;
mod fields;
mod flush;
mod handle;
mod hangup;
mod judge;
mod keys;
mod listen;
mod paid;
mod per_key;
mod refusal;
mod resume;
pub mod sse;
mod transport;
mod watched;
mod whole;

pub use answer::{ATTEMPTS, Attempts, REFUSED_BY};
pub use ask::{Ask, is_encoded, is_event_stream, is_json};
pub use classify::{Classify, ClassifyChat};
pub use deadline::{Deadline, REQUEST_TIMEOUT, far};
pub use dialect::Dialect;
pub use ending::{
    Blame, Cause, Ending, ErrorKind, FailureKind, Finish, Phase, RefusedBy, Scope, Usage, Verdict,
};
pub use error::{BodyError, BoxError};
pub use fields::last_field;
pub use flush::{Flushed, Flusher};
pub use handle::{EndingHandle, EndingReporter};
pub use hangup::Hangup;
pub use judge::{Judge, TransportEnd};
pub use keys::{Class, Tenant, UpstreamKey, credential_token};
pub use listen::{Listen, Listening};
pub use paid::PaidOnce;
pub use per_key::PerKey;
pub use refusal::{Refusal, error_event};
pub use resume::Resume;
pub use transport::{Sent, TransportFault};
pub use watched::{Watch, Watched};
pub use whole::WholeBody;
