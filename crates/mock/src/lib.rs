//! A chat API with faults on demand: for tests, for benchmarks, for a first look.
//!
//! The text of an answer is a function of the request's messages and the seed ([`expected_text`]), and its
//! words are numbered: two equal requests get equal text, and a test can tell a doubled, lost or reordered
//! piece.
//!
//! ```
//! use lastbyte_mock::{Mock, MockConfig};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let mock = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig::default()).await?;
//! println!("a chat API at {}", mock.url());
//! mock.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! It speaks OpenAI's Chat Completions and Responses and Anthropic's Messages, streamed and not, and
//! answers embeddings, speech, files and models, so that what is no chat answer can be tried too.
//!
//! # Faults
//!
//! [`Faults::read`] takes them as JSON, each [`Kind`] with a rate, or with settings. A `script` gives the
//! first chat requests theirs in order; then one roll of the seeded dice decides for each.
//!
//! ```
//! use lastbyte_mock::{Faults, Mock, MockConfig};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let faults = Faults::read(
//!     br#"{
//!         "script": ["none", {"kind": "cut", "after": 3}],
//!         "status": {"code": 429, "retry_after": "1", "rate": 0.05},
//!         "reset_before_head": 0.01,
//!         "interval_ms": 20
//!     }"#,
//! )?;
//! let mock = Mock::bind(([127, 0, 0, 1], 0).into(), MockConfig { seed: 7, faults }).await?;
//! // ... ask it ...
//! let stats = mock.stats();
//! assert_eq!((stats.requests, stats.answers, stats.cancelled), (0, 0, 0));
//! # Ok(()) }
//! ```
//!
//! Over HTTP `POST /faults` changes what goes wrong, `GET /stats` counts, `POST /reset` begins anew.
//!
//! # When the client leaves
//!
//! The answer is dropped at once and counted as cancelled ([`Stats::cancelled`]).
//!
//! # Bounds
//!
//! Request bodies of 64 MiB; 4096 connections wait to be accepted; the faults of the last 1024 calls are
//! remembered ([`Mock::met`]).

mod body;
mod capacity;
mod faults;
mod recent;
mod reset;
mod routes;
mod server;
mod stats;
mod text;
mod wire;

pub use faults::{Capacity, Fault, Faults, Kind};
pub use server::{Mock, MockConfig};
pub use stats::Stats;
pub use text::{expected_text, expected_words};
