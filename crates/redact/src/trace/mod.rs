//! Redaction of what is logged, with the feature `tracing`.
//!
//! ```
//! use lastbyte_redact::Redactor;
//! use lastbyte_redact::trace::{RedactLayer, self_test};
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! let layer = RedactLayer::new(Redactor::new()).with_json();
//! let subscriber = tracing_subscriber::registry().with(layer);
//! tracing::subscriber::with_default(subscriber, || {
//!     assert!(self_test().is_clean());
//!     tracing::info!(password = "123456", from = "li.wei@example.com", "a reader came");
//!     // … "fields":{"message":"a reader came","password":"[SECRET]","from":"[EMAIL]"}}
//! });
//! ```
//!
//! # What is redacted
//!
//! A layer of `tracing` cannot change what the layer beside it sees. So [`RedactLayer`] writes the lines itself: each
//! value (of a message, a field, a span's field at its creation or later, an error with its sources, a number, a record
//! of the `log` crate) becomes text, is redacted, and then is encoded. A value is looked at together with its field's
//! name, so that `passport = "E12345678"` is found. Line ends, other control characters and what turns the direction
//! of writing are escaped: no value begins another line.
//!
//! Fields whose names say that they are secret (`password`, `access_token`, `authorization`, `prompt`, `content`, …) are
//! not looked at; they show as `[SECRET]`. [`RedactLayer::with_only`] turns this around, and writes no other fields than
//! those that are named.
//!
//! A line of JSON has the shape of `tracing-subscriber`'s: `timestamp`, `level`, `target`, `fields`, `span` and `spans`.
//!
//! # What is not
//!
//! - One value in two fields: each of them is looked at alone.
//! - Names and stories: no rule finds them. [`Redactor::digest`](crate::Redactor::digest) says what can be said of a text
//!   without its words.
//! - What other layers of the subscriber print or export: [`self_test`] tells of them, [`RedactWriter`] helps with those
//!   that write text.
//! - Names of fields, spans and targets, which stand in the program. (The target of a `log` record is redacted.)
//! - `println!`, `dbg!`, other processes, core dumps. Panics have a [hook](install_panic_hook).
//!
//! # Bounds
//!
//! A value has at most [`LONGEST_VALUE`] bytes, a line that [`RedactWriter`] holds at most [`LONGEST_LINE`], a chain at
//! most 16 errors; an event is written with at most 64 spans. A thread keeps four buffers of at most 16 KiB each.

mod layer;
mod names;
mod panic;
mod plan;
mod self_test;
mod spans;
mod value;
mod writer;

pub use layer::{LONGEST_VALUE, RedactLayer};
pub use panic::{install_panic_hook, install_panic_hook_with};
pub use self_test::{SelfTest, self_test};
pub use writer::{LONGEST_LINE, RedactWriter, Redacting};
