//! Redaction that neither leaks nor blinds: values are replaced, the text around them stays.
//!
//! ```
//! use lastbyte_redact::Redactor;
//!
//! let redactor = Redactor::new();
//! assert_eq!(redactor.redact("打13812345678找li.wei@example.com"), "打[PHONE]找[EMAIL]");
//! assert_eq!(redactor.redact("nothing to see"), "nothing to see");
//! ```
//!
//! # Streams
//!
//! What comes in pieces is redacted as it comes, and gives the same text as the whole would, however it was cut:
//!
//! ```
//! # use lastbyte_redact::Redactor;
//! let mut out = String::new();
//! let mut stream = Redactor::new().stream();
//! for piece in ["key sk", "-pr", "oj-Ab12Cd34", "Ef56Gh78Ij90Kl", " end"] {
//!     stream.push(piece, &mut out);
//! }
//! stream.finish(&mut out);
//! assert_eq!(out, "key [SECRET] end");
//! ```

mod builder;
mod digest;
mod escape;
mod hit;
mod json;
mod redactor;
mod rule;
mod scan;
mod stream;
mod style;
#[cfg(feature = "tracing")]
pub mod trace;

pub use builder::Builder;
pub use digest::{Digest, Language};
pub use hit::Hit;
pub use redactor::Redactor;
pub use rule::{Rule, UnknownRule};
pub use stream::Stream;
pub use style::{Key, KeyTooShort, Style};
