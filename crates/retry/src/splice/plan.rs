use bytes::Bytes;
use lastbyte_core::Dialect;
use lastbyte_core::sse::{Cutter, Scanner};

use super::wire::Wire;
use super::{Continuation, Splice, Strategy, Way, WhyNot, request, responses};

/// How often one answer may be asked for again behind its first content. Four, with the first request the
/// five that there are at most for one answer. A process that takes an answer over begins to count anew.
const MAX_SEAMS: u32 = 4;

/// Tells a reader that declared it to drop what it has of the answer. It has data, as every block of ours,
/// and the data a type, for readers that look there.
const RESTART: &[u8] = b"event: restart\ndata: {\"type\":\"restart\"}\n\n";

/// The next request for an answer.
#[derive(Debug)]
pub struct Next {
    /// Its body.
    pub body: Bytes,
    /// How its answer is joined to what was shown.
    pub way: Way,
}

impl Splice {
    /// What to send upstream next, now that the answer broke; `request` is the body of the first request,
    /// as it was.
    ///
    /// What is forwarded from now on is joined to what was shown. An attempt that fails before anything of it
    /// came to [`forward`](Self::forward) can be made again with the same body.
    ///
    /// # Errors
    ///
    /// Why not: then the answer stays broken.
    pub fn plan(&mut self, request: &[u8]) -> Result<Next, WhyNot> {
        let next = match self.settings.strategy {
            Strategy::Fail => Err(WhyNot::Off),
            _ if self.shown.is_finished() => Err(WhyNot::Finished),
            _ if self.seams >= MAX_SEAMS => Err(WhyNot::Spent),
            // Nothing was shown that could differ: a role at most.
            _ if self.shown.is_blank() && self.is_comparable().is_ok() => self.replay(request),
            Strategy::Continue => self.go_on(request),
            Strategy::Replay => self.replay(request),
            Strategy::Restart => self.restart(request),
            Strategy::Auto => match self.go_on(request) {
                Err(why) => self.restart(request).map_err(|_| why),
                next => next,
            },
        }?;
        self.seams += 1;
        self.way = Some(next.way);
        self.stencil = None;
        self.cutter = Cutter::new(self.settings.max_event);
        self.scanner = Scanner::new(self.settings.max_event);
        (self.is_fresh, self.after_cr, self.failed) = (true, false, None);
        Ok(next)
    }

    /// This way does not work here: the upstream refused the request. [`plan`](Self::plan) takes another
    /// one, if there is another. A way that has led to a [`Mismatch`] is ruled out by that.
    pub fn rule_out(&mut self, way: Way) {
        if !self.ruled_out.contains(&way) {
            self.ruled_out.push(way);
        }
    }

    fn may(&self, way: Way) -> Result<(), WhyNot> {
        if self.ruled_out.contains(&way) { Err(WhyNot::RuledOut) } else { Ok(()) }
    }

    /// Whether what was shown is known, all of it.
    fn is_comparable(&self) -> Result<(), WhyNot> {
        if self.shown.transcript.is_over() {
            Err(WhyNot::TooLong)
        } else if self.shown.audio {
            Err(WhyNot::Audio)
        } else if self.shown.unread {
            Err(WhyNot::Unread)
        } else {
            Ok(())
        }
    }

    fn go_on(&mut self, request: &[u8]) -> Result<Next, WhyNot> {
        self.may(Way::Continue)?;
        let continuation = self.settings.continuation;
        if continuation == Continuation::None {
            return Err(WhyNot::NoContinuation);
        }
        self.is_comparable()?;
        if let Wire::Messages(messages) = &self.wire
            && let Some(why) = messages.why_not_continue()
        {
            return Err(why);
        }
        let prefix = request::trimmed(self.shown.plain_text()?);
        if prefix.is_empty() {
            return Err(WhyNot::NoText);
        }
        let produced = self.shown.produced();
        let body = request::continued(request, self.dialect, continuation, prefix, produced)?;
        if body.len() > self.settings.max_request {
            return Err(WhyNot::RequestTooLarge);
        }
        let prefix = prefix.len();
        self.shown.continue_after(prefix, continuation == Continuation::Mistral);
        self.wire.turn();
        Ok(Next { body: body.into(), way: Way::Continue })
    }

    fn replay(&mut self, request: &[u8]) -> Result<Next, WhyNot> {
        self.may(Way::Replay)?;
        self.is_comparable()?;
        if self.dialect == Dialect::OpenAiResponses
            && let Some(why) = responses::Responses::why_not_replay(request)
        {
            return Err(why);
        }
        self.shown.replay();
        self.wire.turn();
        Ok(Next { body: Bytes::copy_from_slice(request), way: Way::Replay })
    }

    fn restart(&mut self, request: &[u8]) -> Result<Next, WhyNot> {
        self.may(Way::Restart)?;
        if !self.restarts {
            return Err(WhyNot::NoRestart);
        }
        self.forget();
        self.before = RESTART;
        Ok(Next { body: Bytes::copy_from_slice(request), way: Way::Restart })
    }
}
