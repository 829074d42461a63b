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
//! A rule that takes out all Chinese and leaves every key, as log filters do, blinds whoever reads the log and leaks what
//! matters. Here a value is what a check confirms: a check digit, a numbering plan, the shape of a provider's keys, a word
//! in front of it. What looks like one and is none (times, hashes, versions, order numbers) stays.
//!
//! # Disguise
//!
//! One value is found in all its spellings: `１３８…` of full width, `一三八…`, `%31%33%38`, `\u0031\u0033\u0038`, `&#49;`, with a
//! zero-width space in it or a terminal's colour around it (as it is, or as the escape `\u001b[33m`), in quotes within
//! quotes, in base64 (one level deep), in a form, where a plus is a blank. And it has one pseudonym in all of them:
//!
//! ```
//! use lastbyte_redact::{Key, Redactor, Style};
//!
//! let key = Key::new("thirty bytes that nobody knows")?;
//! let redactor = Redactor::builder().style(Style::Pseudonym(key)).build();
//! let marks = redactor.redact("138 1234 5678 ＋８６１３８１２３４５６７８").into_owned();
//! let (one, other) = marks.split_once(' ').unwrap();
//! assert_eq!(one, other);
//! # Ok::<(), lastbyte_redact::KeyTooShort>(())
//! ```
//!
//! A pseudonym is the beginning of an HMAC: without a key all mobile numbers of China are tried in minutes. It is
//! still personal data (GDPR, Article 4(5)); [`Style::Label`] leaves none.
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
//!
//! It is one scanner for both: where it asks for what is not there yet, nothing is concluded, and the text is held back
//! from there on. Plain words leave at once.
//!
//! # Logs and services
//!
//! With the feature `tracing` a layer, a writer and a panic hook redact what is logged: module `trace`. With the feature
//! `tower` layers mark sensitive headers, and log questions and the ends of their answers: module `tower`.
//!
//! # What is found
//!
//! | rule | what | confirmed by |
//! |---|---|---|
//! | [`Email`](Rule::Email) | mail addresses, of letters of Latin, Greek and Cyrillic, with Chinese names and domains too | a top-level domain |
//! | [`Phone`](Rule::Phone) | numbers of China, North America, Germany and Japan; others behind `+` or a word such as `tel` | numbering plans (ITU-T E.164) |
//! | [`Id`](Rule::Id) | ID cards of China, SSN and ITIN of the USA, passports by the word before them, licence plates of China | GB 11643, ISO 7064 |
//! | [`Card`](Rule::Card) | bank cards, IBAN | ISO/IEC 7812, ISO 13616 |
//! | [`Ip`](Rule::Ip) | IPv4, IPv6; not loopback, private, link-local or unallocated ones | RFC 4291, RFC 5952 |
//! | [`Secret`](Rule::Secret) | keys of some seventy providers, JSON web tokens, `Bearer` and `Basic`, the headers `Authorization` and `Cookie`, passwords behind a word or in a URL, private keys | their beginnings and letters, RFC 7519, RFC 7468; a wrong check sum saves no token of GitHub |
//! | [`Zh`](Rule::Zh) | runs of two or more Chinese characters; off unless it is asked for | nothing |
//!
//! # Rules of one's own
//!
//! A label, how values begin and what follows; or, with the feature `own-regex`, a regular expression. They are found
//! like the others: in all disguises but base64, in streams, with pseudonyms.
//!
//! ```
//! use lastbyte_redact::{Alphabet, Own, Redactor};
//!
//! let redactor = Redactor::builder()
//!     .own(Own::prefix("ACME_KEY", "acme_", Alphabet::ALNUM, 20..=40)?)?
//!     .own(Own::prefix("STAFF", "EMP-", Alphabet::DIGITS, 6..=6)?)?
//!     .build();
//! assert_eq!(redactor.redact("工号EMP-004217，ＥＭＰ－００４２１７"), "工号[STAFF]，[STAFF]");
//! # Ok::<(), lastbyte_redact::OwnError>(())
//! ```
//!
//! # What is not
//!
//! - Names and stories follow no pattern. [`Redactor::digest`] says what can be said of a whole text without its words.
//! - Numbers of other countries without `+` or a word before them; figures mixed with Chinese numerals; numbers whose
//!   groups stand in columns, but mobile numbers of China and cards; passports of other forms than those of [`Rule::Id`].
//! - Mail addresses of letters of scripts other than Latin, Greek, Cyrillic and Chinese.
//! - Two levels of base64; a value with a terminal's colour in the middle; a secret that is split over two texts.
//! - What says itself that it is something else: a telephone number in one piece with a unit behind it (`ms`, `bytes`, `元`)
//!   or the name of an amount before it (`size`, `_total`); a date, an address of a private network or, behind `call` in a
//!   longer name (`tool_calls`), any number; `+49.12345`, a fraction; a card in a row of more groups of four; a version
//!   of four parts behind `upgrade`, `section` and the like; `git@host:path`, and what ends like a file (`@2x.png`).
//! - In doubt a value is hidden: 17179869184, which may be 16 GiB or a mobile number of China; `188 1300 1301`; four groups
//!   of four digits whose check digit fits; `5.4.1.2` with no word before it.
//! - Of a mail address with a Chinese domain and the same in Punycode the pseudonyms differ.
//! - Passwords without quotes that are a word of small letters, with a capital in front or not (`password=summer`), and keys
//!   without a digit that have fewer than 16 characters. In a sentence (`my password is …`) a password has a digit, or
//!   several kinds of characters.
//! - Passwords that nothing joins to their word (`密码 X`, `密码改成X`, `login with password X`, cells of a table), or a name
//!   that says too little (`auth`, `sig` outside of a query); `-u user:X` and `-p X` of commands.
//! - The rest of a password without quotes behind what looks like the next field (`&next=`, `,next:`) or a tag (`<br>`), and
//!   of one in a URL behind a `/`, `?` or `#` that is not percent-encoded. Private keys without an end, in lines that begin
//!   with something else than blanks and `>`.
//!
//! # Bounds
//!
//! | what | how much | beyond it |
//! |---|---|---|
//! | read from where a value may begin, and held of a stream | 4 KiB | a secret that is longer is redacted to the end of its word |
//! | text before a value that tells what it is | 96 bytes | it is not seen |
//! | a private key | 64 KiB | what follows is looked at again |
//! | a word in base64 that is decoded | 15 to 1024 characters | it stays |
//! | rules of one's own | 32, with values of 4 to 512 characters | an error |
//! | an expression of one's own | 1 MiB | an error |
//! | a password | 512 bytes | the rest of its word goes with it |
//! | a password in a URL | 4 KiB | the same |

mod builder;
mod digest;
mod escape;
mod hit;
mod json;
#[cfg(feature = "mask")]
pub mod mask;
mod own;
mod redactor;
mod rule;
mod scan;
mod stream;
mod style;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "tracing")]
pub mod trace;
mod utf8;

pub use builder::Builder;
pub use digest::{Digest, Digester, Language};
pub use hit::Hit;
pub use own::{Alphabet, Label, Own, OwnError};
pub use redactor::Redactor;
pub use rule::{Rule, UnknownRule};
pub use stream::Stream;
pub use style::{Key, KeyTooShort, Style};
