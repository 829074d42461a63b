//! Retry for chat answers, judged at their ending and not at their head.
//!
//! A retry layer that decides at the head takes `200 OK` for success. A streamed answer may still break
//! before its first word; asked again, it would have come, and nobody would have noticed. [`RetryLayer`]
//! holds the head until there is content, and until then asks again: after a 429, a 5xx, a connection that
//! broke, an error event, silence. A whole (JSON) chat answer is held to its end and judged by its finish
//! reason. What is behind content is never asked for again: it ends with its error.
//!
//! ```
//! use lastbyte_retry::RetryLayer;
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte_retry::ReplayBody;
//!
//! # async fn chat_api(_: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! let service = ServiceBuilder::new().layer(RetryLayer::new()).service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! For callers who would rather have an error than wait, or pay twice:
//!
//! ```
//! use std::time::Duration;
//! use lastbyte_retry::{Ambiguous, Backoff, MaxAttempts, RetryLayer};
//!
//! const THREE: MaxAttempts = MaxAttempts::new(3).unwrap();
//! let hurried = RetryLayer::new()
//!     .with_max_attempts(THREE)
//!     .with_backoff(Backoff::new(Duration::from_millis(200), Duration::from_secs(2)))
//!     .with_max_wait(Duration::from_secs(5))
//!     .with_ambiguous(Ambiguous::Fail);
//! # let _ = hurried;
//! ```
//!
//! # When it asks again, and after how long
//!
//! [`Policy`] decides, [`Backoff`] spreads. The upstream's own word comes first: `retry-after-ms`,
//! `Retry-After`, `x-should-retry`, the resets of exhausted rate limits, google.rpc.RetryInfo. A wait
//! that is longer than allowed, or that does not fit the caller's deadline, is not begun: the answer is
//! handed on at once, with the time to come back. Billing errors are handed on too. Where retrying was
//! given up, `x-should-retry: false` keeps the SDKs from multiplying it.
//!
//! # Order
//!
//! Outside of everything that belongs to one attempt (breaker, permit, guard), inside of what belongs to
//! the answer (quota, journal, seal). The service below must be `Clone`; it sees a [`ReplayBody`].
//!
//! # At the end of a stream
//!
//! The layer publishes an [`EndingHandle`](lastbyte_core::EndingHandle) of its own in the response's
//! extensions: that of the whole answer, over all attempts. It ends as the attempt does whose content was
//! forwarded.
//!
//! # When the reader leaves
//!
//! Whatever is under way is dropped with the future or the body: the attempt, the wait. There is no task.
//!
//! # Bounds
//!
//! | bound | default | why |
//! |---|---|---|
//! | attempts | 5, and no type holds more | more make a storm |
//! | backoff | from 1 s, doubling, cap 20 s, full jitter | spreads callers that failed together |
//! | wait asked for | 60 s | what OpenAI's Node SDK honours |
//! | last attempt begun | 70 s | one asked-for wait and a tenth |
//! | head held | 10 s | below the silence that proxies cut |
//! | request body kept | 4 MiB | what the gateway takes |
//! | JSON answer held | 4 MiB | beyond it passes as it comes |
//! | stream held before content | 256 KiB | a thousand role chunks |
//! | error body read | 64 KiB, 2 s | an error is below 4 KiB |

mod backoff;
mod body;
mod end;
mod future;
mod held;
mod hint;
mod kept;
mod layer;
mod machine;
mod plan;
mod policy;
mod replay;
pub mod splice;

pub use backoff::Backoff;
pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{MaxAttempts, Retry, RetryLayer};
pub use policy::{Ambiguous, Attempt, Decision, Policy, Stop};
pub use replay::ReplayBody;
