use std::time::Duration;

use crate::undecided::Since;
use crate::window::Mark;

/// A call that was let through. It has to come back to [`Circuit::end`](super::Circuit::end).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(super) generation: u64,
    /// Its number among the calls of the circuit.
    pub(super) number: u64,
    pub(super) run: u64,
    pub(super) since: Since,
    pub(super) stream: bool,
    pub(super) probe: bool,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Undecided,
    /// It has counted as a success, there.
    Alive(Mark),
    /// What it does is not looked at: it went through an open circuit that only observes.
    Unseen,
}

/// When it is worth coming back, as far as one can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) after: Duration,
}
