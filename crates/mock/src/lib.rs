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
//! `POST /faults` changes what goes wrong (`GET` shows it), `GET /stats` counts, `POST /reset` begins anew.
//!
//! # Bounds
//!
//! Request bodies of 64 MiB; 4096 connections wait to be accepted.

mod body;
mod capacity;
mod faults;
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
