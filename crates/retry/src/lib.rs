//! Retry for chat answers, judged at their ending and not at their head.
//!
//! A retry layer that decides at the head takes `200 OK` for success. A streamed answer may still break
//! before its first word; asked again, it would have come, and nobody would have noticed. [`RetryLayer`]
//! holds the head until there is content, and until then asks again: after a 429, a 5xx, a connection that
//! broke, an error event, silence. A whole (JSON) chat answer is held to its end and judged by its finish
//! reason. What breaks behind its content goes on where there is a way to ([`splice`]), and else ends with its
//! error.
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
//! # When many fail together
//!
//! Attempts bound what one caller may cost; two engines bound what all of them cost. Both are plain values
//! that are told the time. The layer has one of each for every upstream: for each
//! [`UpstreamKey`](lastbyte_core::UpstreamKey) in a request's extensions, or else for each host.
//!
//! [`Budget`] is for failures (5xx, broken connections, broken streams): retries are at most a share of the
//! first attempts, and a few a second. After the retry budgets of Google's SRE book and Finagle; unlike
//! tower's it is exact for every percentage.
//!
//! [`Pacer`] is for refusals (429, 503 and 529 of an overloaded upstream): what these need is a slower rate,
//! not lost callers. All chat calls pass through one queue, first attempts too, and go at a rate that is
//! learnt; a [`Tenant`](lastbyte_core::Tenant) in the extensions has its turns beside the others.
//! After TCP's slow start and congestion avoidance (RFC 5681), CUBIC's patience (RFC 9438) and ack clocking
//! (Jacobson, "Congestion Avoidance and Control", 1988).
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
//! forwarded; where several were joined, as the last of them, or, where going on failed, as the first.
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
//! | budget kept | what 8 s of first attempts earn | a calm must not pay for a storm |
//! | upstreams told apart | 1024, then those in use | more is no upstream but a mistake |
//! | callers that wait in a pacer | 10,000; a tenant: as many as are still free | the gateway's streams |
//! | all stopped by one refusal | 10 min | a wrong header must not shut an upstream |
//! | a limit believed in | 60 s unmet, or ten stops | then it has gone, or nobody comes near it |
//! | lost tickets | 15 min | longer than the longest answer |

mod attempt;
mod backoff;
mod body;
mod budget;
mod end;
mod future;
mod held;
mod hint;
mod kept;
mod latency;
mod layer;
mod machine;
mod pace;
mod pacer;
mod plan;
mod policy;
mod replay;
mod seam;
pub mod splice;
mod upstream;

pub use backoff::Backoff;
pub use body::ResponseBody;
pub use budget::Budget;
pub use future::ResponseFuture;
pub use layer::{Hedge, MaxAttempts, Retry, RetryLayer};
pub use pacer::{Allowance, Arrival, Limits, Pacer, Polled, Ticket, Told, WaiterId};
pub use policy::{Ambiguous, Decision, Failed, Policy, Stop};
pub use replay::ReplayBody;
