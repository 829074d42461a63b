//! Tower layers that carry a chat answer to its last byte.
//!
//! A streamed answer's outcome is known only at its last byte: `200 OK` may still stall, be cut, or carry
//! an error inside. Every layer here decides on the [`Ending`](core::Ending), never on the head.
//!
//! # The order of the layers
//!
//! As a request meets them, outermost first:
//!
//! | layer | feature | what it does | why there |
//! |---|---|---|---|
//! | [`SealLayer`](guard::SealLayer) | `guard` | error event, failed transport, heartbeats | nothing further out may still save the answer |
//! | [`RetryLayer`](retry::RetryLayer) | `retry` | asks again while nothing was forwarded | around everything that belongs to one attempt |
//! | [`GuardLayer`](guard::GuardLayer) | `guard` | first event, idle, total | its clock starts when an attempt is sent |
//!
//! ```
//! # #[cfg(all(feature = "guard", feature = "retry"))] mod example {
//! use lastbyte::guard::{GuardLayer, SealLayer};
//! use lastbyte::retry::RetryLayer;
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte::retry::ReplayBody;
//!
//! # async fn chat_api(_: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! # fn example() {
//! let service = ServiceBuilder::new()
//!     .layer(SealLayer::new())
//!     .layer(RetryLayer::new())
//!     .layer(GuardLayer::new())
//!     .service_fn(chat_api);
//! # let _ = service;
//! # } }
//! ```

pub use lastbyte_core as core;
#[cfg(feature = "guard")]
pub use lastbyte_guard as guard;
#[cfg(feature = "retry")]
pub use lastbyte_retry as retry;
