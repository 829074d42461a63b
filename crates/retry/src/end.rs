use lastbyte_core::{Ending, EndingHandle, EndingReporter, Phase, Scope};

/// Reports the ending of a whole answer: that of the attempt that was handed on.
pub(crate) struct AnswerEnd {
    reporter: EndingReporter,
    /// Until its ending was told.
    attempt: Option<EndingHandle>,
    /// Events of the attempts before it.
    before: u32,
}

impl AnswerEnd {
    /// Of an answer that `attempt` has begun, if any has yet.
    pub(crate) fn new(attempt: Option<EndingHandle>) -> Self {
        let phase = attempt.as_ref().map_or(Phase::FirstEvent, EndingHandle::phase);
        let (reporter, _) = EndingHandle::new(Scope::Answer, phase);
        Self { reporter, attempt, before: 0 }
    }

    /// Where it is read.
    pub(crate) fn handle(&self) -> &EndingHandle {
        self.reporter.handle()
    }

    /// The attempt whose ending it will be.
    pub(crate) fn attempt_is(&mut self, attempt: EndingHandle) {
        self.before = self.handle().events();
        self.attempt = Some(attempt);
    }

    /// The attempt is over, and the answer is not.
    pub(crate) fn no_attempt(&mut self) {
        self.follow_progress();
        self.attempt = None;
    }

    /// It ends here.
    pub(crate) fn report(&mut self, ending: Ending) {
        self.reporter.report(ending);
    }

    /// How many events came, and that the content has begun, becomes known of the answer.
    pub(crate) fn follow_progress(&mut self) {
        let Some(attempt) = &self.attempt else { return };
        self.reporter.count(self.before.saturating_add(attempt.events()));
        if attempt.phase() == Phase::Stream {
            self.reporter.advance(Phase::Stream);
        }
    }

    /// The same, and its ending too, but for a broken one: the answer may go on.
    pub(crate) fn follow_unless_broken(&mut self) {
        let ending = self.attempt.as_ref().and_then(EndingHandle::ending);
        if ending.is_some_and(|ending| !ending.is_broken()) {
            self.follow();
        } else {
            self.follow_progress();
        }
    }

    /// What is known of the attempt becomes known of the answer.
    pub(crate) fn follow(&mut self) {
        self.follow_progress();
        let Some(attempt) = &self.attempt else { return };
        if let Some(ending) = attempt.ending() {
            // An attempt that was dropped was so with the answer, which knows why.
            if *ending != Ending::Abandoned {
                self.reporter.report(ending.clone());
            }
            self.attempt = None;
        }
    }
}

impl Drop for AnswerEnd {
    fn drop(&mut self) {
        self.follow();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_all_its_attempts_are_the_answers() {
        let mut end = AnswerEnd::new(None);
        for (events, all) in [(3, 3), (2, 5)] {
            let (reporter, attempt) = EndingHandle::new(Scope::Attempt, Phase::FirstEvent);
            end.attempt_is(attempt);
            reporter.count(events);
            end.follow_unless_broken();
            assert_eq!(end.handle().events(), all);
            end.no_attempt();
        }
        assert_eq!(end.handle().events(), 5);
    }
}
