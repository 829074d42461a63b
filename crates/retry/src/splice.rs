//! Going on in the middle: what a broken answer has shown, the request for the rest, and the seam.
//!
//! An answer that breaks behind its first words cannot simply be asked for again: the reader has them. A
//! [`Splice`] keeps what one answer has shown. When the answer breaks, [`Splice::plan`] says what to send
//! upstream next, and [`Splice::forward`] joins what comes to what was shown, so that the reader has one
//! answer: one id, one role, no text doubled or lost, one end.
//!
//! ```
//! use bytes::Bytes;
//! use lastbyte_core::Dialect;
//! use lastbyte_retry::splice::{Continuation, Settings, Splice, Way};
//!
//! let settings = Settings { continuation: Continuation::Vllm, ..Settings::default() };
//! let mut splice = Splice::new(settings, Dialect::OpenAiChat, false);
//! let chunk = |id: &str, text: &str| {
//!     Bytes::from(format!(
//!         "data: {{\"id\":\"{id}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
//!     ))
//! };
//!
//! // What comes first passes as it is.
//! assert_eq!(splice.forward(chunk("a", "Hello ")).bytes, chunk("a", "Hello "));
//!
//! // It broke. The request for the rest ends with the text so far, without the space.
//! let next = splice.plan(br#"{"messages":[{"role":"user","content":"Hi"}],"stream":true}"#).unwrap();
//! assert_eq!(next.way, Way::Continue);
//! assert!(next.body.ends_with(
//!     br#"{"role":"assistant","content":"Hello"}],"stream":true,"add_generation_prompt":false,"continue_final_message":true}"#
//! ));
//!
//! // The model writes the space again. The reader has it already.
//! assert_eq!(splice.forward(chunk("b", " world")).bytes, chunk("a", "world"));
//! ```
//!
//! # Ways
//!
//! [`Way::Continue`] asks with the text so far as the beginning of the answer, where the upstream has a way
//! to say so and the answer is nothing but text. [`Way::Replay`] asks again and leaves out what matches what
//! was shown; a difference is a [`Mismatch`], and the reader is told. [`Way::Restart`] sends one
//! `event: restart`, to a reader that declared it, and then the new answer as it is.
//!
//! # Bounds
//!
//! | bound | default | why |
//! |---|---|---|
//! | requests for one answer, after the first | 4, fixed | each pays for the prompt and the text again |
//! | text kept | 256 KiB | some 60,000 tokens, above the output limit of most models |
//! | request for the rest | 4 MiB | what a request may have |
//! | one event | 1 MiB | as everywhere |

mod anthropic;
mod chat;
mod json;
mod plan;
mod request;
mod responses;
mod shown;
mod stencil;
mod strategy;
mod transcript;
mod usage;
mod why;
mod wire;

use std::fmt;

use bytes::{Bytes, BytesMut};
use lastbyte_core::sse::{Cutter, Scanner};
use lastbyte_core::{Dialect, Resume};

pub use plan::Next;
pub use strategy::{ACCEPT, Continuation, Settings, Strategy, Way, reads_restart};
pub use why::{Mismatch, WhyNot};

use self::shown::Shown;
use self::stencil::Stencil;
use self::wire::{Joined, Wire, block};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What one answer has shown, and how what comes is joined to it. A plain value: no clock, no transport.
pub struct Splice {
    settings: Settings,
    dialect: Dialect,
    /// Whether the reader understands a restart.
    restarts: bool,
    shown: Shown,
    wire: Wire,
    stencil: Option<Stencil>,
    cutter: Cutter,
    scanner: Scanner,
    /// Goes before what comes next.
    before: &'static [u8],
    /// Whether nothing of the attempt was read yet, and whether its last byte was a CR that was left out.
    is_fresh: bool,
    after_cr: bool,
    failed: Option<Mismatch>,
    seams: u32,
    /// How the attempt that is under way is joined; `None` for the first.
    way: Option<Way>,
    ruled_out: Vec<Way>,
}

/// What came out of what came in.
#[derive(Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// What to forward, whole events; often nothing. It counts as shown.
    pub bytes: Bytes,
    /// Why nothing more of this attempt can be forwarded.
    pub failed: Option<Mismatch>,
}

impl Splice {
    /// For one answer in this wire format; `restarts` where the reader understands a restart
    /// ([`reads_restart`]).
    pub fn new(settings: Settings, dialect: Dialect, restarts: bool) -> Self {
        Self {
            settings,
            dialect,
            restarts,
            shown: Shown::new(settings.max_kept),
            wire: Wire::new(dialect, &settings),
            stencil: None,
            cutter: Cutter::new(settings.max_event),
            scanner: Scanner::new(settings.max_event),
            before: &[],
            is_fresh: true,
            after_cr: false,
            failed: None,
            seams: 0,
            way: None,
            ruled_out: Vec::new(),
        }
    }

    /// Takes over an answer of which a reader was shown this already.
    ///
    /// The events tell all there is to know. Where there are none, the text alone is taken for the whole of
    /// what was shown; then the answer goes on under the next attempt's id.
    pub fn resume(&mut self, resume: &Resume) {
        if resume.events.is_empty() {
            match self.dialect {
                _ if matches!(self.wire, Wire::Unread) => self.shown.unread = !resume.text.is_empty(),
                _ if resume.text.is_empty() => {}
                Dialect::OpenAiChat => {
                    self.wire = Wire::Chat(chat::Chat::shown_as_text(&mut self.shown, &resume.text));
                }
                Dialect::Anthropic => {
                    let wire = anthropic::Messages::shown_as_text(&mut self.shown, &resume.text);
                    self.wire = Wire::Messages(wire);
                }
                Dialect::OpenAiResponses => self.shown.unread = true,
            }
            return;
        }
        let mut scanner = Scanner::new(self.settings.max_event);
        for event in &resume.events {
            let read = scanner.push(event, |event| {
                if event.name() == b"restart" {
                    return self.forget();
                }
                // Nothing is joined here, so nothing can fail.
                let _ = self.wire.event(&mut self.shown, &mut self.stencil, event.name(), event.data());
            });
            self.shown.unread |= read.is_err();
        }
    }

    /// The answer begins again.
    fn forget(&mut self) {
        self.shown = Shown::new(self.settings.max_kept);
        self.wire = Wire::new(self.dialect, &self.settings);
        self.stencil = None;
    }

    /// Takes in what came, wherever its chunk borders are, and gives what to forward: whole events, as they
    /// came where nothing about them has to change.
    ///
    /// What comes before its content should be held back from here: a restart is told with the first event.
    pub fn forward(&mut self, chunk: Bytes) -> Forwarded {
        if self.failed.is_some() {
            return Forwarded { bytes: Bytes::new(), failed: self.failed };
        }
        let mut whole = match self.cutter.push(chunk) {
            Ok(Some(whole)) => whole,
            Ok(None) => return Forwarded { bytes: Bytes::new(), failed: None },
            Err(_) => return self.fail(Bytes::new(), Mismatch::TooLarge),
        };
        // A byte order mark belongs to the beginning of a stream.
        if std::mem::take(&mut self.is_fresh) && self.seams > 0 && whole.starts_with(BOM) {
            let _ = whole.split_to(BOM.len());
        }
        // The other half of a line end, of which the first may have been rewritten.
        if std::mem::take(&mut self.after_cr) && self.seams > 0 && whole.starts_with(b"\n") {
            let _ = whole.split_to(1);
        }

        let mut out = BytesMut::new();
        // Everything before `done` is in `out`, or left out of it.
        let (mut done, mut last_end) = (0, 0);
        out.extend_from_slice(std::mem::take(&mut self.before));
        let mut mismatch = None;
        let Self { scanner, wire, shown, stencil, .. } = self;
        let scanned = scanner.push(&whole, |event| {
            if mismatch.is_some() {
                return;
            }
            let mut end = event.end();
            if whole[..end].ends_with(b"\r") && whole[end..].starts_with(b"\n") {
                end += 1;
            }
            let start = std::mem::replace(&mut last_end, end);
            match wire.event(shown, stencil, event.name(), event.data()) {
                Ok(Joined::Pass) => return,
                Ok(Joined::Drop) => out.extend_from_slice(&whole[done..start]),
                Ok(Joined::Rewritten(new)) => {
                    out.extend_from_slice(&whole[done..start]);
                    out.extend_from_slice(&new);
                }
                Err(why) => {
                    out.extend_from_slice(&whole[done..start]);
                    mismatch = Some(why);
                }
            }
            done = end;
        });
        self.after_cr = whole.ends_with(b"\r") && done == whole.len();
        if let Some(why) = mismatch {
            return self.fail(out.freeze(), why);
        }
        if scanned.is_err() {
            out.extend_from_slice(&whole[done..last_end]);
            return self.fail(out.freeze(), Mismatch::TooLarge);
        }
        if done == 0 && out.is_empty() {
            return Forwarded { bytes: whole, failed: None };
        }
        out.extend_from_slice(&whole[done..]);
        Forwarded { bytes: out.freeze(), failed: None }
    }

    /// Whether nothing is held back: what came so far ended with an event.
    pub fn is_between(&self) -> bool {
        self.cutter.is_between()
    }

    /// What is held back of the attempt: the beginning of an event that has not ended. Where the answer is
    /// over, and was never joined, it belongs to what came.
    pub fn take_rest(&mut self) -> Bytes {
        self.cutter.take_rest()
    }

    fn fail(&mut self, bytes: Bytes, why: Mismatch) -> Forwarded {
        self.failed = Some(why);
        if let Some(way) = self.way {
            self.rule_out(way);
        }
        Forwarded { bytes, failed: self.failed }
    }
}

impl fmt::Debug for Splice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what was shown: that is somebody's answer.
        f.debug_struct("Splice")
            .field("settings", &self.settings)
            .field("dialect", &self.dialect)
            .field("seams", &self.seams)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
