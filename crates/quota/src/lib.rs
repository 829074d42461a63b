//! Requests and tokens per minute for chat calls, reserved at their beginning and settled at their last byte.
//!
//! What a call costs is known when its answer has ended. Whoever charges it then has let any number of calls
//! through before the first of them is charged: fifty streams of 2,000 tokens overdraw by 100,000. Whoever
//! charges all that a call *may* take, its `max_tokens`, leaves most of the allowance unused. So a call
//! reserves an estimate, and its ending settles the difference, in either direction.
//!
//! ```
//! use lastbyte_quota::{Allowance, QuotaLayer};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full;
//!
//! # async fn chat_api(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//! let allowance = Allowance::new().with_requests_per_minute(600).with_tokens_per_minute(200_000);
//! let service = ServiceBuilder::new().layer(QuotaLayer::new(allowance)).service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! Who has read the request says what it wants, and whose allowance it uses:
//!
//! ```
//! use std::time::Duration;
//! use lastbyte_core::Dialect;
//! use lastbyte_quota::{Allowance, Key, QuotaLayer, Wanted};
//!
//! let body = br#"{"model":"qwen-max","max_tokens":200,"messages":[{"role":"user","content":"Hello"}]}"#;
//! let wanted = Wanted::read(Some(Dialect::OpenAiChat), body);
//! assert_eq!((wanted.prompt(), wanted.cap()), (9, Some(200)));
//!
//! let mut request = http::Request::post("/v1/chat/completions").body(&body[..]).unwrap();
//! request.extensions_mut().insert(wanted);
//! request.extensions_mut().insert(Key::named("team-7"));
//!
//! // No more than a tenth of a minute's allowance at once.
//! let allowance = Allowance::new().with_tokens_per_minute(90_000).with_burst(Duration::from_secs(6));
//! let layer = QuotaLayer::new(allowance).with_expected_answer(500);
//! # let _ = layer;
//! ```
//!
//! # What is counted
//!
//! Every POST is a request, whatever becomes of it, except one that a layer further in refused. Other methods
//! are free. Tokens are those of the prompt and of the answer together, as the chat API's `usage` counts them.
//!
//! An allowance comes back evenly, a token each sixtieth of a second at 3,600 a minute, up to what may be used
//! at once: its *burst*, the allowance of 60 seconds if nothing else is said. A key that was idle can so use
//! its burst and the allowance of the minute that follows within that first minute, twice the limit by
//! default; a shorter burst makes that less. This is the generic cell rate algorithm (ITU-T I.371), as the
//! `governor` crate has it.
//!
//! # What is reserved
//!
//! | part | how much |
//! |---|---|
//! | prompt, [`Wanted`] with the feature `tokenizer` and a model of OpenAI's | what its tokenizer counts |
//! | prompt, [`Wanted`] for other models | a token for each Chinese, Japanese or Korean character, 0.3 for each ASCII character, 0.5 for each other, 2 for an emoji |
//! | each message | 3 more, and 3 for the answer's beginning |
//! | each image, sound or file | 765: an image of 1024 × 1024 before OpenAI's `gpt-4o` |
//! | prompt, without [`Wanted`] | a token for each 4 bytes of the body, where that is JSON and its length is known |
//! | answer | what 19 of 20 answers of that model stayed under, no more than the larger of the caps that the request carries, times its `n` |
//!
//! A tokenizer counts the first 32 KiB of a prompt, in 1,024 pieces at most; the rest is taken to be like them, or what
//! the rule makes of it where that is more. What answers take is learnt from their `usage`, by model, over all
//! keys; one that was cut short, by the request's cap or otherwise, teaches nothing. Before there were 20 of them it
//! is taken to be [`QuotaLayer::with_expected_answer`], 1,024 tokens. So that nobody can teach others wrong, it is
//! never taken to be less than a quarter of that, and one call reserves no more than a quarter of the burst for
//! what is only learnt. Reserving too little is worse than too much: the first lets a caller through who has to be
//! refused afterwards, the second comes back seconds later.
//!
//! # What is settled
//!
//! | the answer | takes in the end |
//! |---|---|
//! | is complete, and tells its `usage` | that, what was read from a cache or written to one included |
//! | is a complete stream, and does not | the prompt, and a token for each event of it |
//! | broke behind its first content, or in one piece; took longer than allowed; its reader left before its end | the prompt, and a token for each event, but half of what was reserved for the answer at least: the API bills what it generates before it notices |
//! | cannot be read, or is complete in one piece without `usage` | what was reserved |
//! | never came: the API failed, or refused, or ended a stream before its first content | no tokens; the request counts |
//! | was refused by another layer | nothing |
//!
//! A call may take more than it had reserved. Then its key is in debt, and the next call waits for it: for ten
//! minutes of the allowance a call, so that a wrong `usage` shuts nobody out for longer, and for an hour in all.
//! Many calls at once that all take far more than they reserved so overdraw an allowance, once.
//!
//! # What callers see
//!
//! Who is over the limit gets a 429 at once, code `rate_limit_exceeded`, with the time to come back from the
//! same arithmetic, and nothing is spent. A request that is larger than the burst alone could never pass; it
//! gets a 429 too, code `request_above_quota`, without a time and with `x-should-retry: false`. Answers and
//! refusals carry `x-ratelimit-limit-requests`, `x-ratelimit-remaining-requests`,
//! `x-ratelimit-reset-requests` and the same for tokens, as OpenAI's do, in place of those that the chat API
//! sent for the one key that all share.
//!
//! # Order
//!
//! Outside of retry: a call is one request for its caller, however many attempts it takes. Inside of admission
//! and of the seal. Where answers are replayed, inside of that: a replay is free.
//!
//! # At the end of a stream
//!
//! It is settled once, at the last byte, or when the body or the future is dropped. An event stream is held to
//! its ending, as by every layer.
//!
//! # When the reader leaves
//!
//! The answer is settled as in the table, and never given back in full.
//!
//! # Sharing it
//!
//! [`Quotas`] is what the layer asks. [`Local`] keeps an allowance for each key in this process: with two
//! processes behind one address a key has twice its allowance. Another implementation may ask a server that
//! they share.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | keys, [`Local::with_max_keys`] | 10,000 | those that have used least of their allowance are forgotten, but none with calls under way |
//! | models whose answers are known | 1,024 | all begin anew |
//! | text that a tokenizer counts | 32 KiB in 1,024 pieces | the rest as above |
//! | debt | 10 minutes of the allowance a call, or its burst where that is longer, and an hour in all beyond the burst | it is forgiven |
//! | a limit | 4,294,967,295 a minute | |
//!
//! There are no tasks, and no timers.

mod bucket;
mod future;
mod headers;
mod layer;
mod lengths;
mod local;
mod reserved;
mod tokens;
mod wanted;

pub use future::ResponseFuture;
pub use lastbyte_store::quota::{Allowance, Cost, Denied, Key, Limited, Meter, Quotas, Standing, Taking};
pub use layer::{Quota, QuotaLayer, ResponseBody, Totals};
pub use local::Local;
pub use reserved::Reserved;
pub use tokens::load_tokenizers;
pub use wanted::Wanted;
