//! Places for streams, held to the last byte, and readers that stopped reading.
//!
//! A chat answer takes its time in its body. A limit that lets go of its permit when the head comes out, as
//! `tower::limit` and most others do, limits nothing: with all heads out, any number of streams may run. And
//! a reader that stops reading cannot be noticed by a body, since nobody polls the body any more; until the
//! transport gives up, minutes later, it holds its place, its buffers and its connection to the chat API.
//!
//! [`AdmissionLayer`] holds a place for each stream until its last byte, and lets callers wait for one in a
//! queue that refuses at once whom it cannot serve in time. [`WatchdogLayer`] notices readers from outside of
//! their bodies.
//!
//! ```
//! use std::time::Duration;
//! use lastbyte_backpressure::{AdmissionLayer, MemoryBudget, WatchdogLayer};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full;
//!
//! # async fn chat_api(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! let budget = MemoryBudget::new(1 << 30);
//! let service = ServiceBuilder::new()
//!     .layer(WatchdogLayer::new(Duration::from_secs(30)))
//!     .layer(AdmissionLayer::new(10_000).with_memory(budget))
//!     .layer(AdmissionLayer::per_upstream(1_000).with_adaptive(true))
//!     .service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! The third stream at a limit of two waits, though both heads are out:
//!
//! ```
//! # use std::convert::Infallible;
//! # use std::time::Duration;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::{BodyExt, Full};
//! use lastbyte_backpressure::AdmissionLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # async fn chat_api(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
//! #     Ok(Response::new(Full::from("an answer"))) }
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # fn request() -> Request<http_body_util::Empty<Bytes>> { Request::default() }
//! # let chat_api = |_: Request<http_body_util::Empty<Bytes>>| chat_api(Request::new(()));
//! let layer = AdmissionLayer::new(2);
//! let service = ServiceBuilder::new().layer(layer.clone()).service_fn(chat_api);
//! let first = service.clone().oneshot(request()).await.unwrap();
//! let second = service.clone().oneshot(request()).await.unwrap();
//!
//! let third = tokio::spawn(service.oneshot(request()));
//! while layer.occupancy()[0].1.waiting == 0 {
//!     tokio::task::yield_now().await;
//! }
//! let _ = first.into_body().collect().await;
//! assert!(third.await.unwrap().is_ok());
//! # drop(second);
//! # }
//! ```
//!
//! # Who goes first
//!
//! Whom somebody waits for before those whose answer is looked for later ([`Class`](lastbyte_core::Class));
//! within a class the tenants in turn ([`Tenant`](lastbyte_core::Tenant)); within a tenant who came first.
//! A tenant whose oldest calls have waited for more than a second each, for five seconds on end, has an
//! overload and not a burst: then its newest goes first, because those who have waited longest are about to
//! leave anyway. When the queue is full, a newcomer takes the room of one that waits behind it: of the lower
//! class, or of the tenant with the most in the queue.
//!
//! A caller whose turn would come after its [`Deadline`](lastbyte_core::Deadline), or after `queue_timeout`,
//! is refused at once, as soon as eight places that were waited for have come free, so that the pace is
//! known.
//!
//! # Adaptive
//!
//! With [`AdmissionLayer::with_adaptive`] the limit to each upstream is learned, below the one that was set.
//! What it learns from, in this order: that the upstream refuses (429, 529, 503 with a time to come back, or
//! the same as an event) or says in its headers that nothing is left of its quota; how late first events are
//! beside their own long average; how far apart the pieces of streams are beside theirs. It never learns from
//! the length of whole streams, which is that of their answers. A failure teaches nothing, since fewer streams
//! do not mend it and a breaker knows of it, unless it comes later than a first event should have: then it is
//! a first event that was late. It learns nothing upwards while fewer streams run than it allows, and is never
//! below one.
//!
//! # What a reader takes
//!
//! Without a pump nothing piles up: a body is read from upstream when its reader asks for more, so a slow
//! reader slows its upstream. [`WatchdogLayer::with_read_ahead`] puts a pump between them, with a buffer that
//! is bounded in events and bytes; when it is full, the upstream is read no faster than the reader reads.
//! What is hidden from both is what the transports hold: a kernel takes megabytes for a connection, unless
//! its server sets its send buffer.
//!
//! The watchdog lets go of a reader that took nothing for `stall_timeout`: the call upstream, places and
//! buffers are dropped at once, and the answer has ended as
//! [`Stalled`](lastbyte_core::Ending::Stalled). Who was waited for last is at fault: while a body waits for
//! its upstream, the reader's time does not run, and while the reader does not ask, no time of the upstream's
//! does. On HTTP/1 the connection cannot be failed through a body that nobody polls; there the owner of the
//! connection closes it when [`Hangup`](lastbyte_core::Hangup) asks for it. On HTTP/2 the stream is reset.
//!
//! # Order
//!
//! The watchdog and [`AdmissionLayer::new`] stand outermost: they are the readers' side. So the queue comes
//! before anything is spent on a call. [`AdmissionLayer::per_upstream`] stands around each attempt, inside of
//! retry and of a breaker: a caller that waits between two attempts holds no place at the upstream.
//!
//! # At the end of a stream
//!
//! A place goes back at the last byte, when the body is dropped, or when there is no answer at all; a refused
//! call's place goes back when the ending is known. Both layers hold an event stream to its ending, as every
//! layer does.
//!
//! # When the reader leaves
//!
//! The place and its share of the memory go back with the body, the place in the queue with the future. The
//! pump's task ends with the body too. A place that came to a caller that has just left goes to the next in
//! the queue.
//!
//! # Tasks
//!
//! A watchdog has one task for all its bodies while there are any, which ends with the last of them or with
//! the layer; with read-ahead each stream has a task that its body owns. Outside of a tokio runtime there is
//! neither.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | streams at once, [`AdmissionLayer::new`] and [`AdmissionLayer::per_upstream`] | none, it is always set | they wait |
//! | callers that wait, [`AdmissionLayer::with_max_queue`] | 1000 | 503 `queue_full` |
//! | time in the queue, [`AdmissionLayer::with_queue_timeout`] | 5 s, and the caller's deadline | 503 `queue_timeout` |
//! | memory for all streams, [`MemoryBudget`] | none | 503 `memory_budget`; an answer is not read ahead |
//! | a reader's silence, [`WatchdogLayer::new`] | 30 s | the answer ends as `Stalled`, up to an eighth later |
//! | read ahead, [`WatchdogLayer::with_read_ahead`] | nothing; the gateway's setting is 100 events and 256 KiB | the upstream waits |
//! | upstreams told apart | 1024, then those in use | the rest share one set of places |
//!
//! Each refusal says when to come back.

mod adaptive;
mod admission;
mod gate;
mod held;
mod limit;
mod memory;
mod queue;
mod quota;
mod sync;
mod watchdog;

pub use admission::{Admission, AdmissionLayer, Occupancy, ResponseBody, ResponseFuture};
pub use held::Held;
pub use memory::{Charge, MemoryBudget};
pub use watchdog::{Watchdog, WatchdogBody, WatchdogFuture, WatchdogLayer};
