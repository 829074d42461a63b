//! The answer journal: one record of each answer, from the moment its request is accepted to its last byte.
//!
//! Idempotency, resume, dialogues and deferred answers are views of one thing: what was asked, what was
//! answered so far, and who may go on writing it. This crate has the trait that says what such a record
//! promises ([`Journal`]), a [`Memory`] that keeps it in this process, and, with the feature `conformance`, the
//! suite that every other implementation has to pass unchanged.
//!
//! ```text
//! claimed(lease, fence) ─▶ sent ─▶ streaming ─▶ complete | truncated | failed | cancelled | dead
//!      ▲                      │ lease lost                      └─▶ expired
//!      └──────────────────────┘
//! ```
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use lastbyte_store::{AnswerId, Batch, End, Journal, Memory, NewAnswer, Opened, Slot, State};
//!
//! let journal = Memory::new();
//! let id = AnswerId { slot: Slot::of("tenant", "key"), generation: 0x5eed };
//! let answer = NewAnswer {
//!     id,
//!     tenant: "tenant".into(),
//!     fingerprint: [0; 32],
//!     request: "a request".into(),
//!     state: State::Claimed,
//!     lease: Duration::from_secs(15),
//!     ttl: Duration::from_secs(24 * 3600),
//!     max_bytes: 1 << 20,
//! };
//! let Opened::New(lease) = journal.open(answer).await? else { return Ok(()) };
//! // From here on the chat API may have been asked, whatever becomes of this process.
//! journal.sent(lease).await?;
//! journal.append(lease, Batch { first: 1, events: vec!["data: a\n\n".into()], ..Batch::default() }).await?;
//! let last = Batch { first: 2, events: vec!["data: [DONE]\n\n".into()], ..Batch::default() };
//! journal.end(lease, last, End { state: State::Complete, detail: "".into() }).await?;
//!
//! // A reader who has seen the first event.
//! let page = journal.read(id, 1, 65_536).await?.ok_or("expired")?;
//! assert_eq!(page.record.state, State::Complete);
//! assert_eq!(page.events, ["data: [DONE]\n\n"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * **One fence at a time may write.** [`Journal::open`] and [`Journal::claim`] hand out a [`Lease`] with a
//!   number that only grows. A write under an older number is refused ([`WriteError::Fenced`]) and changes
//!   nothing, whatever its holder believes about the time.
//! * **What was written is there.** When [`Journal::open`], [`Journal::sent`] or [`Journal::end`] returns, a
//!   durable store has it on disk. What [`Journal::append`] wrote survives the end of the process.
//! * **Writes may be repeated.** A batch says where it begins, so one that is sent again because nobody knows
//!   whether it arrived changes nothing.
//! * **An answer that has ended does not change**, until it expires.
//!
//! # Order
//!
//! Events are numbered from 1 without a gap. A reader that has seen event `n` asks for those after `n`, from
//! any machine, and sees the same ones that everybody sees.
//!
//! # At the end of a stream
//!
//! [`Journal::end`] writes the last events and the end together: nobody sees one without the other.
//!
//! # When the reader leaves
//!
//! Nothing here notices. Who follows an answer from elsewhere says so by [`Journal::attend`], and its writer
//! hears of it by [`Journal::renew`].
//!
//! # Bounds
//!
//! | bound | by | beyond it |
//! |---|---|---|
//! | bytes of one answer | [`NewAnswer::max_bytes`] | [`WriteError::TooLarge`], nothing is written |
//! | time without a word from the writer | [`NewAnswer::lease`] | anybody may [`claim`](Journal::claim) the answer |
//! | time that an answer is kept behind its last change | [`NewAnswer::ttl`] | it is gone; for as long again it is known to have been there |
//! | all that [`Memory`] keeps | [`Memory::with_max_bytes`] | the oldest that ended go; then [`StoreError::Full`] |

#[cfg(feature = "conformance")]
pub mod conformance;
mod id;
mod journal;
mod memory;
mod record;

pub use id::{AnswerId, ParseIdError, Slot};
pub use journal::{BoxFuture, Journal, StoreError, WriteError};
pub use memory::Memory;
pub use record::{Batch, Claimed, End, Lease, Look, NewAnswer, Opened, Page, Record, State};
