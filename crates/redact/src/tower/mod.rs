//! Layers of tower, with the feature `tower`: [`SensitiveHeadersLayer`] marks headers that no log may show,
//! [`QuestionsLayer`] logs what was asked and how its answer ended, as far as a log may know it.
//!
//! ```
//! use lastbyte_redact::Redactor;
//! use lastbyte_redact::tower::{QuestionsLayer, SensitiveHeadersLayer};
//! use tower::ServiceBuilder;
//! # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full; use lastbyte_redact::tower::RequestBody;
//! # async fn chat_api(_: Request<RequestBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
//! #     Ok(Response::new(Full::default())) }
//!
//! let service = ServiceBuilder::new()
//!     .layer(SensitiveHeadersLayer::requests())
//!     // .layer(TraceLayer::new_for_http())
//!     .layer(SensitiveHeadersLayer::responses())
//!     .layer(QuestionsLayer::new(Redactor::new()))
//!     .service_fn(chat_api);
//! # let _ = service;
//! ```
//!
//! With a key equal questions have equal hashes, and with [`Show::Redacted`] a hundredth of them is shown, with marks:
//!
//! ```
//! use http::HeaderName;
//! use lastbyte_redact::tower::{QuestionsLayer, SensitiveHeadersLayer, Show};
//! use lastbyte_redact::{Key, Redactor, Style};
//!
//! let key = Key::new("thirty bytes that nobody knows")?;
//! let redactor = Redactor::builder().style(Style::Pseudonym(key)).build();
//! let questions = QuestionsLayer::new(redactor).with_show(Show::Redacted).with_max_question(512).with_sample(0.01);
//! let headers = SensitiveHeadersLayer::requests().with([HeaderName::from_static("x-user-id")]);
//! # let _ = (questions.unwrap(), headers);
//! # Ok::<(), lastbyte_redact::KeyTooShort>(())
//! ```
//!
//! # Order
//!
//! A header has to be marked before it is logged. A request comes from outside: who marks it stands outside of the layer
//! that logs. A response comes from inside: who marks it stands inside of that layer. So there are two, one on each side.
//! Neither takes a value away: what is further in can use it as before.
//!
//! [`QuestionsLayer`] stands inside of the layer that opens a request's span, and its line is in that span. Inside of
//! authentication, hashes are separated by [`Tenant`](lastbyte_core::Tenant). Outside of retry a question is one line,
//! however often it was asked; inside of it each attempt is one.
//!
//! # What is logged of a question
//!
//! One event of the target [`TARGET`], at `INFO`, for each POST to a chat API's path:
//!
//! | field | what |
//! |---|---|
//! | `dialect` | the wire format: `chat`, `responses`, `messages` |
//! | `status` | of the head; none where there was no head |
//! | `ending`, `code` | how it ended: `complete`, `truncated`, `abandoned`, …; the code of [`Ending::code`](lastbyte_core::Ending::code) where it did not end well and it says more |
//! | `events` | how many events of the answer had passed, its end mark not among them |
//! | `input_tokens`, `output_tokens` | as the API counted them, where it did |
//! | `head_ms`, `content_ms`, `ms` | from the request to the head, to the first content of a stream, to the end, in milliseconds |
//! | `question_chars`, `question_language`, `question_hash` | the [`Digest`](crate::Digest) of the last user message that has a text; its parts are joined by line ends |
//! | `question`, `question_cut` | with [`Show::Redacted`] its beginning, redacted, and whether it is longer |
//! | `question_unread` | why there is none: `compressed`, `no JSON`, `no user message`, `not read to its end` |
//! | `answer_chars`, `answer_language`, `answer_hash` | the same of the whole text of the first choice, as far as it came |
//! | `answer`, `answer_cut` | with [`Show::Redacted`] its end |
//! | `answer_withheld` | how many bytes at the end of an answer that broke off are not shown |
//! | `answer_unread` | why there is none: `compressed`, `no chat answer`, `no JSON`, `too large an event`, `no answer` |
//!
//! [`Show::Digest`], the default, has no word of them. [`Show::Redacted`] has names and stories: no rule finds them. A value
//! that is split over events of a stream, or over pieces of a body, is found like any other; and a text is cut after it was
//! redacted, so that no half of a value is left. Where an answer breaks off, or ends for another reason than that all is
//! said (`length`, a filter, a stop sequence where it is told apart), its last word or number may be half a value: what
//! could become one is withheld. Reasoning, tool calls and what tools gave are not looked at.
//!
//! A body that is compressed is not looked at, and the line says so.
//!
//! # At the end of a stream
//!
//! Both bodies pass frame by frame, and nothing is held back. An event stream is held to its ending, as by every layer:
//! where it breaks, it ends with an error, also where its transport ended cleanly
//! ([`QuestionsLayer::lenient`] leaves that as it is). The line is written at the end of the body, at its last frame
//! where that says that it is the last, or when it is dropped.
//!
//! # When the reader leaves
//!
//! The line says `abandoned`, with what had passed by then. So it does where the caller leaves before there is a head.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | a question that is shown, [`QuestionsLayer::with_max_question`] | [`MAX_QUESTION`], 4 KiB | its beginning is |
//! | an answer that is shown, [`QuestionsLayer::with_max_answer`] | [`MAX_ANSWER`], 1 KiB | its end is |
//! | one event, [`QuestionsLayer::with_max_event`] | 1 MiB | the answer is cut there, as by every layer; a lenient one passes, and is not looked at |
//! | JSON, how deep | 128 levels | it is taken to be none |
//!
//! Of a call that is logged, there are kept: these, what the redactor holds back of each text, and a state of some hundred
//! bytes; of an answer in one piece twice as much while the kind of an item is not known. Neither text is kept or copied
//! as a whole. Of a call that is not, nothing.

mod answer;
mod body;
mod expect;
mod finish;
mod future;
mod headers;
mod json;
mod layer;
mod question;
mod record;
mod sample;
mod show;
mod text;

pub use body::{RequestBody, ResponseBody};
pub use future::ResponseFuture;
pub use headers::{MarkedFuture, SENSITIVE, SENSITIVE_IN_RESPONSES, SensitiveHeaders, SensitiveHeadersLayer};
pub use layer::{MAX_ANSWER, MAX_QUESTION, Questions, QuestionsLayer, TARGET};
pub use show::{Show, UnknownShow};
