//! Tower layers that carry a chat answer to its last byte.
//!
//! A streamed answer's outcome is known only at its last byte: `200 OK` may still stall, be cut, or carry
//! an error inside. Every layer here decides on the [`Ending`](core::Ending), never on the head. They
//! compose around any hyper or axum service that calls a chat API, and around any client of one.
//!
//! ```
//! # #[cfg(all(feature = "guard", feature = "retry"))] mod example {
//! use lastbyte::ServiceBuilderExt;
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte::retry::ReplayBody;
//!
//! # async fn chat_api(_: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! # fn example() {
//! let service = ServiceBuilder::new().seal().retry_answers().guard().service_fn(chat_api);
//! # let _ = service;
//! # } }
//! ```
//!
//! The same with settings:
//!
//! ```
//! # #[cfg(all(feature = "guard", feature = "retry"))] mod example {
//! use std::time::Duration;
//! use lastbyte::guard::{GuardLayer, SealLayer};
//! use lastbyte::retry::{Ambiguous, RetryLayer};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte::retry::ReplayBody;
//!
//! # async fn chat_api(_: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! # fn example() {
//! let service = ServiceBuilder::new()
//!     .layer(SealLayer::new().with_heartbeat(Duration::from_secs(5)))
//!     .layer(RetryLayer::new().with_ambiguous(Ambiguous::Fail))
//!     .layer(GuardLayer::new().with_first_event(Duration::from_secs(20)))
//!     .service_fn(chat_api);
//! # let _ = service;
//! # } }
//! ```
//!
//! # Order
//!
//! As a request meets them, outermost first:
//!
//! | layer | feature | what it does | why there |
//! |---|---|---|---|
//! | `redact::tower::SensitiveHeadersLayer` | `redact-tower` | marks headers that no log may show | requests outside of the layer that logs them, responses inside of it |
//! | `redact::tower::QuestionsLayer` | `redact-tower` | logs a question and the end of its answer, as digests or redacted | inside of that layer, so that its line is in the request's span |
//! | [`WatchdogLayer`](backpressure::WatchdogLayer) | `backpressure` | lets go of readers that stopped reading | whoever is let go lets go of everything |
//! | [`AdmissionLayer`](backpressure::AdmissionLayer) | `backpressure` | streams at once, and a queue | before anything is spent on a call |
//! | [`SealLayer`](guard::SealLayer) | `guard` | error event, failed transport, heartbeats | nothing further out may still save the answer |
//! | [`IdempotencyLayer`](idempotency::IdempotencyLayer) | `idempotency`, and `store-sqlite` or `store-redis` | one key, one paid answer; resume | what is replayed costs no quota and no call; each reader has a seal of its own |
//! | [`QuotaLayer`](quota::QuotaLayer) | `quota`, and `tokenizer` to count exactly | requests and tokens a minute, by tenant | a call is one, however many attempts it takes |
//! | `redact::mask::MaskLayer` | `redact-mask` | the chat API sees stand-ins, the reader the values | what is kept for readers has the values; what is asked again and joined has the stand-ins |
//! | [`RetryLayer`](retry::RetryLayer) | `retry` | asks again while nothing was forwarded | around everything that belongs to one attempt |
//! | [`BreakerLayer`](breaker::BreakerLayer) | `breaker` | keeps calls away from an upstream that is down or hangs | around the call only: what is stored already needs no upstream |
//! | [`AdmissionLayer::per_upstream`](backpressure::AdmissionLayer::per_upstream) | `backpressure` | streams at once to each upstream, also learned | who waits between two attempts holds no place |
//! | [`GuardLayer`](guard::GuardLayer) | `guard` | first event, idle, total | its clock starts when an attempt is sent |
//!
//! What is logged of all this, and any text, is redacted by `redact` (features `redact` and, for its `tracing` layer,
//! `redact-tracing`).
//!
//! Each works alone, and in any order that type-checks. A program that reads the answer itself needs no
//! seal: the body's [`BodyError`](core::BodyError) tells it how the answer ended.
//!
//! # At the end of a stream
//!
//! The innermost layer scans the answer, once, and puts an [`EndingHandle`](core::EndingHandle) into the
//! response's extensions; the others listen to it, and so can a layer of yours.
//!
//! # When the reader leaves
//!
//! What is under way is a part of the future or of the body, and is dropped with it. No layer has a task, but
//! the watchdog (one that ends with the last body it watches, and one for each answer that it reads ahead, which
//! that answer's body owns) and the idempotency layer, whose answers go on without their readers: they end with
//! the last of its services.
//!
//! # Bounds
//!
//! Each crate lists its own: [`core`], [`backpressure`], [`breaker`], [`guard`], [`idempotency`],
//! [`quota`], [`retry`], [`store`].

#[cfg(any(
    feature = "backpressure",
    feature = "breaker",
    feature = "guard",
    feature = "idempotency",
    feature = "quota",
    feature = "redact-mask",
    feature = "redact-tower",
    feature = "retry"
))]
mod builder;

#[cfg(any(
    feature = "backpressure",
    feature = "breaker",
    feature = "guard",
    feature = "idempotency",
    feature = "quota",
    feature = "redact-mask",
    feature = "redact-tower",
    feature = "retry"
))]
pub use builder::ServiceBuilderExt;
#[cfg(feature = "backpressure")]
pub use lastbyte_backpressure as backpressure;
#[cfg(feature = "breaker")]
pub use lastbyte_breaker as breaker;
pub use lastbyte_core as core;
#[cfg(feature = "guard")]
pub use lastbyte_guard as guard;
#[cfg(feature = "idempotency")]
pub use lastbyte_idempotency as idempotency;
#[cfg(feature = "quota")]
pub use lastbyte_quota as quota;
#[cfg(feature = "redact")]
pub use lastbyte_redact as redact;
#[cfg(feature = "retry")]
pub use lastbyte_retry as retry;
#[cfg(feature = "store")]
pub use lastbyte_store as store;
#[cfg(feature = "store-redis")]
pub use lastbyte_store_redis as store_redis;
#[cfg(feature = "store-sqlite")]
pub use lastbyte_store_sqlite as store_sqlite;
