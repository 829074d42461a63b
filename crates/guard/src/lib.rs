//! Timeouts on the body of a chat answer, and an honest end when it breaks.
//!
//! An ordinary timeout layer watches the head. A streamed answer sends its head at once and may then stay
//! silent for a minute, or be cut in a way that looks like its end. Two layers see to that:
//!
//! * [`GuardLayer`] stands around each attempt. It limits the time to the first content, the silence
//!   between events, and the whole call, and turns every way to die into a
//!   [`BodyError`](lastbyte_core::BodyError) that carries its [`Ending`](lastbyte_core::Ending).
//! * [`SealLayer`] stands outermost. It turns that error into the error event that the SDKs raise, and
//!   then ends the transport as failed, so that nobody takes half an answer for a whole one. While nothing
//!   comes it sends heartbeats, since proxies cut connections that are silent.
//!
//! ```
//! use lastbyte_guard::{GuardLayer, SealLayer};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full;
//!
//! # async fn chat_api(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! let service = ServiceBuilder::new()
//!     .layer(SealLayer::new())
//!     .layer(GuardLayer::new())
//!     .service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! For a model that thinks for minutes, and readers whose proxy cuts at 15 seconds:
//!
//! ```
//! use std::time::Duration;
//! # use lastbyte_guard::{GuardLayer, SealLayer};
//!
//! let guard = GuardLayer::new()
//!     .with_first_event(Duration::from_secs(300))
//!     .with_total(Duration::from_secs(1800));
//! let seal = SealLayer::new().with_heartbeat(Duration::from_secs(5));
//! # let _ = (guard, seal);
//! ```
//!
//! # How an answer can die
//!
//! | what happens | the ending | the error event's `code` |
//! |---|---|---|
//! | no head in time | `Failed`, `Timeout` | none: a 504, with the limit's name |
//! | a head, and no content in time | `Truncated`, `FirstEvent` | `first_event_timeout` |
//! | silence in the middle | `Truncated`, `Idle` | `idle_timeout` |
//! | the whole call takes too long | `Truncated`, `Total` | `total_timeout` |
//! | a clean end, a reset, half an event | `Truncated`, `Eof`, `Reset`, `HalfEvent` | `stream_truncated` |
//! | an error event of the provider | `Failed`, `Event` | `upstream_error` |
//! | something else than an event stream's events | `Failed`, `Garbage` | `upstream_error` |
//! | an event above the bound | `Truncated`, `TooLarge` | `answer_too_large` |
//! | a panic further in | `Interrupted` | `interrupted` |
//!
//! Whether an answer is a chat answer, and whether a stream was asked for, is told by the path, or by an
//! [`Ask`](lastbyte_core::Ask) in the request's extensions. Before a head only a call that is known to ask
//! for a stream has the first-event limit; a body that is no event stream of a known format has only the
//! total.
//!
//! # Order
//!
//! The guard goes innermost, behind a concurrency limit: an attempt's clock starts when it is sent. The
//! seal goes outside of everything that may still save the answer, such as a retry.
//!
//! # At the end of a stream
//!
//! An event stream that ends without its sign of completion ends with an error: from the guard for the
//! layers around it, from the seal as an event for the reader. Before it fails the transport the seal waits
//! until the connection has written everything out, if the request carries a
//! [`Flushed`](lastbyte_core::Flushed): on HTTP/1 and, among other answers of one connection, on HTTP/2.
//! Half a second later the transport fails: what reads through `fetch` throws away what it has not read yet
//! when that happens. Alone it only yields once, and a reader that is far behind may lose the event.
//!
//! # When the reader leaves
//!
//! Both drop what they hold at once; there is no task behind them.
//!
//! # Bounds
//!
//! | bound | default | why |
//! |---|---|---|
//! | first event | 60 s | long prompts take tens of seconds to read |
//! | idle | 60 s | the longest silence of a model that still thinks |
//! | total | 10 min | what OpenAI's SDKs wait |
//! | event size | 1 MiB | ten times the largest in the field |
//! | heartbeat | 10 s | proxies cut after 30 to 60 s |
//! | waiting for a reader to take the error | 30 s | as long as any stalled reader is kept |
//! | behind that, before the transport fails | 0.5 s | a busy reader's time to read what has arrived |

mod body;
mod guard;
mod limits;
mod seal;
mod timer;

pub use body::ResponseBody;
pub use guard::{Guard, GuardLayer, ResponseFuture};
pub use seal::{Seal, SealBody, SealFuture, SealLayer};
