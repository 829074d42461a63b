//! Reversible masking, with the feature `mask`: the chat API sees stand-ins, whoever asked it reads the values.
//!
//! ```
//! use lastbyte_redact::mask::Masker;
//! use lastbyte_redact::{Key, Redactor};
//!
//! let masker = Masker::new(Redactor::new(), Key::new("thirty bytes that nobody knows")?);
//! let (masked, map) = masker.mask("write to li.wei@example.com")?;
//! assert!(masked.starts_with("write to EMAIL_") && !masked.contains("li.wei"));
//! assert_eq!(map.restore(&masked), "write to li.wei@example.com");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What comes in pieces is restored as it comes, however it was cut, and nothing is waited for that cannot become a
//! stand-in:
//!
//! ```
//! # use std::sync::Arc;
//! # use lastbyte_redact::mask::Masker;
//! # use lastbyte_redact::{Key, Redactor};
//! # let masker = Masker::new(Redactor::new(), Key::new("thirty bytes that nobody knows")?);
//! # let (masked, map) = masker.mask("li.wei@example.com")?;
//! let (one, two) = masked.split_at(8);
//! let (mut out, mut unmask) = (String::new(), Arc::new(map).unmask());
//! for piece in ["I wrote to ", one, two, "."] {
//!     unmask.push(piece, &mut out);
//! }
//! unmask.finish(&mut out);
//! assert_eq!(out, "I wrote to li.wei@example.com.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A layer does both around a chat API, in OpenAI's Chat Completions and Responses and in Anthropic's Messages:
//!
//! ```
//! use lastbyte_redact::mask::MaskLayer;
//! use lastbyte_redact::{Key, Redactor};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte_redact::mask::MaskedBody;
//! # async fn chat_api(_: Request<MaskedBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//!
//! # let key_of_the_environment = "thirty bytes that nobody knows";
//! let key = Key::new(key_of_the_environment)?;
//! let service = ServiceBuilder::new().layer(MaskLayer::new(Redactor::new(), key)).service_fn(chat_api);
//! # let _ = service;
//! # Ok::<(), lastbyte_redact::KeyTooShort>(())
//! ```
//!
//! # A stand-in
//!
//! `EMAIL_3f9a01bc22d4`: what it is, and twelve digits that are the beginnings of two HMACs. The first six are the value's,
//! the last six those of its spelling: a model sees that `13812345678` and `138-1234-5678` are one number, and each comes
//! back as it was written. There is nothing in it that JSON, URLs or Markdown would write in another way. A stand-in is
//! read in any letter case, with `-`, `:`, `__`, `%5F` or a blank for `_`, with the backslash that Markdown puts there, with a
//! blank here and there: its digits are among some of 2⁴⁸ that are known, so that nothing else is taken for one.
//!
//! Text of the request that could be taken for a stand-in that is there is masked itself (`TEXT_…`), so that it comes
//! back as it was. A value is masked wherever it stands as soon as a rule finds it once: the `hunter22` of
//! `password: hunter22` in all messages. That a tool's result has it as JSON escapes it, `C0rp\\admin` for `C0rp\admin`, is
//! another spelling.
//!
//! Stand-ins are pseudonyms (GDPR, Article 4(5)): the chat API can tell that a tenant's two requests have the same value.
//! It cannot tell which, nor that another tenant's has it.
//!
//! # Where the map is
//!
//! It lives as long as the answer, in memory. Nothing has to be stored: a stand-in depends on the value, the key and the
//! [tenant](lastbyte_core::Tenant) alone, so whoever takes an answer over after a crash masks the recorded request again and
//! has the same map. What the journal holds are values: it is outside of this layer, and what it shows to readers is
//! restored already. The text shown so far ([`Resume`](lastbyte_core::Resume)) is masked by the same map before the chat
//! API is asked to go on. That stays right if the tenant has another number by then, since request and text get the same.
//!
//! A map has the values of one request, and a dialogue has to be in it. Where the API keeps the dialogue itself, as Responses
//! does for `previous_response_id` and `conversation`, the values of earlier requests are not known: a stand-in that the
//! model has from there is left in the answer, and counted as lost.
//!
//! Whoever stores a map all the same has [`Map::seal`]: XChaCha20-Poly1305 under a key that is derived from the one of the
//! environment and the tenant.
//!
//! # What is masked
//!
//! | | masked | not |
//! |---|---|---|
//! | of a request | all strings but those beside: messages and their parts, `system`, `instructions`, `input`, what tools were told and gave, variables of a prompt, reasoning, who speaks (`name`, `user`), members that are not known and all that is in them but addresses and references | the model, tools and their schemas, formats, references, what the API logs in with elsewhere (`mcp_servers`, `data_sources`); roles, types and ids; pictures, sound and files; addresses that the API opens (`url`, `image_url`, `file_url`); numbers; headers and the query |
//! | arguments of tools (a string or an object), `env` of a command, `metadata` | names, strings and numbers, each under its name; a number becomes a string | |
//!
//! A file is what stands under `data`, `file_data` or `images` in base64, with line breaks or without, or in a `data:` URL
//! of base64. Beside `"type":"text"` it is text whatever it looks like.
//!
//! What a model has thought and signed (`thinking` beside a `signature`, also `reasoning_details`) is sent back as it wrote
//! it, or its signature were wrong: no rule looks for values in it, and those of the other texts have the stand-ins again
//! that it was shown. It is refused by the API all the same where such a value stands in it that it did not have as a
//! stand-in: where it made the value up before somebody else said it, or broke a stand-in.
//!
//! Arguments are JSON in a string: what is restored there is escaped; so is what is said where the request asks for JSON
//! (`response_format`, `text.format`, `output_format`, `output_config.format`). A string of arguments that is not quite
//! JSON (`\'`, a line break) gets its stand-ins where it stands; half a surrogate pair (`\ud83d`) stays in any string.
//! Text within text, JSON in a string of such JSON, is text. `logprobs` show the pieces of stand-ins. Stand-ins are in
//! what the API counts as tokens.
//!
//! # A request that cannot be read
//!
//! One that is compressed, is no JSON, is too large or has too many values is refused ([`Unreadable::Refuse`]), 415, 400
//! or 413 with `x-lastbyte-refused-by: redact`; with [`Unreadable::Pass`] it goes as it is. An *answer* that cannot be read
//! passes with its stand-ins: nothing is shown to anybody that way. It is asked for with `accept-encoding: identity`.
//! [`MaskLayer::totals`] counts all of these.
//!
//! # Order
//!
//! Inside of what keeps answers, such as the idempotency layer, so that readers are shown values whoever they are; outside
//! of retry, so that a stand-in that is cut by a broken attempt is joined to what the next one says, and that one is asked
//! to go on from what the chat API itself has said. The text that a splice sends again has its stand-ins still.
//!
//! # At the end of a stream
//!
//! Events pass as they came, byte for byte, but for those with a stand-in. One that ends in what could become one waits for
//! the next of its text, a choice's, a block's or a tool call's; the value is put where its stand-in began. What waits
//! leaves at the end of its text (reasoning ends where an answer begins, and that where a tool is called), at the end of the
//! stream, and before its error. Nothing passes what waits, not even a comment. An event stream is held to its ending, as
//! by every layer. Lengths and digests of what is rewritten are taken out of the head. Where a request has no values,
//! nothing of its answer is looked at, unless the API has kept an earlier one, as above.
//!
//! # When the reader leaves
//!
//! Request, map and answer are dropped with the future or the body. There are no tasks.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | a request, [`MaskLayer::with_max_body`] | 4 MiB | it cannot be read, as above |
//! | values of a request, [`Map::MAX`] | 65,536 | it cannot be read |
//! | a value that is looked for without its context, [`Map::KNOWN_AGAIN`] to [`Map::KNOWN_AGAIN_TO`] | 6 bytes to 4 KiB | shorter and longer ones are masked only where a rule finds them |
//! | an answer that is not streamed, [`MaskLayer::with_max_answer`] | 4 MiB | it passes with its stand-ins |
//! | one event, [`MaskLayer::with_max_event`] | 1 MiB | the answer is [`Truncated`](lastbyte_core::Ending::Truncated) |
//! | held of a text, [`LONGEST`] | 36 bytes | it is no stand-in |
//! | events that wait for one of their texts | 64 KiB | the text that the first waits for ends, and what it holds leaves as it came |
//! | texts of an answer side by side | 256 | the oldest ends |
//! | JSON, how deep | 128 levels | a request is unreadable; an answer passes |

mod answer;
mod body;
mod events;
mod future;
mod json;
mod known;
mod lanes;
mod layer;
mod map;
mod masked;
mod masker;
mod policy;
mod request;
mod seal;
mod standin;
mod texts;
mod unmask;
mod wire;

#[cfg(test)]
mod tests;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{Mask, MaskLayer};
pub use map::{Map, TooMany};
pub use masked::MaskedBody;
pub use masker::Masker;
pub use policy::{Totals, Unreadable};
pub use seal::{NotOpened, SealError};
pub use standin::LONGEST;
pub use unmask::{Counts, Unmask};
