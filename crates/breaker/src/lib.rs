//! A circuit breaker for chat APIs that is fed by how answers end.
//!
//! An upstream that is down, or hangs, still costs each caller its whole patience, and this process a
//! connection, a timer and a retry for each. A breaker spares both. For chat answers two things are
//! different from other calls. A head says nothing: a stream that breaks in the middle has failed, though its
//! `200` came long ago. And failures end in milliseconds while successes take tens of seconds, so that a
//! rate over endings opens on a healthy upstream whenever many calls begin at once.
//!
//! ```
//! use lastbyte_breaker::BreakerLayer;
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full;
//!
//! # async fn chat_api(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! let service = ServiceBuilder::new().layer(BreakerLayer::default()).service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! For a model whose first word may take a minute, watched and forced by hand while it runs:
//!
//! ```
//! use std::time::Duration;
//! use lastbyte_breaker::{BreakerLayer, Mode, Policy, State};
//!
//! let policy = Policy::new()
//!     .with_slow_first_event(Duration::from_secs(60))
//!     .with_open_for_up_to_a_minute(Duration::from_secs(10));
//! let layer = BreakerLayer::new(policy);
//!
//! let circuits = layer.circuits();
//! let state = circuits.watch("api.example:443");
//! circuits.set_mode(Mode::Open);
//! assert_eq!(*state.borrow(), State::Open);
//! circuits.set_mode(Mode::Observe);
//! assert_eq!(*state.borrow(), State::Closed);
//! ```
//!
//! # When it opens
//!
//! A call is *undecided* until its first content. Then it is *alive*, which is a success, and if it breaks
//! after all, its ending takes that success back and counts as a failure. A stream that has shown no content
//! at the age of `slow_first_event` is *slow*.
//!
//! | rule | opens at | of |
//! |---|---|---|
//! | failure rate | 50 % | failures, successes, and the undecided that are not slow yet |
//! | slow rate | 80 % | slow calls and those that were alive in time |
//! | failures in a row, off by default | a number you set | calls in order of admission, none between them undecided |
//!
//! Both rates need 20 calls in their window of 10 seconds: a burst below that opens nothing, however bad. A
//! 429 never counts, since what it needs is a slower rate; nor does a request that was at fault itself, a
//! reader that left, a limit of the caller's own, or a refusal by another layer
//! ([`Verdict::Neutral`](lastbyte_core::Verdict::Neutral)). Calls that did not ask for a stream are never
//! slow: their first byte is their last.
//!
//! # How it closes
//!
//! After `open_for`, 5 seconds, it lets up to 3 calls through. Each of them is a success at its first
//! content, and a failure if it ends before that, or shows none in `slow_first_event`; one that is abandoned
//! gives its place back and is neither. When 3 are alive it lets through a growing share of the calls, from a
//! tenth to all of them in the time it had been open at first; a failure among the probes still counts then.
//! When one fails, it is open again for twice as long, up to a minute. What becomes of calls from before a
//! change of state is not counted.
//!
//! # Order
//!
//! Around each attempt, inside of retry, and outside of a limit of concurrent calls: whoever only reads what
//! is stored already must not meet it. A refusal is a 503 with the time to come back, and ends the retrying.
//! Upstreams are told apart by the [`UpstreamKey`](lastbyte_core::UpstreamKey) in a request's extensions, or
//! by host.
//!
//! # At the end of a stream
//!
//! It listens to the [`EndingHandle`](lastbyte_core::EndingHandle) of the layer further in. Where it is the
//! innermost one it watches the answer itself, and holds it to its ending as every layer does: an event
//! stream that breaks ends with an error, also where its transport ended cleanly.
//!
//! # When the reader leaves
//!
//! The call gives its place back at once: as nothing, or as the success it was if content had come.
//!
//! # Bounds
//!
//! | bound | default | why |
//! |---|---|---|
//! | a circuit's memory | under 2 KiB | rings of buckets, whatever the number of calls; a window of calls takes a byte for each, a row 8 KiB for each failure that is looked for |
//! | upstreams told apart | 1024, then those in use or not closed | more is no upstream but a mistake; the rest share one circuit |
//! | probes at once | 3 | enough to tell one bad server of many from all of them |
//! | a window of calls | at most 100 000 | it is allocated whole |
//! | open | 5 s to 1 min | doubled with each failure to close, and up to a fifth more by chance |

mod call;
mod circuit;
mod circuits;
mod layer;
mod policy;
mod runs;
mod state;
mod undecided;
mod window;

pub use call::Call;
pub use circuits::Circuits;
pub use layer::{Breaker, BreakerLayer, ResponseBody, ResponseFuture};
pub use policy::{Over, Policy, Share};
pub use state::{Mode, State, Status};
