use lastbyte_core::{Ending, EndingHandle, EndingReporter, Phase, Scope};

/// The ending of a whole answer: that of the attempt that was handed on.
pub(crate) enum AnswerEnd {
    /// Nothing is held between that attempt and the reader, so the two are one.
    Attempt(EndingHandle),
    /// Told once it is known.
    Told {
        reporter: EndingReporter,
        /// Until its ending was told.
        attempt: Option<EndingHandle>,
    },
}

impl AnswerEnd {
    /// Of an answer that `attempt` has begun, of which something may be held.
    pub(crate) fn came(attempt: Option<EndingHandle>, is_held: bool) -> Self {
        match attempt {
            Some(attempt) if !is_held => Self::Attempt(attempt.of(Scope::Answer)),
            attempt => {
                let phase = attempt.as_ref().map_or(Phase::FirstEvent, EndingHandle::phase);
                let (reporter, _) = EndingHandle::new(Scope::Answer, phase);
                Self::Told { reporter, attempt }
            }
        }
    }

    /// Of an answer that no attempt has begun yet.
    pub(crate) fn waiting() -> Self {
        Self::came(None, true)
    }

    /// Where it is read.
    pub(crate) fn handle(&self) -> EndingHandle {
        match self {
            Self::Attempt(handle) => handle.clone(),
            Self::Told { reporter, .. } => reporter.handle().clone(),
        }
    }

    /// The attempt whose ending it will be.
    pub(crate) fn attempt_is(&mut self, handle: EndingHandle) {
        if let Self::Told { attempt, .. } = self {
            *attempt = Some(handle);
        }
    }

    /// It ends here.
    pub(crate) fn report(&mut self, ending: Ending) {
        if let Self::Told { reporter, .. } = self {
            reporter.report(ending);
        }
    }

    /// What is known of the attempt becomes known of the answer.
    pub(crate) fn follow(&mut self) {
        if let Self::Told { reporter, attempt } = self
            && let Some(known) = attempt
        {
            if known.phase() == Phase::Stream {
                reporter.advance(Phase::Stream);
            }
            if let Some(ending) = known.ending() {
                // An attempt that was dropped was so with the answer, which knows why.
                if *ending != Ending::Abandoned {
                    reporter.report(ending.clone());
                }
                *attempt = None;
            }
        }
    }
}

impl Drop for AnswerEnd {
    fn drop(&mut self) {
        self.follow();
    }
}
