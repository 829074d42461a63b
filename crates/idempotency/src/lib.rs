//! One key, one paid answer.
//!
//! A refresh, a crash or a double click must neither lose an answer nor pay for it twice. This layer writes
//! every answer that was asked for under a key into a journal before anybody sees it, and lets a driver of its
//! own finish it, whoever reads. The same request again joins the running answer or replays the finished one;
//! a reader that comes back with its last event id goes on where it was, on this machine or another, also
//! when the one that wrote the answer is gone.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use lastbyte_idempotency::{IdempotencyLayer, RequestBody};
//! use lastbyte_store::Memory;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
//! let counted = calls.clone();
//! let service = ServiceBuilder::new()
//!     .layer(IdempotencyLayer::new(Arc::new(Memory::new())))
//!     .service(service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
//!         counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!         async { Ok::<_, Infallible>(Response::new(Full::from("a paid answer"))) }
//!     }));
//!
//! for _ in 0..2 {
//!     let ask = Request::post("/v1/embeddings").header("idempotency-key", "\"k1\"");
//!     let answer = service.clone().oneshot(ask.body(Full::from("{}")).unwrap()).await.unwrap();
//!     assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "a paid answer");
//! }
//! assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
//! # }
//! ```
//!
//! With other settings:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use lastbyte_idempotency::{IdempotencyLayer, OnConcurrent, OnUnknown};
//! use lastbyte_store::Memory;
//!
//! let layer = IdempotencyLayer::builder()
//!     .with_ttl(Duration::from_secs(3600))
//!     .with_on_concurrent(OnConcurrent::Conflict)
//!     .with_on_unknown(OnUnknown::Refuse)
//!     .with_when_unread(Some(Duration::from_secs(60)))
//!     .build(Arc::new(Memory::new()));
//! # let _ = layer;
//! ```
//!
//! # What is the same request
//!
//! The key is that of draft-ietf-httpapi-idempotency-key-header-07, quoted or bare, and belongs to a tenant:
//! the hash of a credential, unless told otherwise. Method, path, query and body are its fingerprint.
//!
//! | a `POST` under a key | is answered by |
//! |---|---|
//! | whose key is new | the service, and the journal keeps it |
//! | of the same request, running | the same answer, from its beginning (`stream`) or once it is there |
//! | of the same request, ended | what is kept, with `Idempotent-Replayed: true` |
//! | of another request | 422 `key_reused` |
//! | that wants no stream, and waited too long | 409 `request_in_progress`, with `Retry-After` |
//! | with `Last-Event-ID: n` | the events behind `n`; 204 where there are none, 410 where the answer is gone |
//! | whose key is none | 400 `key_invalid` |
//!
//! `GET …/v1/answers/{id}` gives the events to a reader that takes `text/event-stream`, and what is known of
//! the answer to others; `DELETE` ends it. The id is in the header `x-lastbyte-answer`.
//!
//! # What is kept
//!
//! What costs money is an answer that began. A 2xx is kept, and so is a stream that broke behind its first
//! content, with its error. A 4xx, a 429, a 5xx and an error before the first byte set the key free, for
//! nothing was generated. Where a call was sent and nothing came back, nobody knows; [`OnUnknown`] says what
//! becomes of it. Of the request its head without secrets and its body are kept until its answer has ended, so
//! that somebody else can ask again.
//!
//! # Order
//!
//! Outside of everything that asks again or limits calls, so that what is replayed costs nothing of it; inside
//! of what belongs to one reader: admission, the watchdog, the seal. The service is called by a task, and with
//! the body in memory. Run [`Idempotency::take_care`] beside it: it takes over what others left behind.
//!
//! # At the end of a stream
//!
//! The driver judges the end, writes it down, and the error event of a broken one with it, numbered. A reader's
//! body ends as the journal says: broken ones with a [`BodyError`](lastbyte_core::BodyError) that is marked as
//! told, so that a seal only ends the transport.
//! A stream whose head has left and that breaks before its first
//! content leaves nothing behind: its readers get the error, and the key is free. Comments, ids, trailers and
//! digests of a stream under a key stay behind. What has no key passes byte for byte, and is held to its
//! ending as by every layer.
//!
//! # When the reader leaves
//!
//! The answer goes on. [`Builder::with_when_unread`] cancels it after a time without readers, here or on any
//! machine.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | bytes of a request's body | 4 MiB | 413 |
//! | bytes of an answer | 4 MiB | it ends as `answer_too_large` |
//! | answers that are written here | 10 000 | 503 to who asks for another one |
//! | events and bytes that a reader may lag | 100, 256 KiB | it reads from the store, 64 KiB at a time |
//! | bytes that wait for the store, of one answer | 256 KiB, or one chunk | the service is not read |
//! | chunks that are there already and written at once | 64 | the next are read behind that write |
//! | a store that is away, for an answer that runs | the lease, 15 s | [`OnError`] |

mod answer;
mod answers;
mod begin;
mod blocks;
mod body;
mod call;
mod core;
mod driver;
mod follow;
mod kept;
mod key;
mod layer;
mod pen;
mod problem;
mod running;
mod service;
mod settings;
mod stream;
mod takeover;
mod wakers;
mod work;

pub use answer::{ANSWER, REPLAYED};
pub use body::{AnswerBody, RequestBody};
pub use key::{IDEMPOTENCY_KEY, KeyError, LAST_EVENT_ID, MAX_KEY, key_of};
pub use layer::{Builder, IdempotencyLayer};
pub use service::{Idempotency, ResponseFuture};
pub use settings::{AfterCrash, OnConcurrent, OnError, OnUnknown, Totals, tenant_of};
