use tokio::time::Instant;

use crate::adaptive::Adaptive;

/// How many places a gate has.
#[derive(Debug)]
pub(crate) enum Limit {
    /// Always so many.
    Fixed(usize),
    /// As many as was learned.
    Learned(Box<Adaptive>),
}

impl Limit {
    /// How many there are now, one at least.
    pub(crate) fn places(&mut self, now: Instant) -> usize {
        match self {
            Self::Fixed(places) => (*places).max(1),
            Self::Learned(adaptive) => adaptive.limit(now),
        }
    }

    /// When there will be more though nothing happens. Once that time has come, [`places`](Self::places)
    /// moves it on. `None`: not by itself.
    pub(crate) fn rises_at(&self) -> Option<Instant> {
        match self {
            Self::Fixed(_) => None,
            Self::Learned(adaptive) => adaptive.rises_at(),
        }
    }
}
